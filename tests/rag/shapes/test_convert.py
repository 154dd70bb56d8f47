from __future__ import annotations

import json
from typing import Any

from rag.pipeline import StreamEvent
from rag.shapes import answer_json, citation_json, context_json, search_json
from rag.shapes.convert import corpus_json, document_json, event_json, hit_json, quoted_json
from rag.types import (
    Answer,
    Box,
    Citation,
    Context,
    ContextResult,
    Dropped,
    Generation,
    Hit,
    Message,
    Passage,
    Prompt,
    Provenance,
    SearchResult,
    Sentence,
    Span,
    StageScore,
    StepTrace,
    Support,
    Usage,
)
from tests.fakes import make_chunk, make_document

BOX = Box(3, 1.0, 2.0, 30.0, 12.0, 0, 5)
SAME_PLACE = Box(3, 1.0, 2.0, 30.0, 12.0, 5, 9)
CITED = Citation(1, "d", "T", "file:///d", Span(4, 9), "quote", Support(0.75, True), (BOX, SAME_PLACE))
GENERATION = Generation(7, "kb", 1, "f00", "2026-01-01")


def hit() -> Hit:
    return Hit(make_chunk("text", "d", 4, title="T"), 2, 0.5, {"bm25": StageScore(1, 3.5)})


def search() -> SearchResult:
    step = StepTrace("spelling", "typed", ("a -> b",), usage=Usage(1, 2, 0.5))
    return SearchResult("asked?", GENERATION, "f00", (hit(),), {"total": 9.0}, (step,))


def context() -> ContextResult:
    passage = Passage(1, "d", "T", "", "one … two", (Span(4, 7), Span(9, 12)), 5)
    packed = Context((passage,), 5, 99, "fake", (Dropped("e", Span(1, 3), "budget", 8, 0.25),))
    prompt = Prompt("grounded", "1", (Message("user", "asked?"),))
    return ContextResult(search(), packed, prompt, {"total": 12.0}, 40)


def answer() -> Answer:
    made_by = Provenance(7, "f00", "grounded", "1", "m")
    sentences = (Sentence("Said. [1]", 0, 9, (CITED,)),)
    return Answer("Said. [1]", sentences, False, None, context(), made_by, Usage(3, 4), {"total": 20.0})


def plain(model: Any) -> dict[str, Any]:
    return dict(json.loads(model.model_dump_json()))


def test_a_hit_has_its_place_and_its_stages() -> None:
    shown = plain(hit_json(hit()))
    assert (shown["rank"], shown["score"], shown["doc_id"]) == (2, 0.5, "d")
    assert (shown["start"], shown["end"], shown["text"], shown["title"]) == (4, 8, "text", "T")
    assert shown["stages"] == {"bm25": {"rank": 1, "score": 3.5}} and shown["boxes"] == []


def test_a_search_names_its_generation_and_what_steps_made_of_the_question() -> None:
    shown = plain(search_json(search()))
    assert (shown["question"], shown["corpus"], shown["generation"], shown["settings"]) == ("asked?", "kb", 7, "f00")
    (step,) = shown["query_steps"]
    assert (step["name"], step["added"]) == ("spelling", ["a -> b"])
    assert step["usage"] == {"input_tokens": 1, "output_tokens": 2, "cost_usd": 0.5}


def test_a_context_is_its_search_with_what_was_packed_and_its_own_times() -> None:
    shown = plain(context_json(context()))
    assert shown["hits"] == plain(search_json(search()))["hits"] and shown["timings_ms"] == {"total": 12.0}
    (passage,) = shown["passages"]
    assert (passage["start"], passage["end"], passage["spans"]) == (4, 12, [[4, 7], [9, 12]])
    assert shown["dropped"] == [{"doc_id": "e", "start": 1, "end": 3, "reason": "budget", "tokens": 8, "value": 0.25}]
    assert shown["prompt"] == {"name": "grounded", "version": "1", "messages": [{"role": "user", "content": "asked?"}]}


def test_a_citation_says_where_it_stands_on_its_page_and_each_place_once() -> None:
    shown = plain(citation_json(CITED))
    assert shown["page"] == 3 and shown["boxes"] == [{"page": 3, "left": 1, "top": 2, "right": 30, "bottom": 12}]
    bare = plain(quoted_json(CITED))
    assert bare == {key: value for key, value in shown.items() if key not in ("page", "boxes")}
    assert (bare["quote"], bare["support_score"], bare["supported"]) == ("quote", 0.75, True)


def test_an_answer_says_what_made_it() -> None:
    shown = plain(answer_json(answer()))
    assert (
        shown["provenance"]["prompt"] == {"name": "grounded", "version": "1"} and shown["provenance"]["release"] is None
    )
    assert shown["sentences"][0]["citations"][0]["tag"] == 1 and shown["context"]["tokens"] == 5
    assert shown["usage"] == {"input_tokens": 3, "output_tokens": 4, "cost_usd": None}


def test_an_event_carries_its_part_and_nothing_else() -> None:
    assert event_json(StreamEvent("delta", text="Sa")) == {"event": "delta", "text": "Sa"}
    assert set(event_json(StreamEvent("context", context=context()))) == {"event", "context"}
    done = event_json(StreamEvent("answer", answer=answer()))
    assert set(done) == {"event", "answer"} and json.dumps(done)


def test_a_corpus_and_a_document_of_its_live_generation() -> None:
    assert plain(corpus_json(GENERATION)) == {
        "name": "kb",
        "generation": 7,
        "settings": "f00",
        "published_at": "2026-01-01",
    }
    shown = plain(document_json(make_document("d", "text"), GENERATION))
    assert (shown["doc_id"], shown["corpus"], shown["generation"], shown["text"]) == ("d", "kb", 7, "text")
    assert shown["metadata"] == {"name": "d"}
