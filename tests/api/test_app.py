from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.errors import http_status
from rag import errors
from rag.errors import RagwrightError
from tests.api.serving import made_app
from tests.fakes import equal_to

QUESTION = {"question": "How long?", "corpus": "demo"}


@pytest.fixture
def client(runtime: Any) -> Iterator[TestClient]:
    with TestClient(made_app(runtime), base_url="http://localhost", raise_server_exceptions=False) as client:
        yield client


def assert_problem(response: Any, status: int, slug: str) -> dict[str, Any]:
    problem: dict[str, Any] = response.json()
    assert response.status_code == status, problem
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["type"] == f"urn:ragwright:problem:{slug}"
    assert problem["status"] == status
    assert problem["title"] and problem["detail"]
    assert "Traceback" not in response.text
    return problem


def test_a_text_that_is_too_long_is_told_its_limit_in_characters(client: TestClient) -> None:
    body = {**QUESTION, "corpus": "c" * 201, "history": [{"role": "user", "text": "x" * 50_001}]}
    detail = assert_problem(client.post("/v1/answer", json=body), 422, "invalid-request")["detail"]
    assert "corpus: must have at most 200 characters" in detail
    assert "history.0.text: must have at most 50000 characters" in detail


@pytest.mark.parametrize("verb", ["search", "context", "answer"])
def test_a_question_gets_the_contract_s_shape(client: TestClient, verb: str) -> None:
    response = client.post(f"/v1/{verb}", json=QUESTION)
    assert response.status_code == 200
    context = response.json()["context"] if verb == "answer" else response.json()
    assert context["question"] == "How long?"
    assert context["hits"][0]["stages"]["bm25"] == {"rank": 1, "score": 7.25}


def test_every_field_reaches_the_pipeline(client: TestClient, runtime: Any) -> None:
    body = {
        **QUESTION,
        "top_k": 3,
        "filter": {"lang": "en"},
        "budget_tokens": 200,
        "history": [{"role": "user", "text": "Hello"}, {"role": "assistant", "text": "Hi"}],
        "prompt": "grounded@1",
    }
    assert client.post("/v1/answer", json=body).status_code == 200
    request = runtime.pipeline.requests[0]
    assert (request.top_k, request.filter, request.budget_tokens) == (3, equal_to(lang="en"), 200)
    assert [(turn.role, turn.text) for turn in request.history] == [("user", "Hello"), ("assistant", "Hi")]
    assert request.prompt == "grounded@1"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"question": " \n"}, "question"),
        ({"question": None}, "question"),
        ({"question": "\ud800"}, "question"),
        ({"corpus": ""}, "corpus"),
        ({"top_k": 0}, "top_k"),
        ({"top_k": "5"}, "top_k"),
        ({"budget_tokens": -1}, "budget_tokens"),
        ({"filter": {"a": 1}}, "filter.a"),
        ({"history": [{"role": "system", "text": "x"}]}, "history.0.role"),
        ({"filter": {"a": "\ud800"}}, "filter.a"),
        ({"question_": "x"}, "question_"),
        ({"\ud800": "x"}, ""),
        ({"filter": {"\ud800": "x"}}, "filter.\ufffd\ufffd\ufffd.[key]"),
    ],
)
def test_a_bad_field_is_named(client: TestClient, change: dict[str, Any], field: str) -> None:
    body = json.dumps({**QUESTION, **change})
    response = client.post("/v1/answer", content=body, headers={"content-type": "application/json"})
    problem = assert_problem(response, 422, "invalid-request")
    assert problem["errors"][0]["field"] == field
    assert field in problem["detail"]


def test_a_body_that_is_no_json_is_a_problem(client: TestClient) -> None:
    response = client.post("/v1/search", content=b"{", headers={"content-type": "application/json"})
    problem = assert_problem(response, 422, "invalid-request")
    assert problem["detail"].startswith("the body is no JSON: ") and "at position 1" in problem["detail"]
    assert [item["field"] for item in problem["errors"]] == [""]
    for body in ({"content": b'{"question": "q"}'}, {"json": []}, {"content": b""}):
        problem = assert_problem(client.post("/v1/search", **body), 422, "invalid-request")
        assert problem["detail"] == "the body must be a JSON object, sent as content-type application/json"


def test_a_question_over_the_limit_is_refused(client: TestClient, runtime: Any) -> None:
    limit = runtime.settings.serve.max_question_chars
    assert client.post("/v1/search", json={**QUESTION, "question": "ü" * limit}).status_code == 200
    response = client.post("/v1/search", json={**QUESTION, "question": "ü" * (limit + 1)})
    assert str(limit) in assert_problem(response, 422, "invalid-request")["detail"]


def test_a_body_over_the_limit_is_refused(client: TestClient, runtime: Any) -> None:
    body = {**QUESTION, "filter": {"x": "y" * runtime.settings.serve.max_body_bytes}}
    assert_problem(client.post("/v1/search", json=body), 413, "body-too-large")
    pieces = (part.encode() for part in (json.dumps(body)[:600_000], json.dumps(body)[600_000:]))
    response = client.post("/v1/search", content=pieces, headers={"content-type": "application/json"})
    assert_problem(response, 413, "body-too-large")


def all_errors(base: type[RagwrightError] = RagwrightError) -> list[type[RagwrightError]]:
    return [base, *(error for child in base.__subclasses__() for error in all_errors(child))]


@pytest.mark.parametrize("error", [error for error in all_errors() if error is not errors.UnknownKeyError])
def test_every_error_becomes_its_problem(client: TestClient, runtime: Any, error: type[RagwrightError]) -> None:
    runtime.pipeline.error = error("what to do")
    response = client.post("/v1/answer", json=QUESTION)
    problem = assert_problem(response, http_status(runtime.pipeline.error), error.slug)
    assert (problem["detail"] == "what to do") == (response.status_code < 500)
    assert ("Retry-After" in response.headers) == error.transient
    assert ("instance" in problem) == (response.status_code >= 500)


@pytest.mark.parametrize("error", [errors.StateError, errors.GeneratorError, errors.ModelError, RagwrightError])
def test_a_failure_of_the_service_quotes_nothing(
    client: TestClient, runtime: Any, caplog: pytest.LogCaptureFixture, error: type[RagwrightError]
) -> None:
    """What failed may hold a host, a path or a document's text; only the log may repeat it."""
    runtime.pipeline.error = error("cannot read db.internal:5432 [parameters: 'The salary of Ada is 90,000']")
    response = client.post("/v1/answer", json=QUESTION)
    assert response.status_code >= 500
    assert "db.internal" not in response.text and "salary" not in response.text
    assert response.json()["instance"] in caplog.text and "db.internal" in caplog.text


CONDITIONS = [f"tag{n}=x" for n in range(101)]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"corpus": "a\0b"}, "corpus"),
        ({"corpus": "a" * 201}, "corpus"),
        ({"question": "a\0b"}, "question"),
        ({"filter": {"a": "\0"}}, "filter.a"),
        ({"filter": ["a=\0"]}, "filter"),
        ({"filter": CONDITIONS}, "filter"),
        ({"filter": dict(condition.split("=") for condition in CONDITIONS)}, "filter"),
        ({"filter": [f"tag in [{','.join(map(str, range(1001)))}]"]}, "filter"),
        ({"filter": [f"tag in [{'[' * 5000}]"]}, "filter"),
        ({"filter": ["a" + " " * 30_000 + "b"]}, "filter"),
        ({"prompt": "p" * 201}, "prompt"),
        ({"top_k": 10**30}, "top_k"),
        ({"history": [{"role": "user", "text": "x" * 50_001}]}, "history.0.text"),
        ({f"field{n}": n for n in range(10_000)}, ""),
    ],
)
def test_too_much_of_anything_is_a_bad_field(client: TestClient, change: dict[str, Any], field: str) -> None:
    problem = assert_problem(client.post("/v1/answer", json={**QUESTION, **change}), 422, "invalid-request")
    assert problem["errors"][0]["field"] == field
    assert len(problem["detail"]) < 1000


@pytest.mark.parametrize(
    "passage",
    [{"doc_id": "a\0b"}, {"doc_id": "d" * 4097}, {"doc_id": "d", "start": 0, "end": 10**20}],
)
def test_a_passage_out_of_any_range_is_a_bad_field(client: TestClient, passage: dict[str, Any]) -> None:
    response = client.post("/v1/explain", json={**QUESTION, "passage": passage})
    assert assert_problem(response, 422, "invalid-request")["errors"][0]["field"].startswith("passage")


@pytest.mark.parametrize("path", ["a%00b/documents/c", "demo/documents/a%00b", f"demo/documents/{'d' * 4097}"])
def test_an_id_that_no_document_can_have_is_a_bad_field(client: TestClient, path: str) -> None:
    assert_problem(client.get(f"/v1/corpora/{path}"), 422, "invalid-request")


@pytest.mark.parametrize(
    "body", [b"[" * 500_000, b'{"question":' + b"[" * 200_000, b'{"top_k": ' + b"9" * 10_000 + b"}"]
)
def test_a_body_that_no_parser_can_hold_is_a_problem(client: TestClient, body: bytes) -> None:
    response = client.post("/v1/search", content=body, headers={"content-type": "application/json"})
    assert response.status_code in (400, 413, 422)
    assert response.headers["content-type"] == "application/problem+json"


def test_an_unknown_key_is_the_caller_s_fault(client: TestClient, runtime: Any) -> None:
    runtime.pipeline.error = errors.UnknownKeyError("prompt", "x@9", ["grounded@1"])
    assert_problem(client.post("/v1/answer", json=QUESTION), 400, "unknown-key")


def test_an_unexpected_error_shows_an_instance_that_the_log_repeats(
    client: TestClient, runtime: Any, caplog: pytest.LogCaptureFixture
) -> None:
    runtime.pipeline.error = KeyError("secret")
    problem = assert_problem(client.post("/v1/answer", json=QUESTION), 500, "internal-error")
    assert "secret" not in json.dumps(problem)
    assert problem["instance"] in caplog.text


def test_unknown_paths_and_methods_are_problems(client: TestClient) -> None:
    assert_problem(client.get("/v1/nothing"), 404, "not-found")
    for path in ("/healthz/", "/v1/corpora/demo/documents"):
        assert_problem(client.get(path, follow_redirects=False), 404, "not-found")
    response = client.get("/v1/search")
    assert_problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "POST"


def events_of(text: str) -> list[tuple[str, dict[str, Any]]]:
    frames = [frame.split("\n") for frame in text.split("\n\n") if frame]
    return [(frame[0].removeprefix("event: "), json.loads(frame[1].removeprefix("data: "))) for frame in frames]


def test_a_stream_sends_context_deltas_and_answer(client: TestClient) -> None:
    response = client.post("/v1/answer", json={**QUESTION, "stream": True})
    assert response.headers["content-type"].startswith("text/event-stream")
    events = events_of(response.text)
    assert [name for name, _ in events] == ["context", "delta", "delta", "answer"]
    assert all(document["event"] == name for name, document in events)
    assert events[1][1]["text"] == "Refunds take\n"
    assert events[3][1]["answer"] == client.post("/v1/answer", json=QUESTION).json()


def test_a_stream_that_fails_at_once_is_a_problem(client: TestClient) -> None:
    response = client.post("/v1/answer", json={"question": "x", "corpus": "none", "stream": True})
    assert_problem(response, 404, "corpus-not-found")


@pytest.mark.parametrize(
    ("error", "slug"),
    [(errors.GeneratorUnavailableError("later"), "generator-unavailable"), (KeyError("k"), "internal-error")],
)
def test_a_stream_that_fails_later_ends_with_an_error_event(
    client: TestClient, runtime: Any, error: Exception, slug: str
) -> None:
    runtime.pipeline.error, runtime.pipeline.late = error, True
    events = events_of(client.post("/v1/answer", json={**QUESTION, "stream": True}).text)
    assert [name for name, _ in events] == ["context", "delta", "error"]
    assert events[-1][1]["error"]["type"] == f"urn:ragwright:problem:{slug}"


def test_corpora_are_listed(client: TestClient) -> None:
    corpora = client.get("/v1/corpora").json()["corpora"]
    assert corpora == [
        {"name": "demo", "generation": 7, "settings": "abc123abc123", "published_at": "2026-01-02T03:04:05Z"}
    ]


def test_a_document_is_found_by_its_percent_encoded_id(client: TestClient) -> None:
    response = client.get("/v1/corpora/demo/documents/policies%2Frefund%20terms%231.md")
    assert response.json()["doc_id"] == "policies/refund terms#1.md"
    assert response.json()["text"].startswith("Refunds take 30 days.")
    assert_problem(client.get("/v1/corpora/demo/documents/none.md"), 404, "document-not-found")
    assert_problem(client.get("/v1/corpora/none/documents/none.md"), 404, "corpus-not-found")


def test_ready_only_when_every_part_answers(client: TestClient, runtime: Any) -> None:
    assert client.get("/readyz").json() == {"catalogue": "ok", "index": "ok", "model": "ok"}
    runtime.embedder.error = errors.ModelError("weights are missing")
    problem = assert_problem(client.get("/readyz"), 503, "not-ready")
    assert (problem["checks"]["catalogue"], problem["checks"]["index"]) == ("ok", "ok")
    assert "a model's weights are missing" in problem["checks"]["model"]
    runtime.embedder.error = None
    runtime.catalogue.error = errors.BusyError("locked")
    assert "another process" in client.get("/readyz").json()["checks"]["catalogue"]
    assert client.get("/healthz").json()["status"] == "ok"


def test_the_schema_names_every_route_and_the_problem(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()
    assert {"/v1/search", "/v1/context", "/v1/answer", "/v1/corpora", "/healthz", "/readyz"} <= set(schema["paths"])
    assert "Problem" in schema["components"]["schemas"]
    assert "HTTPValidationError" not in schema["components"]["schemas"]


def test_settings_are_opened_at_start_and_closed_at_stop(runtime: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.app.open_runtime", lambda _settings: runtime)
    with TestClient(create_app(runtime.settings), base_url="http://localhost") as client:
        assert client.get("/v1/corpora").status_code == 200
        assert not runtime.closed
    assert runtime.closed


def test_a_given_runtime_stays_open(runtime: Any) -> None:
    with TestClient(create_app(runtime)):
        pass
    assert not runtime.closed


def test_importing_the_service_loads_no_heavy_library() -> None:
    heavy = {"ragas", "llama_index", "torch", "transformers", "unstructured", "langchain", "onnxruntime"}
    code = f"import sys, api.app; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
