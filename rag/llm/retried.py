"""Asks again where another try may help: a busy or lost endpoint, never a refusal, nonsense or half a reply."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import TypeVar

from rag.errors import GeneratorUnavailableError
from rag.llm.base import ChatModel, ChatRequest, Completion, Delta

_T = TypeVar("_T")
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 8.0


class Retried:
    """A `ChatModel` that is asked up to `retries` times more, all tries and pauses within one deadline.

    A pause is as long as the endpoint asks for, else 0.5 s and twice as long each time. A pause that would not end
    before the deadline is not begun. A stream is begun anew only until its first piece.
    """

    def __init__(self, inner: ChatModel, retries: int, deadline_s: float) -> None:
        self.model = inner.model
        self._inner = inner
        self._retries = retries
        self._deadline_s = deadline_s

    async def complete(self, request: ChatRequest) -> Completion:
        """Return the reply of the first try that brings one."""
        return await self._tried(request, self._inner.complete)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Yield the pieces of the first try that brings one."""
        pieces, piece = await self._tried(request, self._begun)
        async with aclosing(pieces):
            while piece is not None:
                yield piece
                piece = await anext(pieces, None)

    async def _begun(self, request: ChatRequest) -> tuple[AsyncGenerator[Delta, None], Delta | None]:
        pieces = self._inner.stream(request)
        return pieces, await anext(pieces, None)

    async def _tried(self, request: ChatRequest, ask: Callable[[ChatRequest], Awaitable[_T]]) -> _T:
        allowed_s = self._deadline_s if request.deadline_s is None else min(request.deadline_s, self._deadline_s)
        end, pause_s = time.monotonic() + allowed_s, _FIRST_PAUSE_S
        left_s = allowed_s
        for tries_left in range(self._retries, -1, -1):
            try:
                return await ask(replace(request, deadline_s=left_s))
            except GeneratorUnavailableError as error:
                wanted_s = pause_s if error.retry_after_s is None else error.retry_after_s
                if not tries_left or wanted_s >= end - time.monotonic():
                    raise
            await asyncio.sleep(wanted_s)
            pause_s, left_s = min(2 * pause_s, _LONGEST_PAUSE_S), end - time.monotonic()
        raise AssertionError("unreachable: the last try returns or raises")
