"""The wire to an OpenAI-compatible endpoint, against a scripted server on the loopback interface."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from rag.errors import ConfigError, GeneratorError, GeneratorUnavailableError
from rag.answer.generators import make_generator
from rag.llm import ChatModels
from rag.ports import Generator
from rag.settings import AnswerSettings, Environment
from rag.types import Context, Message, Prompt, Usage

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
    assert found[-1] == Usage() and len(found) == len(said) + 1  # this endpoint counts no tokens of a stream


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
