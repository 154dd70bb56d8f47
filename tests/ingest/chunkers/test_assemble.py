import pytest

from ingest.chunkers.assemble import Assembler, Cut, chunk_id, common_path, contextual_header
from ingest.partition.layout import Piece, assemble
from rag.settings import ChunkerSettings
from rag.types import Document, Span
from tests.contracts.test_chunkers import TOKENIZER


def assembler(*pieces: Piece, title: str = "Manual", size: int = 40, header: bool = True) -> Assembler:
    text, blocks = assemble(pieces)
    document = Document("d", title, text, blocks, "0" * 64, "file:///d", metadata={"lang": "en"})
    return Assembler(document, TOKENIZER, ChunkerSettings(max_tokens=size, header=header))


PUMPS = (Piece("heading", "Pumps", 1, 1), Piece("heading", "Oil", 2, 1), Piece("paragraph", "Oil it in March.", 0, 2))


def test_a_chunk_carries_its_document_its_page_and_its_headings() -> None:
    (chunk,) = assembler(*PUMPS).chunks([Cut(Span(12, 28))])
    assert (chunk.text, chunk.headings, chunk.page) == ("Oil it in March.", ("Pumps", "Oil"), 2)
    assert (chunk.doc_id, chunk.uri, chunk.metadata) == ("d", "file:///d", {"lang": "en"})
    assert chunk.header == "Manual > Pumps > Oil"
    assert chunk.tokens == TOKENIZER.count(chunk.indexed_text)
    assert chunk.chunk_id == chunk_id("d", Span(12, 28), "Oil it in March.")


def test_headings_and_parent_of_a_cut_count_before_those_of_its_block() -> None:
    (chunk,) = assembler(*PUMPS).chunks([Cut(Span(12, 28), ("Pumps",), Span(0, 28))])
    assert (chunk.headings, chunk.header, chunk.parent) == (("Pumps",), "Manual > Pumps", Span(0, 28))


def test_a_header_takes_a_third_at_most_and_loses_its_outermost_parts_first() -> None:
    long = Piece("heading", "Maintenance of the old pumps in the cellar", 1)
    made = assembler(long, Piece("heading", "Oil", 2), Piece("paragraph", "Oil it."), size=24)
    (chunk,) = made.chunks([Cut(Span(49, 56))])
    assert chunk.header == "Manual > Oil" and TOKENIZER.count(chunk.header) <= 8
    assert made.room(("Oil",)) == 24 - TOKENIZER.count("Manual > Oil")
    assert made.shared_room() <= made.room(("Oil",))


def test_without_headers_there_is_none() -> None:
    made = assembler(*PUMPS, header=False)
    assert [chunk.header for chunk in made.chunks([Cut(Span(12, 28))])] == [""] and made.room(("Pumps",)) == 40


def test_a_chunk_below_the_head_of_a_table_names_the_columns() -> None:
    rows = "\n".join(["Part | Price", *(f"belt{n} | {n}" for n in range(9))])
    made = assembler(Piece("table", rows), title="")
    start = rows.index("belt5")
    (chunk,) = made.chunks([Cut(Span(start, len(rows)))])
    assert chunk.header == "Part | Price" and chunk.tables and chunk.tables[0].head


@pytest.mark.parametrize(
    ("title", "headings", "header"),
    [
        ("T", ("A", "B"), "T > A > B"),
        ("T and more", ("T", "A"), "T and more > A"),
        ("", ("", "B"), "B"),
        ("T", (), "T"),
    ],
)
def test_a_contextual_header_says_nothing_twice(title: str, headings: tuple[str, ...], header: str) -> None:
    assert contextual_header(title, headings) == header


def test_the_path_that_all_share() -> None:
    assert common_path([("a", "b", "c"), ("a", "b"), ("a", "b", "d")]) == ("a", "b")
    assert common_path([("a",), ("b",)]) == () and common_path([("a", "b")]) == ("a", "b")
