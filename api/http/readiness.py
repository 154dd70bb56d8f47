"""Says whether the service can answer: its catalogue, its index and its model are asked, each in a thread."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from api.errors import public_detail
from rag.errors import RagwrightError
from rag.ports import Index
from rag.retrieve.lost import refuse_lost
from rag.types import Generation

if TYPE_CHECKING:
    from rag.runtime import Runtime

_TIMEOUT_S = 5.0
_logger = logging.getLogger(__name__)


class _Probe:
    """One blocking check, never run twice at a time: a part that hangs must not eat the pool of threads."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._task: asyncio.Task[str | None] | None = None

    async def reason(self, timeout_s: float) -> str | None:
        """Return why the part is not ready, or None."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(asyncio.to_thread(self._run))
        done, _ = await asyncio.wait({self._task}, timeout=timeout_s)
        return self._task.result() if done else "does not answer yet"

    def _run(self) -> str | None:
        try:
            self._check()
        except RagwrightError as error:
            _logger.error("a readiness check failed: %s", error)  # the reason may name hosts and paths
            return public_detail(error)
        except Exception:
            _logger.exception("a readiness check failed")
            return "failed unexpectedly; see the log"
        return None


class Readiness:
    """Probes a runtime. The first call loads the model, so call it once at the start."""

    def __init__(self, runtime: Runtime, timeout_s: float = _TIMEOUT_S) -> None:
        self._runtime = runtime
        self._timeout_s = timeout_s
        self._probes = {
            "catalogue": _Probe(self._ask_catalogue),
            "index": _Probe(self._ask_index),
            "model": _Probe(self._ask_model),
        }

    async def reasons(self) -> dict[str, str | None]:
        """Return, for each part, why it is not ready (None: it is)."""
        found = await asyncio.gather(*(probe.reason(self._timeout_s) for probe in self._probes.values()))
        return dict(zip(self._probes, found, strict=True))

    def _ask_catalogue(self) -> None:
        self._runtime.catalogue.corpora()

    def _ask_index(self) -> None:
        for generation, index in self._live():
            refuse_lost(index, generation, self._runtime.catalogue)
            index.keywords.count(generation.id)

    def _ask_model(self) -> None:
        # Readers use the model of the index, which may not be the one that the settings now name.
        first = next(self._live(), None)
        (first[1].embedder if first else self._runtime.embedder).embed(["ready"])

    def _live(self) -> Iterator[tuple[Generation, Index]]:
        catalogue = self._runtime.catalogue
        for name in catalogue.corpora():
            generation = catalogue.live(name)
            yield generation, self._runtime.indexes(generation.index_id)
