"""The seconds that a call may still wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

_T = TypeVar("_T")
_GRACE_S = 0.5


class Deadline:
    """The seconds that a call may still wait for the endpoint; what its reader takes between pieces does not count."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds + _GRACE_S

    @property
    def left(self) -> float:
        """The client's own timeout: a little less than ours, so that it finds a silent endpoint first."""
        return max(self._left - _GRACE_S, 0.001)

    async def wait(self, work: Callable[[], Awaitable[_T]]) -> _T:
        """Return what the work returns.

        Raises:
            TimeoutError: the deadline has passed.
        """
        if self._left <= 0:  # work that never has to wait would not be stopped by a timeout
            raise TimeoutError
        start = time.monotonic()
        try:
            async with asyncio.timeout(self._left):
                return await work()
        finally:
            self._left -= time.monotonic() - start
