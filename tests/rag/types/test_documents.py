import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.types import Chunk, Span, as_metadata

spans = st.tuples(st.integers(0, 9), st.integers(1, 9)).map(lambda pair: Span(pair[0], pair[0] + pair[1]))


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (3, 3), (4, 2)])
def test_a_span_holds_something(start: int, end: int) -> None:
    with pytest.raises(ValueError, match=rf"\[{start}, {end}\)"):
        Span(start, end)


@given(spans, spans)
def test_spans_are_ranges_of_characters(a: Span, b: Span) -> None:
    mine, other = set(range(a.start, a.end)), set(range(b.start, b.end))
    assert len(a) == len(mine)
    assert a.overlaps(b) == b.overlaps(a) == bool(mine & other)
    assert a.contains(b) == (other <= mine)
    assert (a < b) == ((a.start, a.end) < (b.start, b.end))


def test_lists_of_metadata_become_hashable() -> None:
    assert as_metadata({"lang": "en", "tags": ["a", "b"]}) == {"lang": "en", "tags": ("a", "b")}


def test_a_chunk_is_indexed_below_its_header() -> None:
    assert Chunk("c", "d", Span(0, 4), "text", header="Title > Part").indexed_text == "Title > Part\ntext"
    assert Chunk("c", "d", Span(0, 4), "text").indexed_text == "text"
