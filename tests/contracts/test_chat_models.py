"""Every `ChatModel`, providers and decorators alike, over a scripted endpoint."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from rag.errors import GeneratorError, GeneratorUnavailableError
from rag.llm.base import ChatModel, ChatRequest, Completion, Delta, JsonReply, completion_of
from rag.llm.configured import ChatModels, Configured
from rag.llm.metered import Metered, Prices
from rag.llm.openai_compatible import Endpoint, OpenAiCompatible
from rag.llm.recorded import Cassettes, HeldReplies, Recorded
from rag.llm.retried import Retried
from rag.settings import AnswerSettings, Environment, JudgeModelSettings, ModelSettings
from rag.types import Message
from tests.fakes import FakeChatModel
from tests.rag.llm.scripted import STREAM, Answering, completion, dripping, endless, event, http, said, serving

SECRET = "internal-host-7 says quota of customer 4711"
ENTRY = {"model": "m", "timeout_s": 5, "retries": 0}
REQUEST = ChatRequest((Message("system", "Be brief."), Message("user", "Hello?")), temperature=0.5)
COUNTED = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


def provider(url: str) -> OpenAiCompatible:
    return OpenAiCompatible("m", Endpoint(url, "k", timeout_s=5, deadline_s=5))


def opened(url: str) -> ChatModels:
    entry = ModelSettings.model_validate({**ENTRY, "base_url": url})
    return ChatModels({"entry": entry}, Environment())


MEMBERS: dict[str, Callable[[str, Path], ChatModel]] = {
    "openai-compatible": lambda url, folder: provider(url),
    "retried": lambda url, folder: Retried(provider(url), 0, 5),
    "metered": lambda url, folder: Metered(provider(url)),
    "recorded": lambda url, folder: Recorded("m", provider(url), HeldReplies()),
    "cassettes": lambda url, folder: Recorded("m", provider(url), Cassettes(folder)),
    "configured": lambda url, folder: Configured(provider(url), ModelSettings(model="m")),
    "an entry that answers": lambda url, folder: opened(url).answering(AnswerSettings(model="entry")),
    "an entry that judges": lambda url, folder: opened(url).judging("strict", JudgeModelSettings(model="entry")),
    "all of them": lambda url, folder: Recorded(
        "m", Metered(Retried(provider(url), 0, 5), Prices(1, 1)), Cassettes(folder)
    ),
}


@pytest.fixture(params=MEMBERS)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], ChatModel]:
    return lambda url: MEMBERS[request.param](url, tmp_path / "cassettes")


async def whole(model: ChatModel, request: ChatRequest = REQUEST) -> Completion:
    return await model.complete(request)


async def streamed(model: ChatModel, request: ChatRequest = REQUEST) -> Completion:
    return completion_of([piece async for piece in model.stream(request)])


BOTH = pytest.mark.parametrize("read", [whole, streamed])
Read = Callable[..., Awaitable[Completion]]


def reply(read: Read, *texts: str, finish: str = "stop") -> Answering:
    """Return a script that says the texts, and at the end how many tokens they were."""
    if read is whole:
        message = {"role": "assistant", "content": "".join(texts)}
        choice = {"index": 0, "finish_reason": finish, "message": message}
        return said(http(completion(choices=[choice], usage=COUNTED)))
    count = json.dumps({"id": "1", "object": "chat.completion.chunk", "choices": [], "usage": COUNTED})
    ends = (event("", finish), f"data: {count}\n\n".encode(), b"data: [DONE]\n\n")
    return said(STREAM, *(event(text) for text in texts), *ends, pause_s=0.005)


def unpriced(found: Completion) -> tuple[str, str | None, tuple[int, int] | None]:
    tokens = None if found.usage is None else (found.usage.input_tokens, found.usage.output_tokens)
    return found.text, found.finish_reason, tokens


async def test_it_is_a_chat_model(make: Callable[[str], ChatModel]) -> None:
    assert isinstance(make("http://127.0.0.1:9/v1"), ChatModel) and make("http://127.0.0.1:9/v1").model == "m"
    assert isinstance(FakeChatModel(), ChatModel)


@BOTH
async def test_the_reply_comes_whole_with_why_it_ended_and_what_it_used(make: Any, read: Read) -> None:
    async with serving(reply(read, "Hi ", "there. ", "[1]")) as server:
        assert unpriced(await read(make(server.url))) == ("Hi there. [1]", "stop", (7, 3))


async def test_only_the_last_delta_carries_the_rest(make: Any) -> None:
    async with serving(reply(streamed, "Hi ", "there.", finish="length")) as server:
        *pieces, last = [piece async for piece in make(server.url).stream(REQUEST)]
    assert pieces == [Delta("Hi "), Delta("there.")]
    assert last.text == "" and last.finish_reason == "length" and last.usage is not None


async def test_a_stream_and_a_whole_reply_are_asked_alike(make: Any) -> None:
    asked = ChatRequest(REQUEST.messages, 0.5, 99, JsonReply(), seed=3, take=(4, 5), deadline_s=4)
    async with serving(reply(whole, "{}"), reply(streamed, "{}")) as server:
        await whole(make(server.url), asked)
        await streamed(make(server.url), ChatRequest(REQUEST.messages, 0.5, 99, JsonReply(), seed=4, take=(4, 5)))
    plain, stream = (json.loads(body) for body in server.bodies)
    assert stream.pop("stream") is True and stream.pop("stream_options") == {"include_usage": True}
    assert plain.pop("stream") is False and plain.pop("seed") == 3 and stream.pop("seed") == 4
    assert plain == stream == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}],
        "temperature": 0.5,
        "max_tokens": 99,
        "response_format": {"type": "json_object"},
    }  # fmt: skip


async def test_a_refusal_is_told(make: Any) -> None:
    message = {"role": "assistant", "content": None, "refusal": "I would rather not."}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    async with serving(said(http(completion(choices=[choice])))) as server:
        found = await whole(make(server.url))
    assert (found.text, found.refusal) == ("", "I would rather not.")


async def test_what_is_not_counted_is_unknown_and_not_zero(make: Any) -> None:
    async with serving(said(http(completion()))) as server:
        assert (await whole(make(server.url))).usage is None


@BOTH
@pytest.mark.parametrize(
    ("script", "transient", "brief"),
    [
        (http(SECRET.encode(), "text/plain", "401 Unauthorized"), False, "HTTP 401"),
        (http(SECRET.encode(), "text/plain", "503 Service Unavailable"), True, "HTTP 503"),
        (http(SECRET.encode(), "text/plain", "429 Too Many Requests"), True, "HTTP 429"),
        (http(b"", "text/plain", "307 Temporary Redirect", "Location: http://127.0.0.2:9/v1"), False, "no chat"),
        (http(completion(), "application/json", "200 OK", "Content-Encoding: gzip"), False, "no chat completion"),
        (http(SECRET.encode(), "text/html"), False, "no chat completion"),
        (http(SECRET.encode(), "text/event-stream"), False, "no chat completion"),
    ],
    ids=["refused", "busy", "rate", "redirect", "compressed", "page", "cut"],
)
async def test_what_is_no_reply_is_an_error_that_quotes_nobody(
    make: Any, read: Read, script: bytes, transient: bool, brief: str
) -> None:
    async with serving(said(script)) as server:
        with pytest.raises(GeneratorError, match="the log") as caught:
            await read(make(server.url))
    assert caught.value.transient is transient and caught.value.brief.startswith(brief)
    assert "customer" not in f"{caught.value} {caught.value.brief}" and server.asked == 1


@BOTH
async def test_nobody_listens(make: Any, read: Read) -> None:
    with pytest.raises(GeneratorUnavailableError) as caught:
        await read(make("http://127.0.0.1:9/v1"))
    assert caught.value.brief == "the endpoint cannot be reached"


@pytest.mark.parametrize(("script", "read"), [(endless, streamed), (dripping, whole), (dripping, streamed)])
async def test_a_reply_that_never_ends_is_cut_at_the_deadline(make: Any, script: Answering, read: Read) -> None:
    async with serving(script) as server:
        start = time.monotonic()
        with pytest.raises(GeneratorError):
            await read(make(server.url), ChatRequest(REQUEST.messages, deadline_s=0.1))
    assert time.monotonic() - start < 4


async def test_a_stream_that_is_left_early_closes_its_connection(make: Any) -> None:
    async with serving(endless) as server:
        pieces = make(server.url).stream(REQUEST)
        assert (await anext(pieces)).text == "more "
        await pieces.aclose()
        await asyncio.wait_for(server.left.wait(), 5)


async def test_half_a_stream_is_an_error_after_its_pieces(make: Any) -> None:
    async with serving(said(STREAM, event("Hi "), pause_s=0.02)) as server:
        model, got = make(server.url), []
        with pytest.raises(GeneratorError):
            async for piece in model.stream(REQUEST):
                got.append(piece.text)
        assert "".join(got) == "Hi " and server.asked == 1


async def test_two_event_loops_may_ask_the_same_model(make: Any) -> None:
    async with serving(reply(whole, "one"), reply(whole, "two")) as server:
        model = make(server.url)
        first = await asyncio.to_thread(asyncio.run, whole(model, ChatRequest(REQUEST.messages, 0.1)))
        second = await asyncio.to_thread(asyncio.run, whole(model, ChatRequest(REQUEST.messages, 0.2)))
    assert (first.text, second.text) == ("one", "two")
