"""Peak memory of this process and its workers, sampled while something runs."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import psutil

_PERIOD_S = 0.1
_MB = 1024 * 1024


class PeakMemory:
    """The highest sum of resident sets seen, in MB; pages that processes share count in each."""

    def __init__(self) -> None:
        self.mb = 0.0

    def sample(self) -> None:
        """Look once."""
        self.mb = max(self.mb, resident_mb())


def resident_mb() -> float:
    """Return the resident sets of this process and of its descendants, in MB."""
    own = psutil.Process()
    total = 0
    for process in (own, *own.children(recursive=True)):
        with contextlib.suppress(psutil.Error):  # it ended meanwhile
            total += int(process.memory_info().rss)
    return total / _MB


def held_mb() -> tuple[float, float]:
    """Return this process' resident set in MB: its own pages, and those of files, which the system may drop."""
    found = psutil.Process().memory_info()
    return (found.rss - found.shared) / _MB, found.shared / _MB


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
