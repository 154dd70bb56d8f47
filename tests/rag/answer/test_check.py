"""The check stage: what a model wrote becomes sentences whose quotes stand in their passages, or a refusal."""

from __future__ import annotations

import pytest

from rag.answer.check import Checker
from rag.answer.verify import LexicalVerifier
from rag.prompts import REFUSAL
from rag.telemetry import Spans
from rag.types import Draft, Passage, Span, Turn

TEXTS = ("The kettle boils at noon. It is made of copper.", "The lamp is lit at dusk.")
PASSAGES = tuple(Passage(n, f"d{n}", "", "", text, (Span(100, 100 + len(text)),), 9) for n, text in enumerate(TEXTS, 1))


async def checked(text: str, *history: Turn, **draft: object):  # type: ignore[no-untyped-def]
    return await Checker(LexicalVerifier(0.5)).checked(
        Draft(text, "m", **draft),
        PASSAGES,
        history,
        {},
        Spans(),  # type: ignore[arg-type]
    )


async def test_a_quote_is_the_source_at_the_place_that_is_cited() -> None:
    found = await checked("The kettle boils at noon. [1] The lamp is lit at dusk. [2]")
    places = [citation for sentence in found.sentences for citation in sentence.citations]
    assert [place.doc_id for place in places] == ["d1", "d2"] and all(place.support.supported for place in places)
    for place in places:
        passage = PASSAGES[place.tag - 1]
        assert passage.text[place.span.start - 100 : place.span.end - 100] == place.quote


async def test_what_the_passage_does_not_say_is_not_supported() -> None:
    found = await checked("Ada Green painted the kettle in 1998. [1]")
    assert [c.support.supported for sentence in found.sentences for c in sentence.citations] == [False]


async def test_a_tag_that_no_passage_has_is_no_citation() -> None:
    found = await checked("The kettle boils at noon. [7]")
    assert [sentence.citations for sentence in found.sentences] == [()]


@pytest.mark.parametrize("text", ["", "  ", REFUSAL, f"Sorry. {REFUSAL}", "[1] [2]"])
async def test_a_draft_that_says_nothing_is_a_refusal(text: str) -> None:
    found = await checked(text)
    assert found.draft.abstained and found.draft.reason and not found.sentences and not found.text


async def test_a_refusal_keeps_its_reason() -> None:
    found = await checked("", abstained=True, reason="the corpus does not mention 'x'")
    assert found.draft.reason == "the corpus does not mention 'x'"
