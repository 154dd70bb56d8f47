"""Counts what a model is asked and what that costs."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from rag.llm.base import ChatModel, ChatRequest, Completion, Delta
from rag.types import Usage

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars for a million tokens that are read and that are written."""

    usd_per_million_input: float
    usd_per_million_output: float

    def cost_usd(self, input_tokens: int, output_tokens: int) -> float:
        """Return what a call costs. `Prices(2, 8).cost_usd(1000, 500)` is 0.006."""
        return (input_tokens * self.usd_per_million_input + output_tokens * self.usd_per_million_output) / _MILLION


def prices_of(usd_per_million_input: float | None, usd_per_million_output: float | None) -> Prices | None:
    """Return the prices, or None where one of them is unknown."""
    if usd_per_million_input is None or usd_per_million_output is None:
        return None
    return Prices(usd_per_million_input, usd_per_million_output)


@dataclass(slots=True)
class Meter:
    """What was used so far. `usd` is None while no price is known, `uncounted` are replies without a token count."""

    calls: int = 0
    seconds: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    uncounted: int = 0
    usd: float | None = None

    def add(self, usage: Usage | None) -> None:
        """Count the tokens of one reply."""
        if usage is None or usage.input_tokens is None or usage.output_tokens is None:
            self.uncounted += 1
            return
        self.input_tokens += usage.input_tokens
        self.output_tokens += usage.output_tokens
        if usage.cost_usd is not None:
            self.usd = (self.usd or 0.0) + usage.cost_usd


class Metered:
    """A `ChatModel` whose replies carry their cost; `meter` adds up all of them, failed calls too."""

    def __init__(
        self, inner: ChatModel, prices: Prices | None = None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.model = inner.model
        self.meter = Meter(usd=None if prices is None else 0.0)
        self._inner = inner
        self._prices = prices
        self._clock = clock

    async def complete(self, request: ChatRequest) -> Completion:
        """Return the reply with its cost."""
        started = self._clock()
        try:
            completion = await self._inner.complete(request)
        finally:
            self.meter.calls += 1
            self.meter.seconds += self._clock() - started
        usage = self._priced(completion.usage)
        self.meter.add(usage)
        return replace(completion, usage=usage)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Yield the pieces, the last one with its cost; a stream that is left early is a call without a count."""
        started, usage = self._clock(), None
        try:
            async with aclosing(self._inner.stream(request)) as pieces:
                async for piece in pieces:
                    usage = self._priced(piece.usage)
                    yield replace(piece, usage=usage)
            self.meter.add(usage)
        finally:
            self.meter.calls += 1
            self.meter.seconds += self._clock() - started

    def _priced(self, usage: Usage | None) -> Usage | None:
        if usage is None or self._prices is None or usage.input_tokens is None or usage.output_tokens is None:
            return usage
        return replace(usage, cost_usd=self._prices.cost_usd(usage.input_tokens, usage.output_tokens))
