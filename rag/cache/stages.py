"""Results of stages, kept in memory by stage key: what a stage was given, and the settings that decide it.

A sweep asks the same questions under many settings. A change of `context.keep` leaves the ranking as it was, so the
ranking is not worked out again.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast

from pydantic import BaseModel

from rag.cache.recent import Recent

_Made = TypeVar("_Made")
_KEPT = 2048


class StageResults(Protocol):
    """Keeps results of stages, or does not."""

    async def of(self, stage: str, key: Hashable, make: Callable[[], Awaitable[_Made]]) -> _Made:
        """Return the result that the stage had for an equal key, else make it."""
        ...


class Unkept:
    """Keeps nothing: every question of a service may meet another state of the world."""

    async def of(self, stage: str, key: Hashable, make: Callable[[], Awaitable[_Made]]) -> _Made:
        """Make the result."""
        return await make()


UNKEPT = Unkept()


@dataclass(slots=True)
class Reuse:
    """How often a stage's result was at hand, and the seconds that making it again would have cost."""

    hits: int = 0
    misses: int = 0
    saved_s: float = 0.0


class KeptStages:
    """Keeps the results used last of every stage; safe to share between tasks of one event loop and between threads.

    Results must be immutable. Two tasks that ask for the same key at once may both make it.
    """

    def __init__(self, size: int = _KEPT, now: Callable[[], float] = time.perf_counter) -> None:
        """Keep up to `size` results of each stage."""
        self._size = size
        self._now = now
        self._kept: dict[str, Recent[Hashable, tuple[object, float]]] = {}
        self.reuse: dict[str, Reuse] = {}

    async def of(self, stage: str, key: Hashable, make: Callable[[], Awaitable[_Made]]) -> _Made:
        """Return the result that the stage had for an equal key, else make and keep it; a key of None is kept not."""
        if key is None:
            return await make()
        kept = self._kept.setdefault(stage, Recent(self._size))
        reuse = self.reuse.setdefault(stage, Reuse())
        found = kept.get(key)
        if found is not None:
            reuse.hits += 1
            reuse.saved_s += found[1]
            return cast(_Made, found[0])
        started = self._now()
        made = await make()
        kept.put(key, (made, self._now() - started))
        reuse.misses += 1
        return made


def stage_key(sections: Sequence[BaseModel], inputs: Sequence[Hashable]) -> Hashable:
    """Return the key of a stage: its inputs, and a digest of the settings sections that decide its result."""
    tree = [section.model_dump(mode="json") for section in sections]
    digest = hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()
    return (digest, *inputs)
