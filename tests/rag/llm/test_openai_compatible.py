"""The wire to an OpenAI-compatible endpoint, against a scripted server on the loopback interface."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from rag.answer.generators import make_generator
from rag.errors import ConfigError, GeneratorError, GeneratorUnavailableError
from rag.llm import ChatModels, ChatRequest, Delta
from rag.llm.openai_compatible import Endpoint, OpenAiCompatible
from rag.ports import Generator
from rag.settings import AnswerSettings, Environment
from rag.types import UNCOUNTED, Context, Message, Prompt, Usage
from tests.rag.llm import scripted

CONTEXT = Context((), 0, 100, "none")
PROMPT = Prompt("p", "1", (Message("system", "Be brief."), Message("user", "Hello?")))


class Script:
    """What the server answers, and what it was asked."""

    def __init__(self) -> None:
        self.status, self.content, self.delay_s = 200, "Hi there. [1]", 0.0
        self.requests: list[tuple[str, dict[str, Any]]] = []


def reply(script: Script) -> dict[str, Any]:
    message = {"role": "assistant", "content": script.content}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    usage = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}
    return {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}


def pieces(script: Script) -> Iterator[str]:
    for word in script.content.split(" "):
        choice = {"index": 0, "delta": {"role": "assistant", "content": word + " "}, "finish_reason": None}
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}
        yield f"data: {json.dumps(chunk)}\n\n"
    yield "data: [DONE]\n\n"


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def base_url(script: Script) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # noqa: N802
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            script.requests.append((self.headers["Authorization"], body))
            time.sleep(script.delay_s)
            streamed = body.get("stream") and script.status == 200
            payload = "".join(pieces(script)) if streamed else json.dumps(reply(script))
            self.send_response(script.status)
            self.send_header("Content-Type", "text/event-stream" if streamed else "application/json")
            self.end_headers()
            self.wfile.write(payload.encode())

        def log_message(self, *args: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    thread.join()
    server.server_close()


def generator(base_url: str, **settings: Any) -> Generator:
    environment = Environment.model_validate({"openai_base_url": base_url, "openai_api_key": "k"})
    return make_generator(AnswerSettings(model="m", retries=0, **settings), ChatModels({}, environment))


async def test_the_prompt_goes_out_and_the_draft_comes_back(base_url: str, script: Script) -> None:
    prices = {"usd_per_million_input": 2.0, "usd_per_million_output": 8.0}
    draft = await generator(base_url, **prices).generate("Hello?", CONTEXT, PROMPT)
    assert (draft.text, draft.model, draft.abstained) == ("Hi there. [1]", "m", False)
    assert (draft.usage.input_tokens, draft.usage.output_tokens, draft.usage.cost_usd) == (1000, 500, 0.006)
    key, body = script.requests[0]
    assert key == "Bearer k"
    assert [(m["role"], m["content"]) for m in body["messages"]] == [("system", "Be brief."), ("user", "Hello?")]
    assert body["temperature"] == 0.0


async def test_without_a_price_the_cost_is_unknown_not_zero(base_url: str) -> None:
    assert (await generator(base_url).generate("Hello?", CONTEXT, PROMPT)).usage.cost_usd is None


async def test_streaming_yields_the_pieces(base_url: str) -> None:
    found = [piece async for piece in generator(base_url).stream("Hello?", CONTEXT, PROMPT)]
    said = [piece for piece in found if isinstance(piece, str)]
    assert "".join(said).strip() == "Hi there. [1]" and len(said) > 1
    assert found[-1] == UNCOUNTED and len(found) == len(said) + 1  # this endpoint counts no tokens of a stream


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_busy_endpoint_is_transient(base_url: str, script: Script, status: int) -> None:
    script.status = status
    with pytest.raises(GeneratorUnavailableError, match="does not answer"):
        await generator(base_url).generate("Hello?", CONTEXT, PROMPT)


@pytest.mark.parametrize("status", [400, 401, 404])
async def test_a_refusal_is_permanent(base_url: str, script: Script, status: int) -> None:
    script.status = status
    with pytest.raises(GeneratorError, match="refused") as caught:
        await generator(base_url).generate("Hello?", CONTEXT, PROMPT)
    assert not caught.value.transient


async def test_a_slow_endpoint_times_out(base_url: str, script: Script) -> None:
    script.delay_s = 0.5
    with pytest.raises(GeneratorUnavailableError):
        await generator(base_url, timeout_s=0.1).generate("Hello?", CONTEXT, PROMPT)


async def test_an_empty_reply_is_an_error(base_url: str, script: Script) -> None:
    script.content = "  "
    with pytest.raises(GeneratorError, match="empty"):
        await generator(base_url).generate("Hello?", CONTEXT, PROMPT)


async def test_nobody_listens() -> None:
    with pytest.raises(GeneratorUnavailableError, match="does not answer"):
        await generator("http://127.0.0.1:9/v1").generate("Hello?", CONTEXT, PROMPT)


def test_no_endpoint_configured() -> None:
    with pytest.raises(ConfigError, match="OPENAI_BASE_URL"):
        make_generator(AnswerSettings(generator="openai"), ChatModels({}, Environment()))


def provider(url: str, model: str = "m") -> OpenAiCompatible:
    return OpenAiCompatible(model, Endpoint(url, "k", timeout_s=5, deadline_s=5))


async def deltas(model: OpenAiCompatible) -> list[Delta]:
    return [piece async for piece in model.stream(ChatRequest(PROMPT.messages, 0.0, 512))]


USED = b'data: {"id": "1", "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}\n\n'
STREAMED = scripted.said(scripted.STREAM, scripted.event("Hi"), scripted.event("", "stop"), USED, pause_s=0.005)


async def test_the_bytes_of_a_request_are_those_of_the_releases_before() -> None:
    reply = scripted.said(scripted.http(scripted.completion()))
    async with scripted.serving(reply, reply, STREAMED) as server:
        for name in ("m", "o3-mini"):
            await provider(server.url, name).complete(ChatRequest(PROMPT.messages, 0.0, 512))
        await deltas(provider(server.url))
    plain, reasoning, stream = (body.decode() for body in server.bodies)
    system, user = '{"role":"system","content":"Be brief."}', '{"role":"user","content":"Hello?"}'
    assert plain == f'{{"messages":[{system},{user}],"model":"m","max_tokens":512,"stream":false,"temperature":0.0}}'
    system = system.replace("system", "developer")
    assert reasoning == (
        f'{{"messages":[{system},{user}],"model":"o3-mini","max_completion_tokens":512,"stream":false,"temperature":1.0}}'
    )
    assert '"stream":true,"stream_options":{"include_usage":true}' in stream
    assert all("Authorization: Bearer k" in head and "Accept-Encoding: identity" in head for head in server.heads)


@pytest.mark.parametrize("status", ["400 Bad Request", "422 Unprocessable Entity"])
async def test_an_endpoint_that_refuses_to_count_is_asked_without_and_never_again(status: str) -> None:
    refusal = scripted.said(scripted.http(b'{"error": "unknown field stream_options"}', "application/json", status))
    async with scripted.serving(refusal, STREAMED) as server:
        model = provider(server.url)
        for _ in range(2):
            assert (await deltas(model))[0] == Delta("Hi")
    assert [b"stream_options" in body for body in server.bodies] == [True, False, False]


async def test_a_request_that_is_refused_either_way_is_a_refusal_and_counting_is_asked_for_again() -> None:
    refusal = scripted.said(scripted.http(b"{}", "application/json", "400 Bad Request"))
    async with scripted.serving(refusal, refusal, STREAMED) as server:
        model = provider(server.url)
        with pytest.raises(GeneratorError, match="refused"):
            await deltas(model)
        assert (await deltas(model))[-1].usage == Usage(7, 3)
    assert [b"stream_options" in body for body in server.bodies] == [True, False, True]


@pytest.mark.parametrize("status", ["401 Unauthorized", "404 Not Found", "503 Service Unavailable"])
async def test_another_failure_is_not_about_counting(status: str) -> None:
    async with scripted.serving(scripted.said(scripted.http(b"{}", "application/json", status))) as server:
        with pytest.raises(GeneratorError):
            await deltas(provider(server.url))
    assert server.asked == 1


@pytest.mark.parametrize(
    ("counted", "usage"),
    [
        ({"prompt_tokens": 7, "completion_tokens": 3}, Usage(7, 3)),
        ({"prompt_tokens": 7.0, "completion_tokens": 0}, Usage(7, 0)),
        ({"prompt_tokens": 7}, None),
        ({"prompt_tokens": "seven", "completion_tokens": 3}, None),
        ({"prompt_tokens": -1, "completion_tokens": 3}, None),
        ({"prompt_tokens": True, "completion_tokens": 3}, None),
        ({"prompt_tokens": 1e999, "completion_tokens": 3}, None),
        ([7, 3], None),
        (None, None),
    ],
)
async def test_a_count_that_is_no_number_is_no_count(counted: Any, usage: Usage | None) -> None:
    chunk = f'data: {{"choices": [], "usage": {json.dumps(counted)}}}\n\n'.encode()
    stream = (scripted.STREAM, scripted.event("Hi"), scripted.event("", "stop"), chunk)
    whole = scripted.said(scripted.http(scripted.completion(usage=counted)))
    async with scripted.serving(whole, scripted.said(*stream, pause_s=0.005)) as server:
        model = provider(server.url)
        assert (await model.complete(ChatRequest(PROMPT.messages))).usage == usage
        assert (await deltas(model))[-1].usage == usage


async def test_the_last_count_of_a_stream_holds() -> None:
    early = scripted.event("Hi").replace(
        b'"choices"', b'"usage": {"prompt_tokens": 7, "completion_tokens": 1}, "choices"'
    )
    script = scripted.said(scripted.STREAM, early, USED, scripted.event("", "stop"), pause_s=0.005)
    async with scripted.serving(script) as server:
        found = await deltas(provider(server.url))
    assert found == [Delta("Hi"), Delta("", None, "stop", Usage(7, 3))]


@pytest.mark.parametrize("content", [5, ["Hi"], {"text": "Hi"}, True])
async def test_a_text_that_is_none_is_no_completion(content: Any) -> None:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}
    chunk = scripted.event("").replace(b'"content": ""', b'"content": ' + json.dumps(content).encode())
    whole = scripted.said(scripted.http(scripted.completion(choices=[choice])))
    stream = scripted.said(scripted.STREAM, chunk, scripted.event("", "stop"), pause_s=0.005)
    async with scripted.serving(whole, stream) as server:
        model = provider(server.url)
        with pytest.raises(GeneratorError, match="no chat completion"):
            await model.complete(ChatRequest(PROMPT.messages))
        with pytest.raises(GeneratorError, match="no chat completion"):
            await deltas(model)


@pytest.mark.parametrize(
    ("header", "pause_s"),
    [
        ("Retry-After: 7", 7.0),
        ("retry-after-ms: 250", 0.25),
        ("Retry-After: Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Retry-After: soon", None),
        ("Retry-After: -1", None),
        ("X-Other: 1", None),
    ],
)
async def test_the_pause_that_an_endpoint_asks_for(header: str, pause_s: float | None) -> None:
    busy = scripted.http(b"", "text/plain", "503 Service Unavailable", header)
    async with scripted.serving(scripted.said(busy)) as server:
        with pytest.raises(GeneratorUnavailableError) as caught:
            await provider(server.url).complete(ChatRequest(PROMPT.messages))
    assert caught.value.retry_after_s == pause_s


async def test_half_a_surrogate_pair_is_replaced() -> None:
    half = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "a\ud800b"}}
    async with scripted.serving(scripted.said(scripted.http(scripted.completion(choices=[half])))) as server:
        found = await provider(server.url).complete(ChatRequest(PROMPT.messages, 0.0, 512))
    assert found.text == "a\ufffdb"


async def test_a_choice_that_nobody_asked_for_is_no_text() -> None:
    other = scripted.event("EVIL").replace(b'"index": 0', b'"index": 1')
    stream = scripted.said(scripted.STREAM, other, scripted.event("Hi", "stop"), b"data: [DONE]\n\n")
    async with scripted.serving(stream) as server:
        assert "".join(delta.text for delta in await deltas(provider(server.url))) == "Hi"


async def test_the_first_choice_is_told_by_its_index_not_by_its_place() -> None:
    def choice(index: int, text: str) -> dict[str, Any]:
        return {"index": index, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}

    body = scripted.completion(choices=[choice(1, "EVIL"), choice(0, "Hi")])
    async with scripted.serving(scripted.said(scripted.http(body))) as server:
        model = provider(server.url)
        assert (await model.complete(ChatRequest(PROMPT.messages))).text == "Hi"
        assert "".join(delta.text for delta in await deltas(model)) == "Hi"  # a stream that was answered at once
