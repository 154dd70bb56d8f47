"""A row of a run as a line: what the case is, what was done about it, and every value with its reason."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from eval.golden import Case, GoldSpan
from eval.metrics import Unmeasured
from eval.observation import Evidence, Excerpt, Observation, Range
from eval.report.rows import row_json, row_line
from eval.runner import Row
from rag.shapes import citation_json
from rag.shapes.rows import RowJson
from rag.types import Box, Citation, Dropped, Passage, Sentence, Span, Support, Turn, Usage

CITED = Citation(1, "a b#1.md", "T", "file:a", Span(3, 8), "quote", Support(0.75, True), (Box(2, 1, 2, 3, 4, 0, 5),))
CASE = Case(
    "1", "Wash?", True, "answer", answers=("Yes.",), doc_ids=("a b#1.md",),
    spans=(GoldSpan("a b#1.md", Span(3, 8), "q"),), history=(Turn("user", "Hi."),), tags=("t",), cluster="c",
    split="dev",
    rubrics={"score1_description": "bad"},
)  # fmt: skip
SEEN = Observation(
    CASE,
    "ok",
    generation=4,
    hits=(Range("a b#1.md", 0, 9, 0.5),),
    hits_used=1,
    passages=(Passage(1, "a b#1.md", "T", "file:a", "quote … more", (Span(3, 8), Span(10, 14)), 5),),
    context_tokens=5,
    dropped=(Dropped("b", Span(0, 2), "budget", 7, 0.5),),
    answer="Yes. [1]",
    sentences=(Sentence("Yes. [1]", 0, 8, (CITED,)),),
    abstained=False,
    answerability=0.5,
    usage=Usage(1, 2, None),
    timings_ms={"wall": 1.5},
    evidence=Evidence(sources=(Excerpt("a b#1.md", 0, "abcquote"),)),
)
VALUES = {"a": 1.0, "b": Unmeasured("no gold", applicable=False), "c": Unmeasured("the judge failed")}


def test_a_line_has_the_keys_that_readers_of_other_tools_know_in_their_order() -> None:
    line = json.loads(row_line(row_json(Row(SEEN, VALUES))))
    assert list(line) == [
        "id", "status", "error", "question", "kind", "expect", "answerable", "cluster", "tags", "split", "history",
        "rubrics", "broken", "generation", "hits", "hits_used", "context", "answer", "abstained", "reason",
        "answerability", "sentences", "gold", "sources", "metrics", "unmeasured", "not_applicable", "usage",
        "timings_ms",
    ]  # fmt: skip
    (passage,), (sentence,) = line["context"]["passages"], line["sentences"]
    assert json.dumps(passage, ensure_ascii=False) == (
        '{"tag": 1, "doc_id": "a b#1.md", "title": "T", "start": 3, "end": 14, "spans": [[3, 8], [10, 14]],'
        ' "text": "quote … more", "tokens": 5}'
    )
    assert line["context"]["dropped"] == [{"doc_id": "b", "start": 0, "end": 2, "reason": "budget"}]
    assert json.dumps(sentence["citations"][0]) == (
        '{"tag": 1, "doc_id": "a b#1.md", "title": "T", "uri": "file:a", "start": 3, "end": 8, "quote": "quote",'
        ' "support_score": 0.75, "supported": true}'
    )
    assert line["hits"] == [{"doc_id": "a b#1.md", "start": 0, "end": 9, "score": 0.5}]
    assert line["gold"]["spans"] == [{"doc_id": "a b#1.md", "start": 3, "end": 8, "text": "q"}]
    assert line["history"] == [{"role": "user", "text": "Hi."}]
    assert line["usage"] == {"input_tokens": 1, "output_tokens": 2, "cost_usd": None}


def test_a_citation_of_a_row_is_the_one_that_http_shows() -> None:
    cited = row_json(Row(SEEN, {})).sentences[0].citations[0]
    shown = citation_json(CITED).model_dump()
    assert shown.pop("page") == 2 and len(shown.pop("boxes")) == 1
    assert cited.model_dump() == shown


def test_an_unmeasured_metric_is_null_with_its_reason() -> None:
    row = row_json(Row(SEEN, VALUES))
    assert row.metrics == {"a": 1.0, "b": None, "c": None}
    assert row.unmeasured == {"b": "no gold", "c": "the judge failed"} and row.not_applicable == ["b"]


@pytest.mark.parametrize("odd", ["a\u2028b", "half a surrogate \ud800", "NUL \x00", "ünïcode “–” 𝄞"])
def test_any_text_is_read_back(odd: str) -> None:
    row = row_json(Row(replace(SEEN, answer=odd, error=odd), VALUES))
    assert RowJson.model_validate(json.loads(row_line(row))) == row


def test_a_value_that_is_no_number_is_refused_when_written() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        row_line(row_json(Row(SEEN, {"a": float("nan")})))
