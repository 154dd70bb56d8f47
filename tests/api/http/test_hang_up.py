from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.http.connections import Limits
from rag.settings import Settings
from tests.api.conftest import make_search
from tests.api.serving import connections, made_app, served

QUESTION = {"question": "How long?", "corpus": "demo"}
PATIENT = Limits(served=16, held=24, timeout_s=20)


class Slow:
    """A stage that waits; it says when it began and how it ended."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.ended = threading.Event()
        self.cancelled = False
        self.running = 0
        self.most = 0

    async def __call__(self, *_args: object) -> Any:
        self.running += 1
        self.most = max(self.most, self.running)
        self.began.set()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        finally:
            self.running -= 1
            self.ended.set()
        return make_search()


def request(path: str, body: dict[str, Any]) -> bytes:
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


@pytest.mark.parametrize("path", ["/v1/search", "/v1/context", "/v1/answer", "/v1/explain"])
def test_work_ends_when_the_caller_hangs_up(runtime: Any, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    slow = Slow()
    name = path.rpartition("/")[2]
    if name == "explain":
        runtime.explainer = type("Explainer", (), {"explain": slow})()
    else:
        monkeypatch.setattr(runtime.pipeline, name, slow)
    body = {**QUESTION, "passage": {"doc_id": "d"}} if name == "explain" else QUESTION
    with served(made_app(runtime), PATIENT) as address:
        with connections(address, 1) as (caller,):
            caller.sendall(request(path, body))
            assert slow.began.wait(10)
        assert slow.ended.wait(10)
    assert slow.cancelled


def test_work_that_takes_too_long_is_a_problem(runtime: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow()
    monkeypatch.setattr(runtime.pipeline, "search", slow)
    runtime.settings = Settings.model_validate({"serve": {"timeout_s": 0.2}})
    with TestClient(made_app(runtime), base_url="http://localhost") as client:
        response = client.post("/v1/search", json=QUESTION)
    assert response.status_code == 503 and response.headers["retry-after"]
    assert response.json()["type"] == "urn:ragwright:problem:timeout"
    assert slow.cancelled


def test_a_stream_may_last_longer_than_the_timeout(runtime: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = runtime.pipeline.stream

    async def slow_stream(asked: Any) -> Any:
        async for event in stream(asked):
            yield event
            await asyncio.sleep(0.2)

    monkeypatch.setattr(runtime.pipeline, "stream", slow_stream)
    runtime.settings = Settings.model_validate({"serve": {"timeout_s": 0.3}})
    with TestClient(made_app(runtime), base_url="http://localhost") as client:
        response = client.post("/v1/answer", json={**QUESTION, "stream": True})
    assert "event: answer" in response.text


def test_one_explanation_runs_at_a_time(runtime: Any) -> None:
    slow = Slow()
    runtime.explainer = type("Explainer", (), {"explain": slow})()
    body = {**QUESTION, "passage": {"doc_id": "d"}}
    with served(made_app(runtime), PATIENT) as address, connections(address, 3) as callers:
        for caller in callers:
            caller.sendall(request("/v1/explain", body))
        assert slow.began.wait(10)
        with connections(address, 1) as (other,):  # others are served meanwhile
            other.sendall(request("/v1/search", QUESTION))
            assert other.recv(65_536).startswith(b"HTTP/1.1 200")
    assert slow.most == 1
