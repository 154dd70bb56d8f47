"""Every chunker passes the same suite, over generated documents."""

import itertools
import random
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.chunkers import CHUNKERS, NEED_EMBEDDER, check_chunker, chunk
from ingest.partition.layout import Piece, assemble, fill_gaps
from rag.errors import ConfigError, UnknownKeyError
from rag.settings import ChunkerSettings
from rag.types import Block, Chunk, Document, Span


class RegexTokenizer:
    """Words in pieces of six letters and single marks, as word-piece tokenisers cut them.

    As theirs, a word of more than 100 characters is one unknown token.
    """

    name = "regex"
    _token = re.compile(r"(?<!\w)\w{101,}|\w{1,6}|[^\w\s]")

    def count(self, text: str) -> int:
        return len(self.offsets(text))

    def offsets(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in self._token.finditer(text)]


def embed(texts):
    """Counts of letters: texts of like words are near."""
    counts = np.array([[text.count(letter) for letter in "aeinorst "] + [1] for text in texts], np.float32)
    return counts / np.linalg.norm(counts, axis=1, keepdims=True)


def cut(document: Document, config: ChunkerSettings) -> list[Chunk]:
    return chunk(document, TOKENIZER, config, embed)


TOKENIZER = RegexTokenizer()
SPECIAL = ["Dr.", "4.2", "é", "漢字。", "x" * 300, "TB-8", "\u200b", "|", "#", "…", "1,200", "a1" * 60, "。" * 9]


def vocabulary() -> list[str]:
    """Return 256 words, as many special ones as plain ones, so that a byte is a word and one draw a whole line."""
    rng = random.Random(0)
    plain = (
        "".join(rng.choices("abcdefghijklmnopqrstuvwxyzé", k=rng.randint(1, 14))) + rng.choice(["", "", *".,:!?"])
        for _ in range(128)
    )
    return [word for pair in zip(plain, itertools.cycle(SPECIAL)) for word in pair]  # noqa: B905  (endless)


VOCABULARY = vocabulary()
_line = st.binary(min_size=1, max_size=40).map(lambda drawn: " ".join(VOCABULARY[byte] for byte in drawn))
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
    return ChunkerSettings(
        name=name,
        max_tokens=size,
        overlap_tokens=overlap,
        header=draw(st.booleans()),
        parent_tokens=size * draw(st.integers(1, 4)),
        breakpoint_percentile=draw(st.sampled_from([5, 50, 95])),
    )


def check(document: Document, chunks: list[Chunk], config: ChunkerSettings) -> None:
    text = document.text
    front = [block.span for block in document.blocks if block.kind == "front_matter"]
    # Room is left for a header that takes no more than its share; pieces of unknown words may need it for themselves.
    fits = 0 < TOKENIZER.count(document.title) <= config.max_tokens // 3 and not re.search(r"\w{101}", text)
    covered = bytearray(len(text))
    for piece in chunks:
        start, end = piece.span.start, piece.span.end
        assert text[start:end] == piece.text == piece.text.strip()
        assert piece.tokens == TOKENIZER.count(piece.indexed_text) <= config.max_tokens
        assert not any(piece.span.overlaps(span) for span in front)
        assert (piece.pk, piece.doc_id) == (0, "d")
        assert config.header or not piece.header
        assert piece.header or not (config.header and fits), "its header was left out"
        covered[start:end] = b"\1" * (end - start)
    for span in front:
        covered[span.start : span.end] = b"\1" * len(span)
    assert not [i for i, char in enumerate(text) if not char.isspace() and not covered[i]]
    starts = [piece.span.start for piece in chunks]
    assert starts == sorted(set(starts))
    ends = [piece.span.end for piece in chunks]
    assert ends == sorted(set(ends))
    for before, after in zip(chunks, chunks[1:], strict=False):
        if after.span.start < before.span.end:
            shared = text[after.span.start : before.span.end]
            assert TOKENIZER.count(shared) <= config.overlap_tokens, "more overlap than was asked for"
    assert len({piece.chunk_id for piece in chunks}) == len(chunks)


@pytest.mark.parametrize("name", CHUNKERS)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_chunks_cover_the_text_in_order_within_their_limit(name, data):
    document = data.draw(documents())
    config = data.draw(chunker_settings(name))
    chunks = cut(document, config)
    check(document, chunks, config)
    assert chunks == cut(document, config), "not deterministic"


@pytest.mark.parametrize("name", CHUNKERS)
def test_same_document_gives_same_ids_and_blank_text_gives_none(name):
    text, blocks = assemble([Piece("heading", "Head", 1), Piece("paragraph", "One two three. " * 40)])
    document = Document("d", "Title", text, blocks, "0" * 64)
    config = ChunkerSettings(name=name, max_tokens=32)
    chunks = cut(document, config)
    # An id is of the document's id, the range and the text: nothing else about a document may change it.
    again = cut(Document("d", "Title", text, blocks, "1" * 64, "file:///x", metadata={"a": "b"}), config)
    assert [piece.chunk_id for piece in chunks] == [piece.chunk_id for piece in again] and len(chunks) > 3
    assert cut(Document("d", "T", " \n\n ", (), "0" * 64), config) == []


@pytest.mark.parametrize("name", CHUNKERS)
def test_page_and_headings_are_those_of_the_first_character(name):
    pieces = [
        Piece("heading", "Alpha", 1, 1),
        Piece("paragraph", "word " * 60, 0, 1),
        Piece("paragraph", "late " * 60, 0, 2),
    ]
    text, blocks = assemble(pieces)
    config = ChunkerSettings(name=name, max_tokens=40)
    for piece in cut(Document("d", "", text, blocks, "0" * 64), config):
        assert piece.headings == ("Alpha",)
        assert piece.page == (1 if "word" in piece.text or "Alpha" in piece.text else 2)


@pytest.mark.parametrize("name", CHUNKERS)
def test_a_piece_of_an_unknown_word_that_has_more_tokens_than_the_word_stays_within_the_limit(name):
    # 300 letters are one unknown token; what is left of them after a cut is read letter by letter.
    text = "start " + "q" * 24 * 16 + "w" * 99 + " end"
    chunks = cut(Document("d", "", text, (), "0" * 64), ChunkerSettings(name=name, max_tokens=16))
    assert "".join(piece.text for piece in chunks).replace(" ", "") == text.replace(" ", "")
    assert all(piece.tokens == TOKENIZER.count(piece.text) <= 16 for piece in chunks)


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_children_lie_in_their_parents_which_are_no_larger_than_asked_and_never_overlap(data):
    document = data.draw(documents())
    config = data.draw(chunker_settings("parent-child"))
    chunks = cut(document, config)
    parents = sorted({piece.parent for piece in chunks if piece.parent})
    assert all(piece.parent.contains(piece.span) and piece.parent != piece.span for piece in chunks if piece.parent)
    assert all(a.end <= b.start for a, b in zip(parents, parents[1:], strict=False))
    for parent in parents:
        assert len([piece for piece in chunks if piece.parent == parent]) > 1
        assert major_headings_cut(document, parent) == []


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_by_title_never_joins_text_across_a_major_heading(data):
    document = data.draw(documents())
    for piece in cut(document, data.draw(chunker_settings("by-title"))):
        assert major_headings_cut(document, piece.span) == []


def major_headings_cut(document: Document, span: Span) -> list[Block]:
    """Return the headings of level 1 and 2 in a range that have text other than headings before them in it."""
    inside = [block for block in fill_gaps(document.text, document.blocks) if block.span.overlaps(span)]
    body = next((i for i, block in enumerate(inside) if block.kind != "heading"), len(inside))
    return [block for block in inside[body:] if block.kind == "heading" and block.level <= 2]


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_table_aware_keeps_tables_from_prose(data):
    document = data.draw(documents())
    config = data.draw(chunker_settings("table-aware"))
    blocks = list(fill_gaps(document.text, document.blocks))
    tables = [block.span for block in blocks if block.kind == "table"]
    prose = [block.span for block in blocks if block.kind not in {"table", "heading", "front_matter"}]
    for piece in cut(document, config):
        touched = [table for table in tables if table.overlaps(piece.span)]
        if any(span.overlaps(piece.span) for span in prose):
            assert all(piece.span.contains(table) for table in touched), "part of a table shares a chunk with prose"


_cell = st.lists(st.sampled_from(["Oslo", "Dr. Who", "No. Yes", "12", "é!", "one? Two"]), min_size=1, max_size=2).map(
    " ".join
)
_row = st.tuples(_cell, _cell, _cell).map(" | ".join)


@pytest.mark.parametrize("name", ["table-aware", "heading", "by-title", "parent-child"])
@given(rows=st.lists(_row, min_size=2, max_size=60), size=st.integers(70, 120), header=st.booleans())
@settings(max_examples=40, deadline=None)
def test_tables_are_cut_between_rows(name, rows, size, header):
    table = "\n".join(rows)
    text, blocks = assemble([Piece("heading", "Head", 1), Piece("paragraph", "Before."), Piece("table", table)])
    document = Document("d", "T", text, blocks, "0" * 64)
    config = ChunkerSettings(name=name, max_tokens=size, header=header, parent_tokens=size * 2)
    for span in [x for piece in cut(document, config) for x in (piece.span, piece.parent or piece.span)]:
        for edge in (span.start, span.end):
            assert edge < text.index(table) or edge == len(text) or "\n" in text[edge - 1 : edge + 1]


def test_rows_below_the_first_carry_the_tables_head():
    rows = ["name | city | phone", *(f"guest{i} | town{i} | {i}" for i in range(60))]
    pieces = [Piece("heading", "Guests", 1), Piece("paragraph", "Who came. " * 20), Piece("heading", "List", 2)]
    text, blocks = assemble([*pieces, Piece("table", "\n".join(rows)), Piece("paragraph", "After it all.")])
    document = Document("d", "Party", text, blocks, "0" * 64)
    chunks = cut(document, ChunkerSettings(name="table-aware", max_tokens=60))
    held = [piece for piece in chunks if "guest" in piece.text]
    assert held[0].text.startswith("List\n\nname | city | phone\n") and len(held) > 4
    assert {piece.header for piece in held[1:]} == {"Party > Guests > List > name | city | phone"}
    assert all(re.fullmatch(r"guest\d+ \| town\d+ \| \d+", row) for piece in held[1:] for row in piece.text.split("\n"))
    assert chunks[-1].text == "After it all." and chunks[0].text.startswith("Guests")


def test_a_small_table_stays_with_the_text_around_it():
    text, blocks = assemble([Piece("paragraph", "See:"), Piece("table", "a | b\n1 | 2"), Piece("paragraph", "Done.")])
    chunks = cut(Document("d", "", text, blocks, "0" * 64), ChunkerSettings(name="table-aware", max_tokens=60))
    assert [piece.text for piece in chunks] == [text]


def test_by_title_merges_small_sections_and_repeats_the_title_of_a_long_one():
    pieces = [Piece("heading", "Guide", 1), Piece("heading", "Setup", 2)]
    for name in ("One", "Two", "Three"):
        pieces += [Piece("heading", name, 3), Piece("paragraph", f"Short text {name}.")]
    pieces += [Piece("heading", "Use", 2), Piece("paragraph", "Words go on and on. " * 30)]
    text, blocks = assemble(pieces)
    chunks = cut(Document("d", "Guide", text, blocks, "0" * 64), ChunkerSettings(name="by-title", max_tokens=60))
    assert "Short text One." in chunks[0].text and chunks[0].text.endswith("Short text Three.")
    assert len(chunks) > 3 and {piece.header for piece in chunks[1:]} == {"Guide > Use"}


def test_semantic_cuts_where_the_subject_changes():
    cats, trade = "A cat eats a rat at a cat tea. " * 6, "Nooo gooo mooo poor zoo floor room. " * 6
    document = Document("d", "", cats + trade + cats.strip(), (), "0" * 64)
    config = ChunkerSettings(name="semantic", max_tokens=120, breakpoint_percentile=85)
    edges = {piece.span.start for piece in cut(document, config)}
    assert {len(cats), len(cats) + len(trade)} <= edges
    with pytest.raises(ConfigError, match="needs an embedder"):
        chunk(document, TOKENIZER, config)
    assert {"semantic"} == NEED_EMBEDDER


def test_unknown_chunker_lists_the_valid_ones():
    with pytest.raises(UnknownKeyError, match="by-title, heading, parent-child, recursive, semantic, sentence, table-"):
        chunk(Document("d", "", "x", (), ""), TOKENIZER, ChunkerSettings(name="magic"))


def test_sizes_that_contradict_each_other_are_refused():
    with pytest.raises(ConfigError, match="overlap_tokens"):
        check_chunker(ChunkerSettings(max_tokens=20, overlap_tokens=11))
    with pytest.raises(ConfigError, match="parent_tokens"):
        check_chunker(ChunkerSettings(name="parent-child", max_tokens=200, parent_tokens=100))


def test_an_overlap_that_reaches_behind_a_part_cut_once_more_keeps_the_order() -> None:
    text = f"a a {'x' * 300} a a a a\n\nDr."
    blocks = (Block("heading", Span(0, 312), ("a a…",), 1), Block("heading", Span(314, 317), ("Dr.",), 1))
    document = Document("d", "a", text, blocks, "0" * 64)
    settings = ChunkerSettings(name="table-aware", max_tokens=17, overlap_tokens=3)
    starts = [piece.span.start for piece in chunk(document, TOKENIZER, settings)]
    assert starts == sorted(set(starts)) and len(starts) > 3
