"""Gold passages follow their text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eval.golden import GoldSpan
from eval.golden.anchors import anchored
from rag.types import Span

TEXT = st.text(alphabet="ab .\n(*", min_size=1, max_size=12)


@given(before=st.text(max_size=20), gold=TEXT, after=st.text(max_size=20), labelled=st.integers(0, 60))
def test_a_passage_that_is_there_is_found(before: str, gold: str, after: str, labelled: int) -> None:
    text = before + gold + after
    placed = anchored(GoldSpan("d", Span(labelled, labelled + len(gold)), gold), text)
    assert not placed.lost
    assert text[placed.span.start : placed.span.end].split() == gold.split()


def test_the_labelled_place_goes_first_then_the_nearest() -> None:
    text = "red. blue. red. blue. red."
    assert anchored(GoldSpan("d", Span(11, 15), "red."), text).span == Span(11, 15)
    assert anchored(GoldSpan("d", Span(20, 24), "red."), text).span == Span(22, 26)
    assert anchored(GoldSpan("d", Span(9, 13), "red."), text).span == Span(11, 15)


def test_whitespace_may_differ() -> None:
    assert anchored(GoldSpan("d", Span(0, 9), "one two\n3"), "x one\n two 3").span == Span(2, 12)


def test_a_passage_that_is_gone_is_behind_the_end() -> None:
    placed = anchored(GoldSpan("d", Span(0, 4), "gone"), "other text")
    assert placed.lost and placed.span == Span(10, 14)
