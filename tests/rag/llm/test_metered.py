"""What was asked and used, and what it cost, in whole replies and in streams."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from rag.errors import GeneratorError
from rag.llm.base import ChatRequest, Completion, completion_of
from rag.llm.metered import Meter, Metered, Prices, prices_of
from rag.types import Message, Usage
from tests.fakes import FakeChatModel

ASKED = ChatRequest((Message("user", "Hello?"),))
PRICES = Prices(2.0, 8.0)


class Failing(FakeChatModel):
    async def complete(self, request: ChatRequest) -> Completion:
        raise GeneratorError("refused")


async def whole(model: Metered) -> Completion:
    return await model.complete(ASKED)


async def streamed(model: Metered) -> Completion:
    return completion_of([piece async for piece in model.stream(ASKED)])


BOTH = pytest.mark.parametrize("read", [whole, streamed])


@pytest.fixture
def ticks() -> Iterator[int]:
    return count()


@BOTH
async def test_tokens_calls_and_cost_add_up(read, ticks: Iterator[int]) -> None:  # type: ignore[no-untyped-def]
    model = Metered(FakeChatModel(usage=Usage(1000, 500)), PRICES, lambda: next(ticks))
    for _ in range(2):
        assert (await read(model)).usage == Usage(1000, 500, 0.006)
    assert model.meter == Meter(2, 2, 2000, 1000, 0, 0.012)


@BOTH
async def test_without_prices_the_cost_is_unknown(read, ticks: Iterator[int]) -> None:  # type: ignore[no-untyped-def]
    model = Metered(FakeChatModel(usage=Usage(1000, 500)), clock=lambda: next(ticks))
    assert (await read(model)).usage == Usage(1000, 500, None) and model.meter == Meter(1, 1, 1000, 500)


@BOTH
async def test_a_reply_without_a_count_is_told_apart(read, ticks: Iterator[int]) -> None:  # type: ignore[no-untyped-def]
    model = Metered(FakeChatModel(), PRICES, lambda: next(ticks))
    assert (await read(model)).usage is None and model.meter == Meter(1, 1, uncounted=1, usd=0.0)


async def test_a_call_that_fails_is_a_call(ticks: Iterator[int]) -> None:
    model = Metered(Failing(), PRICES, lambda: next(ticks))
    with pytest.raises(GeneratorError):
        await model.complete(ASKED)
    assert model.meter == Meter(1, 1, usd=0.0)


async def test_a_stream_that_is_left_early_is_a_call(ticks: Iterator[int]) -> None:
    model = Metered(FakeChatModel("one two", usage=Usage(1, 2)), PRICES, lambda: next(ticks))
    pieces = model.stream(ASKED)
    await anext(pieces)
    await pieces.aclose()
    assert model.meter == Meter(1, 1, usd=0.0)


@pytest.mark.parametrize("prices", [(None, None), (1.0, None), (None, 1.0)])
def test_one_price_is_no_price(prices: tuple[float | None, float | None]) -> None:
    assert prices_of(*prices) is None and prices_of(0.0, 0.0) == Prices(0.0, 0.0)
