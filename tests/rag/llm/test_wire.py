"""An endpoint that answers nonsense: an error within the deadline, what it said in the log, a retry where it helps."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from api.errors import http_status
from api.http.problems import problem_of
from rag.answer.generators import make_generator
from rag.errors import GeneratorError, GeneratorUnavailableError
from rag.llm import ChatModels
from rag.ports import Generator
from rag.settings import AnswerSettings, Environment
from rag.types import Context, Message, Prompt, draft_of
from tests.rag.llm.scripted import (
    STREAM,
    Answering,
    completion,
    dripping,
    endless,
    event,
    http,
    huge,
    huge_stream,
    said,
    serving,
)

CONTEXT = Context((), 0, 100, "none")
PROMPT = Prompt("p", "1", (Message("user", "Hello?"),))
SECRET = "internal-host-7 says quota of customer 4711"


def generator(url: str, **settings: Any) -> Generator:
    environment = Environment.model_validate({"openai_base_url": url, "openai_api_key": "k"})
    answer = AnswerSettings(model="m", **{"retries": 2, "timeout_s": 5.0, **settings})
    return make_generator(answer, ChatModels({}, environment))


async def whole(model: Generator) -> str:
    return (await model.generate("Hello?", CONTEXT, PROMPT)).text


async def streamed(model: Generator) -> str:
    pieces = [piece async for piece in model.stream("Hello?", CONTEXT, PROMPT)]
    return draft_of(pieces, model.model).text


NO_ANSWERS = {
    "not JSON": http(b"Hello from " + SECRET.encode()),
    "cut JSON": http(completion()[:-20]),
    "no choices": http(completion(choices=[])),
    "choices of another kind": http(completion(choices="none")),
    "no message": http(completion(choices=[{"index": 0}])),
    "null message": http(completion(choices=[{"index": 0, "message": None}])),
    "null content": http(completion(choices=[{"index": 0, "message": {"role": "assistant", "content": None}}])),
    "an error in place of it": http(json.dumps({"error": {"message": SECRET}}).encode()),
    "a list": http(b"[]"),
    "null": http(b"null"),
    "nested too deep": http(b"[" * 200_000),
    "a page": http(b"<html>" + SECRET.encode(), "text/html"),
    "JSON that says it is a page": http(completion(), "text/html"),
    "no content type": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "a body that ends early": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n{",
    "a zip bomb's way": http(completion(), "application/json", "200 OK", "Content-Encoding: gzip"),
    "redirected for ever": http(b"", "text/plain", "307 Temporary Redirect", "Location: {URL}/chat/completions"),
    "sent to another host": http(b"", "text/plain", "307 Temporary Redirect", "Location: http://127.0.0.2:9/v1/chat"),
    "refused": http(json.dumps({"error": {"message": SECRET}}).encode(), "application/json", "401 Unauthorized"),
}


@pytest.mark.parametrize("name", NO_ANSWERS)
async def test_what_is_no_answer_is_a_bad_gateway_once(name: str, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(said(NO_ANSWERS[name])) as server:
        with pytest.raises(GeneratorError) as caught:
            await whole(generator(server.url))
    assert http_status(caught.value) == 502 and not caught.value.transient
    assert server.asked == (4 if "redirected" in name else 1)
    detail = problem_of(caught.value)["detail"]
    assert "customer" not in detail and "127.0.0.1" not in detail and "\n" not in detail
    if SECRET.encode() in NO_ANSWERS[name] and name == "refused":
        assert SECRET in caplog.text


NO_STREAMS = {
    "cut": (STREAM, event("Hi "), event("th")),
    "cut in an event": (STREAM, event("Hi "), event("there")[:30]),
    "empty": (STREAM,),
    "ended without a word": (STREAM, event("", "stop"), b"data: [DONE]\n\n"),
    "not JSON": (STREAM, b"data: hello\n\n", b"data: [DONE]\n\n"),
    "not UTF-8": (STREAM, b"data: \xff\xfe\n\n", b"data: [DONE]\n\n"),
    "an error in it": (STREAM, event("Hi "), f'data: {{"error": {{"message": "{SECRET}"}}}}\n\n'.encode()),
    "JSON of another kind in place of it": (http(b'{"text": "Hi there."}'),),
    "JSON without a choice in place of it": (http(completion(choices=[])),),
    "JSON without text in place of it": (http(completion(choices=[{"message": {"content": None}}])),),
    "JSON nested too deep in place of it": (http(b"[" * 200_000),),
    "cut JSON in place of it": (http(completion()[:-20]),),
    "a page": (http(b"<html>", "text/html"),),
    "no choices": (STREAM, b'data: {"choices": null}\n\n', b"data: [DONE]\n\n"),
    "cut in a chunk": (STREAM.replace(b"Connection: close", b"Transfer-Encoding: chunked"), b"ff\r\n", event("Hi")),
}


@pytest.mark.parametrize("name", NO_STREAMS)
async def test_what_is_no_stream_is_a_bad_gateway(name: str) -> None:
    async with serving(said(*NO_STREAMS[name], pause_s=0.01)) as server:
        with pytest.raises(GeneratorError) as caught:
            await streamed(generator(server.url))
    assert http_status(caught.value) == 502
    assert "customer" not in str(caught.value) and server.asked == 1


@pytest.mark.parametrize("ends", [event("", "stop"), b"data: [DONE]\n\n", b"data:[DONE]\n\n"])
async def test_a_stream_that_says_its_end_is_whole(ends: bytes) -> None:
    async with serving(said(STREAM, event("Hi "), event("there. [1]"), ends, pause_s=0.01)) as server:
        assert await streamed(generator(server.url)) == "Hi there. [1]"


async def test_a_whole_completion_in_place_of_a_stream_is_an_answer() -> None:
    async with serving(said(http(completion()))) as server:
        assert await streamed(generator(server.url)) == "Hi there. [1]"
    assert server.asked == 1


@pytest.mark.parametrize(("script", "read"), [(endless, streamed), (dripping, whole), (dripping, streamed)])
async def test_one_deadline_for_what_never_ends(script: Answering, read: Callable[..., Awaitable[str]]) -> None:
    async with serving(script) as server:
        start = time.monotonic()
        with pytest.raises(GeneratorError) as caught:
            await read(generator(server.url, timeout_s=0.3))
    assert http_status(caught.value) == 502 and time.monotonic() - start < 10
    assert server.asked == 1


@pytest.mark.parametrize(("script", "read"), [(huge, whole), (huge_stream, streamed)])
async def test_no_more_is_read_than_an_answer_may_be_long(
    script: Answering, read: Callable[..., Awaitable[str]], caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(script) as server:
        with pytest.raises(GeneratorError) as caught:
            await read(generator(server.url, timeout_s=30.0))
    assert http_status(caught.value) == 502 and "larger than" in caplog.text


async def test_a_silent_endpoint_is_unavailable_and_not_asked_again() -> None:
    async with serving(said(b"", pause_s=3.0)) as server:
        with pytest.raises(GeneratorUnavailableError):
            await whole(generator(server.url, timeout_s=0.2))
    assert server.asked == 1


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable", "500 Internal Server Error"])
@pytest.mark.parametrize("read", [whole, streamed])
async def test_a_busy_endpoint_is_asked_again(status: str, read: Callable[..., Awaitable[str]]) -> None:
    busy = http(SECRET.encode(), "text/plain", status, "Retry-After: 0")
    fine = (STREAM, event("Hi"), event("", "stop")) if read is streamed else (http(completion()),)
    async with serving(said(busy), said(busy), said(*fine, pause_s=0.01)) as server:
        assert (await read(generator(server.url))).startswith("Hi")
    assert server.asked == 3


async def test_a_busy_endpoint_is_not_waited_for_beyond_the_deadline(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    busy = http(SECRET.encode(), "text/plain", "503 Service Unavailable", "Retry-After: 3600")
    async with serving(said(busy)) as server:
        with pytest.raises(GeneratorUnavailableError) as caught:
            await whole(generator(server.url))
    assert server.asked == 1 and SECRET not in str(caught.value) and SECRET in caplog.text
