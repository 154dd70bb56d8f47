from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from api.http.routes import router
from tests.api.conftest import GENERATION, TEXT
from tests.api.serving import made_app

ASKED = {"question": "How long?", "corpus": "demo"}


@pytest.fixture
def client(runtime: Any) -> Iterator[TestClient]:
    with TestClient(made_app(runtime), base_url="http://localhost", raise_server_exceptions=False) as client:
        yield client


def test_every_route_says_what_it_returns() -> None:
    routes = [route for route in router.routes if isinstance(route, APIRoute)]
    assert {route.path for route in routes} >= {"/v1/search", "/v1/context", "/v1/answer", "/v1/explain", "/healthz"}
    assert all(route.endpoint.__doc__ for route in routes)


def test_each_verb_converts_what_its_flow_returns(client: TestClient) -> None:
    assert client.post("/v1/search", json=ASKED).json()["hits"][0]["rank"] == 1
    context = client.post("/v1/context", json=ASKED).json()
    assert context["passages"][0]["tag"] == 1 and context["prompt"]["name"] == "grounded"
    answer = client.post("/v1/answer", json=ASKED).json()
    assert answer["sentences"][0]["citations"][0]["quote"] == TEXT[:21]


def test_a_stream_is_events_that_end_in_the_answer(client: TestClient) -> None:
    body = client.post("/v1/answer", json=ASKED | {"stream": True}).text
    events = [line.removeprefix("event: ") for line in body.splitlines() if line.startswith("event: ")]
    assert events == ["context", "delta", "delta", "answer"]


def test_corpora_and_their_documents(client: TestClient) -> None:
    (corpus,) = client.get("/v1/corpora").json()["corpora"]
    assert (corpus["name"], corpus["generation"]) == ("demo", GENERATION.id)
    found = client.get("/v1/corpora/demo/documents/policies/refund%20terms%231.md").json()
    assert (found["doc_id"], found["text"]) == ("policies/refund terms#1.md", TEXT)
    assert client.get("/v1/corpora/demo/documents/none.md").status_code == 404
    assert client.get("/v1/corpora/nowhere/documents/none.md").status_code == 404


def test_a_process_lives_and_is_ready(client: TestClient) -> None:
    assert client.get("/healthz").json()["status"] == "ok"
    assert client.get("/readyz").status_code == 200
