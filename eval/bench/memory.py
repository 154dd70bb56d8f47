"""Memory of this process and its workers, sampled while something runs."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import psutil

_PERIOD_S = 0.1
_MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Resident:
    """A resident set in MB: `own` pages, which only swapping could move, and those of `files`, which may be dropped."""

    own: float = 0.0
    files: float = 0.0

    def __add__(self, other: Resident) -> Resident:
        return Resident(self.own + other.own, self.files + other.files)

    def highest(self, other: Resident) -> Resident:
        """Return the higher of each kind."""
        return Resident(max(self.own, other.own), max(self.files, other.files))


@dataclass(slots=True)
class PeakMemory:
    """The highest resident sets seen, in MB; pages that processes share count in each.

    `mb` and `both` are sums over this process and its descendants, `parent` and `workers` the highest of each part;
    `stages` has the highest sums by what was going on, as whoever watches sets `stage`.
    """

    mb: float = 0.0
    both: Resident = field(default_factory=Resident)
    parent: Resident = field(default_factory=Resident)
    workers: Resident = field(default_factory=Resident)
    stage: str = ""
    stages: dict[str, Resident] = field(default_factory=dict)

    def sample(self) -> None:
        """Look once."""
        own = psutil.Process()
        parent = _resident(own)
        workers = sum((_resident(process) for process in own.children(recursive=True)), Resident())
        both = parent + workers
        self.mb = max(self.mb, both.own + both.files)
        self.both = self.both.highest(both)
        self.stages[self.stage] = self.stages.get(self.stage, Resident()).highest(both)
        self.parent, self.workers = self.parent.highest(parent), self.workers.highest(workers)


def resident_mb() -> float:
    """Return the resident sets of this process and of its descendants, in MB."""
    peak = PeakMemory()
    peak.sample()
    return peak.mb


def held_mb() -> tuple[float, float]:
    """Return this process' resident set in MB: its own pages, and those of files, which the system may drop."""
    found = _resident(psutil.Process())
    return found.own, found.files


def _resident(process: psutil.Process) -> Resident:
    with contextlib.suppress(psutil.Error):  # it ended meanwhile
        found = process.memory_info()
        return Resident((found.rss - found.shared) / _MB, found.shared / _MB)
    return Resident()


@contextlib.contextmanager
def watch_memory() -> Iterator[PeakMemory]:
    """Sample ten times a second until the block ends."""
    peak, stopped = PeakMemory(), threading.Event()

    def watch() -> None:
        while not stopped.wait(_PERIOD_S):
            peak.sample()

    peak.sample()
    thread = threading.Thread(target=watch, name="peak-memory", daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        stopped.set()
        thread.join()
        peak.sample()
