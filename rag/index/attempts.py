"""Repeats a call to a server that was busy or silent: only transient errors, with growing pauses, within a deadline."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_before_delay

from rag.errors import IndexUnavailableError, RagwrightError

_T = TypeVar("_T")
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0


@dataclass(frozen=True, slots=True)
class Attempts:
    """How long a call may be repeated, in seconds from its first try; `sleep` and `rng` are for tests.

    A pause doubles from 0.1 s to 5 s and is shortened at random by up to a half, so that clients that failed together
    do not come back together (Brooker, "Exponential Backoff And Jitter", 2015). A server that names a pause gets it.
    """

    deadline_s: float
    sleep: Callable[[float], None] = time.sleep
    rng: random.Random = field(default_factory=random.Random)

    def of(self, call: Callable[[], _T]) -> _T:
        """Return what the call returns; it must be safe to repeat.

        Raises:
            RagwrightError: the last error, once the deadline has passed, or the first that is not transient.
        """
        retrying = Retrying(
            retry=retry_if_exception(_may_pass),
            wait=self._pause,
            stop=stop_before_delay(self.deadline_s),  # a pause past the deadline would only delay the error
            sleep=self.sleep,
            reraise=True,
        )
        return retrying(call)

    def _pause(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        named = error.retry_after_s if isinstance(error, IndexUnavailableError) else None
        if named is not None:
            return named
        longest = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** (state.attempt_number - 1))
        return longest * self.rng.uniform(0.5, 1.0)


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, RagwrightError) and error.transient
