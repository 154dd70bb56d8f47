"""Every chunker passes the same suite, over generated documents."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.chunkers import CHUNKERS, chunk
from ingest.partition.layout import Piece, assemble
from rag.errors import ConfigError, UnknownKeyError
from rag.settings import ChunkerSettings
from rag.types import Block, Chunk, Document, Span


class RegexTokenizer:
    """Words in pieces of six letters and single marks, as word-piece tokenisers cut them."""

    name = "regex"
    _token = re.compile(r"\w{1,6}|[^\w\s]")

    def count(self, text: str) -> int:
        return len(self.offsets(text))

    def offsets(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in self._token.finditer(text)]


TOKENIZER = RegexTokenizer()
_word = st.one_of(
    st.from_regex(r"[a-zé]{1,14}[.,:!?]?", fullmatch=True),
    st.sampled_from(["Dr.", "4.2", "é", "漢字。", "x" * 300, "TB-8", "\u200b", "|", "#", "…", "1,200"]),
)
_line = st.lists(_word, min_size=1, max_size=40).map(" ".join)
_lines = st.lists(_line, min_size=1, max_size=12).map("\n".join)
_piece = st.one_of(
    st.builds(Piece, st.just("heading"), _line, st.integers(1, 4)),
    st.builds(Piece, st.sampled_from(["paragraph", "list_item"]), _line, st.just(0), st.integers(1, 3)),
    st.builds(Piece, st.sampled_from(["table", "code", "paragraph"]), _lines),
)


@st.composite
def documents(draw):
    pieces = draw(st.lists(_piece, min_size=1, max_size=14))
    text, blocks = assemble(pieces)
    if draw(st.booleans()):
        front = "---\ntags: a b c\n---"
        shift = len(front) + 2
        text = f"{front}\n\n{text}"
        moved = (
            Block(b.kind, Span(b.span.start + shift, b.span.end + shift), b.headings, b.level, b.page) for b in blocks
        )
        blocks = (Block("front_matter", Span(0, len(front))), *moved)
    if draw(st.booleans()):
        # Text that no block holds must not be lost.
        blocks = tuple(b for i, b in enumerate(blocks) if i % 3 or b.kind == "front_matter")
    title = draw(st.one_of(st.just(""), _line))
    return Document("d", title, text, blocks, "0" * 64)


@st.composite
def chunker_settings(draw, name):
    size = draw(st.integers(16, 120))
    overlap = draw(st.sampled_from([0, 0, size // 5]))
    return ChunkerSettings(name=name, max_tokens=size, overlap_tokens=overlap, header=draw(st.booleans()))


def check(document: Document, chunks: list[Chunk], config: ChunkerSettings) -> None:
    text = document.text
    front = [block.span for block in document.blocks if block.kind == "front_matter"]
    covered = bytearray(len(text))
    for piece in chunks:
        start, end = piece.span.start, piece.span.end
        assert text[start:end] == piece.text == piece.text.strip()
        assert piece.tokens == TOKENIZER.count(piece.indexed_text) <= config.max_tokens
        assert not any(piece.span.overlaps(span) for span in front)
        assert (piece.pk, piece.doc_id) == (0, "d")
        covered[start:end] = b"\1" * (end - start)
    for span in front:
        covered[span.start : span.end] = b"\1" * len(span)
    assert not [i for i, char in enumerate(text) if not char.isspace() and not covered[i]]
    starts = [piece.span.start for piece in chunks]
    assert starts == sorted(set(starts))
    ends = [piece.span.end for piece in chunks]
    assert ends == sorted(set(ends))
    if not config.overlap_tokens:
        assert all(a.span.end <= b.span.start for a, b in zip(chunks, chunks[1:], strict=False))
    assert len({piece.chunk_id for piece in chunks}) == len(chunks)


@pytest.mark.parametrize("name", CHUNKERS)
@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_chunks_cover_the_text_in_order_within_their_limit(name, data):
    document = data.draw(documents())
    config = data.draw(chunker_settings(name))
    check(document, chunk(document, TOKENIZER, config), config)


@pytest.mark.parametrize("name", CHUNKERS)
def test_same_document_gives_same_ids_and_blank_text_gives_none(name):
    text, blocks = assemble([Piece("heading", "Head", 1), Piece("paragraph", "One two three. " * 40)])
    document = Document("d", "Title", text, blocks, "0" * 64)
    config = ChunkerSettings(name=name, max_tokens=32)
    first, again = (chunk(document, TOKENIZER, config) for _ in range(2))
    assert first == again and len(first) > 3
    assert chunk(Document("d", "T", " \n\n ", (), "0" * 64), TOKENIZER, config) == []


@pytest.mark.parametrize("name", CHUNKERS)
def test_page_and_headings_are_those_of_the_first_character(name):
    pieces = [
        Piece("heading", "Alpha", 1, 1),
        Piece("paragraph", "word " * 60, 0, 1),
        Piece("paragraph", "late " * 60, 0, 2),
    ]
    text, blocks = assemble(pieces)
    chunks = chunk(Document("d", "", text, blocks, "0" * 64), TOKENIZER, ChunkerSettings(name=name, max_tokens=40))
    assert {piece.headings for piece in chunks} == {("Alpha",)}
    assert all(piece.page == (1 if "word" in piece.text[:5] or "Alpha" in piece.text else 2) for piece in chunks)


def test_unknown_chunker_lists_the_valid_ones():
    with pytest.raises(UnknownKeyError, match="heading, recursive, sentence, tokens"):
        chunk(Document("d", "", "x", (), ""), TOKENIZER, ChunkerSettings(name="magic"))


def test_overlap_must_leave_room():
    with pytest.raises(ConfigError, match="overlap_tokens"):
        chunk(Document("d", "", "x", (), ""), TOKENIZER, ChunkerSettings(max_tokens=20, overlap_tokens=11))
