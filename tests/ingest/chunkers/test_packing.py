from collections.abc import Sequence

from ingest.chunkers.assemble import Assembler
from ingest.chunkers.measure import Ruler
from ingest.chunkers.packing import Packer
from ingest.partition.layout import Piece, assemble
from rag.settings import ChunkerSettings
from rag.types import Document
from tests.contracts.test_chunkers import TOKENIZER


def packed(pieces: Sequence[Piece], size: int, overlap: int = 0) -> list[str]:
    text, blocks = assemble(pieces)
    document = Document("d", "", text, blocks, "0" * 64)
    assembler = Assembler(document, TOKENIZER, ChunkerSettings(max_tokens=size, overlap_tokens=overlap, header=False))
    packer = Packer(Ruler.of(text, TOKENIZER, assembler.tables), assembler, blocks, overlap)
    return [text[cut.span.start : cut.span.end] for cut in packer.cuts()]


def paragraph(name: str, words: int) -> Piece:
    return Piece("paragraph", f"{' '.join([name] * (words - 1))} end.")


def test_units_fill_a_chunk_until_the_next_does_not_fit() -> None:
    first, second, third = (paragraph(name, 7) for name in ("one", "two", "red"))
    assert packed([first, second, third], 17) == [f"{first.text}\n\n{second.text}", third.text]


def test_a_list_stays_with_the_line_that_introduces_it() -> None:
    intro, items = Piece("paragraph", "You need:"), [Piece("list_item", name) for name in ("oil", "belt", "lamp")]
    listed = "You need:\n\noil\n\nbelt\n\nlamp"
    assert packed([paragraph("one", 14), intro, *items], 18)[1] == listed


def test_what_is_too_long_is_broken_at_sentences_and_tables_at_rows() -> None:
    prose = Piece("paragraph", "One two three four. Five six seven eight. Nine ten eleven twelve.")
    assert packed([prose], 16) == ["One two three four. Five six seven eight. Nine ten eleven twelve."]
    long = Piece("paragraph", f"{prose.text} Alpha beta gamma delta epsilon.")
    assert packed([long], 16) == [prose.text, "Alpha beta gamma delta epsilon."]
    rows = [f"belt{n} | {n}" for n in range(12)]
    assert all(part.startswith("belt") for part in packed([Piece("table", "\n".join(rows))], 16))


def test_a_heading_is_not_left_alone_above_what_is_broken() -> None:
    parts = packed([Piece("heading", "Pumps", 1), Piece("paragraph", "Oil it now. " * 10)], 20)
    assert parts[0].startswith("Pumps\n\nOil it now.") and len(parts) > 1


def test_an_overlap_repeats_the_end_of_the_chunk_before() -> None:
    parts = packed([paragraph("one", 12), paragraph("two", 12)], 20, overlap=3)
    assert len(parts) == 2 and parts[1].startswith("one end.\n\ntwo")
