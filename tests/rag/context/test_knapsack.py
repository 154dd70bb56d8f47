from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.context.compress import SentenceCompressor, WholeHits
from rag.context.knapsack import PACKINGS, most_valuable, packing_of
from rag.context.pack import JOINT, pack
from rag.errors import UnknownKeyError
from rag.types import Hit, Reading, Selection, Span
from rag.units import units_of
from tests.fakes import FakeTokenizer, make_chunk, make_query

SENTENCES = [
    "Alpha one two.",
    "It also holds beta.",
    "Gamma, five and six.",
    "Delta.",
    "# Head\n",
    "\n\nEpsilon 7 8 9.",
]
TABLE = "\n\n| Plan | Price |\n| --- | --- |\n| Pro | 10 |\n| Team | 25 |\n\n"
texts = st.lists(st.sampled_from([*SENTENCES, TABLE]), min_size=1, max_size=7).map(" ".join).filter(str.strip)


def hits_of(bodies: list[str]) -> list[Hit]:
    chunks = [make_chunk(body, f"d{n}", 100, n) for n, body in enumerate(bodies, 1)]
    return [Hit(chunk, rank, 1 / rank, {}) for rank, chunk in enumerate(chunks, 1)]


def scorer(seed: int):  # type: ignore[no-untyped-def]
    def score(query, pieces):  # type: ignore[no-untyped-def]
        return [
            [Reading(*((seed * 31 + span.start * 17 + n * by) % 100 / 100 for by in (7, 11))) for span in spans]
            for n, (_, spans) in enumerate(pieces)
        ]

    return score


async def selections(bodies: list[str], seed: int, keep: float) -> list[Selection]:
    stage = WholeHits(scorer(seed)) if keep == 1 else SentenceCompressor(scorer(seed), keep)
    return await stage.compress(make_query("alpha beta"), hits_of(bodies))


@given(
    st.lists(texts, min_size=1, max_size=4),
    st.integers(0, 9),
    st.sampled_from([0.5, 1.0]),
    st.integers(16, 120),
    st.sampled_from(sorted(PACKINGS)),
)
async def test_every_surviving_span_is_source_text_within_the_budget(
    bodies: list[str], seed: int, keep: float, budget: int, packing: str
) -> None:
    found = await selections(bodies, seed, keep)
    chosen, left = packing_of(packing)(found, budget, FakeTokenizer())
    context = pack(chosen, budget, FakeTokenizer(), 20, lambda doc_id: "", left)
    source = {hit.chunk.doc_id: hit.chunk for hit in hits_of(bodies)}
    assert context.tokens <= budget
    for passage in context.passages:
        chunk = source[passage.doc_id]
        parts = [chunk.text[span.start - chunk.span.start : span.end - chunk.span.start] for span in passage.spans]
        assert passage.text == JOINT.join(parts) and all(part.strip() for part in parts)
        assert all(a.end < b.start for a, b in zip(passage.spans, passage.spans[1:], strict=False))
    for item in context.dropped:
        assert source[item.doc_id].span.contains(item.span)


@given(st.lists(texts, min_size=1, max_size=4), st.integers(0, 9), st.integers(16, 80))
async def test_a_kept_row_has_its_header_and_what_is_left_out_its_cost(
    bodies: list[str], seed: int, budget: int
) -> None:
    found = await selections(bodies, seed, 1.0)
    chosen, left = most_valuable(found, budget, FakeTokenizer())
    assert all(item.reason == "budget" and item.tokens and item.value is not None for item in left)
    for selection in chosen:
        kept = {unit.span for unit in selection.units}
        chunk = selection.hit.chunk
        units = [(_at(chunk.span.start, unit.span), unit.needs) for unit in units_of(chunk.text)]
        for span, needs in units:
            assert span not in kept or all(units[i][0] in kept for i in needs)


async def test_a_budget_that_holds_everything_changes_nothing() -> None:
    found = await selections([SENTENCES[0] + " " + TABLE, SENTENCES[2]], 1, 0.5)
    assert most_valuable(found, 1000, FakeTokenizer()) == (found, [])


async def test_the_best_sentences_of_all_hits_win_over_all_of_the_first() -> None:
    def score(query, pieces):  # type: ignore[no-untyped-def]
        return [[Reading(), Reading(0.1, 0.1)], [Reading(0.9, 0.9), Reading()]]

    bodies = ["Dull is this one. Dull too is this.", "Here it is. And this is not it."]
    found = await WholeHits(score).compress(make_query("it"), hits_of(bodies))
    (chosen,), left = most_valuable(found, 5, FakeTokenizer())
    assert chosen.hit.rank == 2 and [unit.score > 0.5 for unit in chosen.units] == [True]
    assert len(left) == 3


def test_an_unknown_packing_is_named() -> None:
    with pytest.raises(UnknownKeyError, match="knapsack, rank"):
        packing_of("best")


def _at(offset: int, span: Span) -> Span:
    return Span(offset + span.start, offset + span.end)
