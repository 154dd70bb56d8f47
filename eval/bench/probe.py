"""Our retrieval as the latency benchmark asks it: in a process of its own that owns the index, as the service does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

from eval.bench.memory import held_mb
from eval.bench.own import BENCH_CORPUS, milliseconds, settings_of, timed
from rag.bridge import run_sync
from rag.pipeline import Request
from rag.runtime import Runtime, open_runtime
from rag.types import Vectors

_FLOOR_REPEATS = 5


@dataclass(frozen=True, slots=True)
class Asked:
    """What questions took: `ms` of wall time each, `stages` of each, and both clocks over all of them."""

    ms: list[float]
    wall_s: float
    cpu_s: float
    stages: list[dict[str, float]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Cold:
    """The first question of a fresh process, its model loaded, in ms: until the home is open, then the answer.

    `answer_ms` holds no model inference, as far as `floor_ms`, the median of a few runs of the model, says.
    """

    open_ms: float
    answer_ms: float
    floor_ms: float


@dataclass(frozen=True, slots=True)
class Compared:
    """One question to the vector index: ms by its codes and exactly, and the share of the exact results found."""

    ms: float
    exact_ms: float
    recall_at_10: float
    recall_at_100: float


class OwnSearch:
    """The shipped search over one home; nothing is opened before the first call."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._runtime: Runtime | None = None

    def cold(self, question: str, evict: bool) -> Cold:
        """Open the home and answer a first question, after its files left memory if `evict` says so."""
        if evict:
            evict_files(self._home)
        open_s, runtime = timed(self._open)
        runtime.embedder.embed(["load the model"], with_tokens=True)
        floor = median(self.floor([question] * _FLOOR_REPEATS))
        asked = self.ask([question], 1)
        return Cold(1000 * open_s, max(0.0, asked.ms[0] - floor), floor)

    def floor(self, questions: Sequence[str]) -> list[float]:
        """Return the ms that the model alone takes for each question: what no index can save."""
        embedder = self._opened.embedder
        return [milliseconds(partial(embedder.embed, with_tokens=True), [question]) for question in questions]

    def vectors(self, questions: Sequence[str]) -> Vectors:
        """Return the questions' sentence vectors `(n, d)`."""
        return self._opened.embedder.embed(list(questions)).vectors

    def ask(self, questions: Sequence[str], clients: int) -> Asked:
        """Search for every question, by so many clients of one event loop, as the service does.

        The flow remembers the vectors of the last 256 questions: asked again, they need no model.
        """
        return run_sync(_asked(self._opened, questions, clients))

    def dense_and_keywords(self, questions: Sequence[str], vectors: Vectors) -> tuple[list[float], list[float]]:
        """Return the ms of the two first stages alone, each question after the other."""
        runtime, depth = self._opened, self._opened.settings.retrieval.candidates
        live = runtime.catalogue.live(BENCH_CORPUS)
        index = runtime.indexes(live.index_id)
        dense = [milliseconds(index.vectors.search, vector, depth, live.id, ()) for vector in vectors]
        keywords = [milliseconds(index.keywords.search, question, depth, live.id) for question in questions]
        return dense, keywords

    def compare(self, vectors: Vectors) -> list[Compared]:
        """Return, per question, what the codes of the vector index find of what exact search finds."""
        live = self._opened.catalogue.live(BENCH_CORPUS)
        index = self._opened.indexes(live.index_id).vectors
        found = []
        for vector in vectors:
            exact_s, exact = timed(partial(index.search, vector, 100, live.id, (), exact=True))
            taken_s, near = timed(partial(index.search, vector, 100, live.id, ()))
            wanted, got = [c.pk for c in exact], [c.pk for c in near]
            shares = (len({*wanted[:k]} & {*got[:k]}) / max(1, len(wanted[:k])) for k in (10, 100))
            found.append(Compared(1000 * taken_s, 1000 * exact_s, *shares))
        return found

    def memory(self) -> tuple[float, float]:
        """Return this process' own and file-backed resident MB."""
        return held_mb()

    @property
    def _opened(self) -> Runtime:
        return self._runtime or self._open()

    def _open(self) -> Runtime:
        self._runtime = open_runtime(settings_of(self._home))
        return self._runtime


async def _asked(runtime: Runtime, questions: Sequence[str], clients: int) -> Asked:
    waiting = iter(questions)
    ms: list[float] = []
    stages: list[dict[str, float]] = []

    async def client() -> None:
        for question in waiting:
            started = time.perf_counter()
            result = await runtime.pipeline.search(Request(question, BENCH_CORPUS))
            ms.append(1000 * (time.perf_counter() - started))
            stages.append(dict(result.timings_ms))

    started, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(client() for _ in range(clients)))
    return Asked(ms, time.perf_counter() - started, time.process_time() - cpu, stages)


def asked_by_threads(ask: Callable[[int], object], count: int, clients: int) -> Asked:
    """Ask `count` questions, by their number, from so many threads."""
    started, cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(clients) as pool:
        ms = list(pool.map(partial(milliseconds, ask), range(count)))
    return Asked(ms, time.perf_counter() - started, time.process_time() - cpu)


def evict_files(folder: Path) -> None:
    """Ask the system to drop the files below a folder from memory; what is mapped or not yet written stays."""
    os.sync()
    for path in _files(folder):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            with contextlib.suppress(AttributeError):  # not every system can
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def disk_mb(folder: Path) -> float:
    """Return what the files below a folder occupy, holes left out."""
    return sum(path.stat().st_blocks * 512 for path in _files(folder)) / 2**20
