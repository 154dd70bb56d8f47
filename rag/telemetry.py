"""How long each stage of one question took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Spans:
    """Times the stages of one question; a stage that runs several times has the sum of its turns."""

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        """`now` returns seconds that never go back."""
        self._now = now
        self._start = now()
        self._stages: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time inside the `with` block for the stage, also when the block raises."""
        start = self._now()
        try:
            yield
        finally:
            self._stages[name] = self._stages.get(name, 0.0) + self._since(start)

    def timings_ms(self) -> dict[str, float]:
        """Return the milliseconds of every stage so far, in the order of their first turns, and the `total`."""
        return {**self._stages, "total": self._since(self._start)}

    def _since(self, start: float) -> float:
        return round((self._now() - start) * 1000, 3)
