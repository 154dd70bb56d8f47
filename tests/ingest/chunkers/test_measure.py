import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.chunkers import measure
from ingest.chunkers.measure import Ruler, bodies, lines, paragraphs, sentence_ranges
from rag.types import Block, Document, Span
from tests.contracts.test_chunkers import TOKENIZER

TEXT = "One two three. Four five.\n\nSix seven eight nine ten. Eleven.\n\n" + "long" * 40


def ruler(text: str = TEXT) -> Ruler:
    return Ruler.of(text, TOKENIZER)


def texts(spans, text=TEXT):
    return [text[span.start : span.end] for span in spans]


def test_any_range_is_measured_without_tokenising_it_again() -> None:
    found = ruler()
    assert found.tokens(0, 13) == TOKENIZER.count(TEXT[:13]) == 3
    assert found.fits(Span(0, 14), 4) and not found.fits(Span(0, 14), 3)


def test_a_token_longer_than_any_word_counts_as_several() -> None:
    assert ruler("q" * 240).tokens(0, 240) == 10


def test_a_long_text_is_tokenised_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list(ruler(TEXT[:61]).starts)
    monkeypatch.setattr(measure, "_SLICE_CHARS", 20)
    assert list(ruler(TEXT[:61]).starts) == whole


def test_a_range_is_cut_at_the_coarsest_boundary_that_allows_it() -> None:
    found = ruler()
    body = Span(0, TEXT.index("long"))
    assert texts(found.split(body, 100)) == [TEXT[: body.end]]
    assert texts(found.split(Span(0, 61), 8)) == ["One two three. Four five.", "Six seven eight nine ten. Eleven."]
    assert texts(found.split(Span(0, 61), 6)) == [
        "One two three.",
        "Four five.",
        "Six seven eight nine ten.",
        "Eleven.",
    ]
    assert texts(found.split(Span(0, 14), 2)) == ["One two", "three."]


@given(st.text(alphabet="ab .\n", max_size=120), st.integers(1, 9))
def test_windows_hold_all_words_in_order_within_the_limit(text: str, limit: int) -> None:
    if not text.strip():
        return
    found = Ruler.of(text, TOKENIZER)
    spans = list(found.windows(Span(0, len(text)), limit))
    assert all(found.fits(span, limit) for span in spans)
    assert all(a.end <= b.start for a, b in itertools.pairwise(spans))
    assert "".join("".join(texts(spans, text)).split()) == "".join(text.split())


def test_ranges_in_a_row_are_joined_while_they_fit() -> None:
    spans = [Span(*each) for each in sentence_ranges(TEXT[:60])]
    assert texts(ruler().pack(spans, 8)) == [TEXT[:25], TEXT[27:60]]


def test_an_overlap_starts_at_a_word_and_not_below_its_floor() -> None:
    found = ruler()
    assert found.before(25, 3, 0) == TEXT.index("Four") and found.before(25, 3, 20) == 20
    assert found.before(25, 0, 0) == 25


def test_boundaries_of_paragraphs_and_lines() -> None:
    text = "a\nb\n \t\nc"
    assert [text[s:e] for s, e in paragraphs(text)] == ["a\nb", "c"]
    assert [text[s:e] for s, e in lines(text)] == ["a", "b", "c"]


def test_chunks_come_from_all_but_front_matter_and_margins() -> None:
    text = "---\nfront\n---\n\nBody one.\n\nPage 3\n\nBody two."
    blocks = (Block("front_matter", Span(0, 13)), Block("margin", Span(26, 32)))
    assert texts(bodies(Document("d", "", text, blocks, "")), text) == ["Body one.", "Body two."]
    assert bodies(Document("d", "", "---", (Block("front_matter", Span(0, 3)),), "")) == []
