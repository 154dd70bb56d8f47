from __future__ import annotations

from rag.context.compress import compressed_away, merge, select
from rag.context.unit_scores import Scored
from rag.types import Selection, Span
from rag.units import units_of
from tests.fakes import make_chunk, make_hit

TEXT = "Alpha one two. Beta three four. Gamma five six."
PLAN = "Plan | Price\n--- | ---\nPro | 10\nTeam | 25"


def scored(text: str, *values: float, rank: int = 1) -> Scored:
    return Scored(make_hit(text, f"d{rank}", rank=rank), tuple(units_of(text)), values, values)


def kept(item: Scored, indexes: list[int]) -> list[str]:
    text = item.hit.chunk.text
    return [text[item.units[i].span.start : item.units[i].span.end] for i in indexes]


def test_the_best_sentences_of_all_hits_are_kept_until_the_share_is_used() -> None:
    first, second = scored(TEXT, 0.1, 0.9, 0.2), scored(TEXT, 0.8, 0.3, 0.1, rank=2)
    one, two = select([first, second], 0.4)
    assert kept(first, one) == ["Beta three four."] and kept(second, two) == ["Alpha one two."]
    assert select([first, second], 1.0) == [[0, 1, 2], [0, 1, 2]]


def test_the_first_is_kept_whatever_it_takes_and_little_text_counts_as_more() -> None:
    assert select([scored(TEXT, 0.1, 0.9, 0.2)], 0.01) == [[1]]
    assert select([scored(TEXT, 0.1, 0.9, 0.2)], 0.5, least=2000) == [[0, 1, 2]]


def test_a_row_brings_the_head_that_it_needs() -> None:
    item = scored(PLAN, *(float("Team" in PLAN[unit.span.start : unit.span.end]) for unit in units_of(PLAN)))
    (indexes,) = select([item], 0.1)
    assert kept(item, indexes)[0].startswith("Plan | Price") and kept(item, indexes)[-1] == "Team | 25"


def test_ranges_with_nothing_but_white_space_between_them_are_one() -> None:
    chunk = make_chunk(TEXT)
    spans = [Span(0, 14), Span(15, 31), Span(32, 47)]
    assert merge(spans, chunk) == (Span(0, 47),)
    assert merge([spans[0], spans[2]], chunk) == (spans[0], spans[2])


def test_what_is_left_out_is_named_with_its_place_and_blanks_are_not() -> None:
    hits = [make_hit(TEXT, "a"), make_hit(TEXT, "b", start=100, rank=2)]
    dropped = compressed_away(hits, [Selection(hits[0], (Span(0, 14), Span(15, 31)))])
    assert [(item.doc_id, item.span, item.reason) for item in dropped] == [
        ("a", Span(31, 47), "compressed_away"),
        ("b", Span(100, 147), "compressed_away"),
    ]
