"""Another try where it may help, within one deadline, and never after the first piece."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence

import pytest

from rag.errors import GeneratorError, GeneratorUnavailableError
from rag.llm.base import ChatRequest, Completion, Delta
from rag.llm.retried import Retried
from rag.types import Message

ASKED = ChatRequest((Message("user", "Hello?"),))


def busy(after_s: float | None = 0.0) -> GeneratorUnavailableError:
    return GeneratorUnavailableError("busy", "HTTP 503", after_s)


class Scripted:
    """Raises or returns the next of its outcomes; a stream raises a second one after its first piece."""

    model = "scripted"

    def __init__(self, *outcomes: Exception | str, pause_s: float = 0.0) -> None:
        self.outcomes = list(outcomes)
        self.pause_s = pause_s
        self.deadlines: list[float] = []

    async def complete(self, request: ChatRequest) -> Completion:
        self.deadlines.append(request.deadline_s or 0)
        await asyncio.sleep(self.pause_s)
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return Completion(outcome)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        yield Delta((await self.complete(request)).text)
        if self.outcomes:
            yield Delta((await self.complete(request)).text)


async def whole(model: Retried) -> str:
    return (await model.complete(ASKED)).text


async def streamed(model: Retried) -> str:
    return "".join([piece.text async for piece in model.stream(ASKED)])


BOTH = pytest.mark.parametrize("read", [whole, streamed])


@BOTH
async def test_a_busy_model_is_asked_as_often_as_the_settings_say(read) -> None:  # type: ignore[no-untyped-def]
    model = Scripted(busy(), busy(), "Hi")
    assert await read(Retried(model, 2, 5)) == "Hi"
    model = Scripted(busy(), busy(), "Hi")
    with pytest.raises(GeneratorUnavailableError):
        await read(Retried(model, 1, 5))
    assert len(model.deadlines) == 2


@BOTH
async def test_a_refusal_is_not_asked_again(read) -> None:  # type: ignore[no-untyped-def]
    model = Scripted(GeneratorError("refused"), "Hi")
    with pytest.raises(GeneratorError, match="refused"):
        await read(Retried(model, 2, 5))
    assert len(model.deadlines) == 1


async def test_half_a_stream_is_not_begun_anew() -> None:
    model, got = Scripted("Hi ", busy(), "Hi there"), []
    with pytest.raises(GeneratorUnavailableError):
        async for piece in Retried(model, 2, 5).stream(ASKED):
            got.append(piece.text)
    assert got == ["Hi "] and model.outcomes == ["Hi there"]


@pytest.mark.parametrize("after_s", [9.0, 3600.0, float("inf")])
@BOTH
async def test_a_pause_beyond_the_deadline_is_not_begun(read, after_s: float) -> None:  # type: ignore[no-untyped-def]
    model, start = Scripted(busy(after_s), "Hi"), time.monotonic()
    with pytest.raises(GeneratorUnavailableError):
        await read(Retried(model, 2, 5))
    assert time.monotonic() - start < 4 and len(model.deadlines) == 1


@pytest.mark.parametrize(("outcomes", "asked_s"), [((busy(), "Hi"), None), ((busy(), busy(), "Hi"), 3.0)])
async def test_every_try_has_what_is_left(outcomes: Sequence[Exception | str], asked_s: float | None) -> None:
    model = Scripted(*outcomes, pause_s=0.02)
    request = ChatRequest(ASKED.messages, deadline_s=asked_s)
    await Retried(model, 2, 5).complete(request)
    assert model.deadlines[0] == (asked_s or 5)
    assert all(later <= before - 0.015 for before, later in zip(model.deadlines, model.deadlines[1:], strict=False))


async def test_without_a_pause_that_is_asked_for_half_a_second_is_waited() -> None:
    model, start = Scripted(busy(None), "Hi"), time.monotonic()
    await Retried(model, 1, 5).complete(ASKED)
    assert time.monotonic() - start >= 0.45
