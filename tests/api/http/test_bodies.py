from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from api.errors import InvalidRequestError
from api.http.bodies import AnswerBody, ContextBody, ExplainBody, SearchBody, passage_of, request_of
from rag.conditions import OneOf
from rag.explain.values import PassageRef
from rag.types import Span, Turn

ASKED = {"question": "How long?", "corpus": "demo"}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"question": " \n"}, "must not be blank"),
        ({"question": "a\udc80"}, "lone surrogates"),
        ({"question": "a\0"}, "NUL"),
        ({"corpus": "c" * 201}, "at most 200"),
        ({"top_k": 0}, "greater than or equal to 1"),
        ({"top_k": "3"}, "valid integer"),
        ({"nothing": 1}, "Extra inputs"),
        ({f"f{n}": n for n in range(60)}, "has too many fields; the valid ones are question, corpus"),
        ({"filter": ["lang"]}, "lang"),
        ({"filter": [7]}, "must be conditions like"),
        ({"filter": ["a=b"] * 101}, "at most 100 conditions"),
        ({"filter": ["a=" + "x" * 50_001]}, "at most 50000 characters"),
    ],
)
def test_what_is_wrong_with_a_body_is_said(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        SearchBody.model_validate(ASKED | fields)


def test_a_filter_is_a_mapping_or_a_list_of_conditions() -> None:
    mapped = SearchBody.model_validate(ASKED | {"filter": {"lang": "en"}})
    listed = SearchBody.model_validate(ASKED | {"filter": ["lang=en"]})
    assert mapped.filter == listed.filter == (OneOf("lang", ("en",)),)


def test_a_body_becomes_the_pipeline_s_request() -> None:
    body = AnswerBody.model_validate(
        ASKED | {"top_k": 3, "budget_tokens": 99, "history": [{"role": "user", "text": "Hi"}], "stream": True}
    )
    request = request_of(body, 4000)
    assert (request.question, request.corpus, request.top_k, request.budget_tokens) == ("How long?", "demo", 3, 99)
    assert request.history == (Turn("user", "Hi"),)
    assert request_of(ContextBody.model_validate(ASKED), 4000).history == ()
    with pytest.raises(InvalidRequestError, match="has 9 characters, at most 5 are allowed"):
        request_of(body, 5)


@pytest.mark.parametrize("place", [{"start": 3}, {"end": 3}, {"start": 3, "end": 3}, {"start": 5, "end": 3}])
def test_a_passage_is_a_range_or_a_whole_document(place: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="needs start and end with start < end, or neither"):
        ExplainBody.model_validate(ASKED | {"passage": {"doc_id": "d", **place}})
    whole = ExplainBody.model_validate(ASKED | {"passage": {"doc_id": "d"}})
    part = ExplainBody.model_validate(ASKED | {"passage": {"doc_id": "d", "start": 3, "end": 7}})
    assert passage_of(whole) == PassageRef("d") and passage_of(part) == PassageRef("d", Span(3, 7))
