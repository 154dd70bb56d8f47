from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.context.order import ORDERS, order_of
from rag.errors import UnknownKeyError
from rag.types import Passage, Span

passages_of = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), max_size=9).map(
    lambda places: [
        Passage(tag, doc_id, "", "", "x", (Span(start, start + 1),), 1) for tag, (doc_id, start) in enumerate(places, 1)
    ]
)


@pytest.mark.parametrize("name", sorted(ORDERS))
@given(passages=passages_of)
def test_every_order_keeps_every_passage_with_its_tag(name: str, passages: list[Passage]) -> None:
    assert sorted(order_of(name)(passages), key=lambda passage: passage.tag) == passages


@given(passages_of)
def test_rank_changes_nothing(passages: list[Passage]) -> None:
    assert order_of("rank")(passages) == tuple(passages)


def tags(name: str, places: list[tuple[str, int]]) -> list[int]:
    passages = [Passage(tag, d, "", "", "x", (Span(s, s + 1),), 1) for tag, (d, s) in enumerate(places, 1)]
    return [passage.tag for passage in order_of(name)(passages)]


def test_the_best_stand_at_the_edges() -> None:
    assert tags("edges", [("a", n) for n in range(5)]) == [1, 3, 5, 4, 2]


def test_documents_stay_together_in_reading_order() -> None:
    assert tags("document", [("b", 5), ("a", 9), ("b", 1), ("a", 2)]) == [3, 1, 4, 2]


def test_an_unknown_order_is_named() -> None:
    with pytest.raises(UnknownKeyError, match="document, edges, rank"):
        order_of("random")
