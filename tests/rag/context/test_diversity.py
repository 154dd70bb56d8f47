from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from rag.context.diversity import cap_documents, diversify
from rag.types import Hit
from tests.fakes import make_hit

WORDS = ["harbour", "light", "keeper", "storm", "market", "bridge"]
hits_of = st.lists(st.tuples(st.sampled_from("abc"), st.lists(st.sampled_from(WORDS), min_size=1)), max_size=8).map(
    lambda rows: [make_hit(" ".join(text), doc_id, 100 * i, i + 1) for i, (doc_id, text) in enumerate(rows)]
)


@given(hits_of)
def test_off_means_the_same_hits_in_the_same_order(hits: list[Hit]) -> None:
    assert cap_documents(hits, 0) == (hits, []) and diversify(hits, 0.0) == hits


@given(hits_of, st.integers(1, 3))
def test_a_cap_keeps_the_best_of_each_document_and_names_the_rest(hits: list[Hit], limit: int) -> None:
    kept, dropped = cap_documents(hits, limit)
    assert [hit for hit in hits if hit in kept] == kept and len(kept) + len(dropped) == len(hits)
    assert all(count <= limit for count in Counter(hit.chunk.doc_id for hit in kept).values())
    for item in dropped:
        assert item.reason == "max_per_document"
        better = [hit for hit in kept if hit.chunk.doc_id == item.doc_id]
        assert len(better) == limit and all(hit.chunk.span < item.span for hit in better)


@given(hits_of, st.floats(0.01, 1))
def test_diversity_reorders_and_leaves_nothing_out(hits: list[Hit], weight: float) -> None:
    found = diversify(hits, weight)
    assert sorted(hit.rank for hit in found) == [hit.rank for hit in hits]
    if 0 < weight < 1 and hits:
        assert found[0] == hits[0]


def test_what_says_something_else_comes_before_a_repetition() -> None:
    texts = ["harbour light keeper", "harbour light keeper again", "market bridge"]
    hits = [make_hit(text, f"d{i}", rank=i + 1, score=1 - i / 10) for i, text in enumerate(texts)]
    assert [hit.rank for hit in diversify(hits, 0.7)] == [1, 3, 2]
    assert [hit.rank for hit in diversify(hits, 0.01)] == [1, 2, 3]
