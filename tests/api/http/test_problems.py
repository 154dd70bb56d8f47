from __future__ import annotations

import json
import logging

import pytest

from api.http.problems import MEDIA_TYPE, _field_problem, problem, problem_of, respond
from rag.errors import ConfigError, CorpusNotFoundError, IndexUnavailableError, StateError


def test_a_problem_has_the_fields_of_rfc_9457() -> None:
    assert problem(404, "corpus-not-found", "there is none", hint=1) == {
        "type": "urn:ragwright:problem:corpus-not-found",
        "title": "Corpus not found",
        "status": 404,
        "detail": "there is none",
        "hint": 1,
    }


@pytest.mark.parametrize(
    ("error", "status"),
    [(CorpusNotFoundError("no 'kb'"), 404), (ConfigError("top_k"), 422), (ConfigError("top_k"), 422)],
)
def test_what_the_caller_can_mend_is_said_and_not_logged(
    error: Exception, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    found = problem_of(error)
    assert 400 <= found["status"] < 500 and str(error) in found["detail"] and "instance" not in found
    assert caplog.records == [] and (status == found["status"] or found["status"] in (400, 422))


def test_what_is_the_service_s_own_fault_is_logged_and_quotes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        found = problem_of(ValueError("secret of row 7"))
        damaged = problem_of(StateError("/srv/home is damaged"))
    assert (found["status"], found["type"]) == (500, "urn:ragwright:problem:internal-error")
    assert "secret" not in json.dumps(found) and "/srv/home" not in json.dumps(damaged)
    assert found["instance"] in caplog.text and "secret of row 7" in caplog.text


def test_an_unavailable_part_says_when_to_come_back() -> None:
    response = respond(problem_of(IndexUnavailableError("it does not answer")))
    assert (response.status_code, response.media_type) == (503, MEDIA_TYPE) and response.headers["Retry-After"] == "5"
    assert "Retry-After" not in respond(problem(404, "x", "y"), {"A": "b"}).headers


@pytest.mark.parametrize(
    ("item", "shown"),
    [
        (
            {"type": "json_invalid", "loc": ("body", 7), "ctx": {"error": "Expecting value"}, "msg": ""},
            {"field": "", "detail": "the body is no JSON: Expecting value at position 7"},
        ),
        (
            {"type": "missing", "loc": ("body",), "msg": "Field required"},
            {"field": "", "detail": "the body must be a JSON object, sent as content-type application/json"},
        ),
        (
            {"type": "too_long", "loc": ("body", "corpus"), "input": "c" * 9, "ctx": {"max_length": 3}, "msg": "items"},
            {"field": "corpus", "detail": "must have at most 3 characters"},
        ),
        (
            {"type": "missing", "loc": ("body", "history", 0, "text"), "msg": "Field required"},
            {"field": "history.0.text", "detail": "Field required"},
        ),
    ],
)
def test_what_is_wrong_with_a_field(item: dict[str, object], shown: dict[str, str]) -> None:
    assert _field_problem(item) == shown
