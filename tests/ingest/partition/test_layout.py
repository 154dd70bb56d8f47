from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.partition.layout import (
    Content,
    HeadingPath,
    Piece,
    assemble,
    fill_gaps,
    flat_metadata,
    joined_code,
    pieces_of,
    trimmed,
)
from rag.types import Block, Box, Span

PIECES = [
    Piece("heading", "Pumps", 1),
    Piece("paragraph", "  They are oiled. \n"),
    Piece("heading", "Oil", 2),
    Piece("code", "    indented\nplain\n"),
    Piece("margin", "Page 3"),
    Piece("paragraph", " \n"),
]


def test_pieces_become_one_text_whose_blocks_have_exact_ranges() -> None:
    text, blocks = assemble(PIECES)
    assert text == "Pumps\n\nThey are oiled.\n\nOil\n\n    indented\nplain\n\nPage 3"
    shown = [(block.kind, text[block.span.start : block.span.end], block.headings) for block in blocks]
    assert shown == [
        ("heading", "Pumps", ("Pumps",)),
        ("paragraph", "They are oiled.", ("Pumps",)),
        ("heading", "Oil", ("Pumps", "Oil")),
        ("code", "indented\nplain", ("Pumps", "Oil")),
        ("margin", "Page 3", ()),
    ]


def test_a_content_gives_its_pieces_back() -> None:
    text, blocks = assemble(PIECES)
    again = list(pieces_of(Content(text, blocks, "text/plain")))
    assert [(piece.kind, piece.text.strip()) for piece in again] == [
        (piece.kind, piece.text.strip()) for piece in PIECES if piece.text.strip()
    ]


def test_boxes_move_with_their_piece_and_lose_what_was_stripped() -> None:
    box = Box(1, 0, 0, 9, 9, 0, 6)
    _, blocks = assemble([Piece("paragraph", "before"), Piece("paragraph", "  word", boxes=(box,))])
    assert [(placed.start, placed.end) for placed in blocks[1].boxes] == [(8, 12)]


def test_a_heading_closes_those_of_its_level_and_below() -> None:
    path = HeadingPath()
    assert path.path == ()
    entered = [path.enter(*each) for each in ((1, "A"), (3, "deep"), (2, "B"), (2, "C"), (1, "D"))]
    assert entered == [("A",), ("A", "deep"), ("A", "B"), ("A", "C"), ("D",)]
    assert len(path.enter(2, "x" * 500)[1]) <= 200


def test_lines_of_code_that_follow_each_other_are_one_piece() -> None:
    pieces = [Piece("code", "a"), Piece("code", "b"), Piece("paragraph", "p"), Piece("code", "c")]
    assert [(piece.kind, piece.text) for piece in joined_code(pieces)] == [
        ("code", "a\nb"),
        ("paragraph", "p"),
        ("code", "c"),
    ]


@given(st.text(" ab\n", max_size=12), st.integers(0, 6), st.integers(0, 6))
def test_a_trimmed_range_has_no_white_space_around_it(text: str, start: int, length: int) -> None:
    found = trimmed(text, start, start + length)
    inside = text[start : start + length]
    assert (text[found.start : found.end] if found else "") == inside.strip()


def test_text_between_blocks_is_a_paragraph_below_the_headings_before() -> None:
    text = "Intro.\n\nHead\n\nLost words.\n\ncell"
    blocks = [Block("heading", Span(8, 12), ("Head",), 1, 2), Block("table", Span(27, 31), ("Head",), page=3)]
    filled = [
        (block.kind, text[block.span.start : block.span.end], block.headings, block.page)
        for block in fill_gaps(text, blocks)
    ]
    assert filled == [
        ("paragraph", "Intro.", (), None),
        ("heading", "Head", ("Head",), 2),
        ("paragraph", "Lost words.", ("Head",), 2),
        ("table", "cell", ("Head",), 3),
    ]


@pytest.mark.parametrize(
    ("fields", "flat"),
    [
        ({"a=b": 1, "none": None, "deep": {"x": 1}, "empty": ""}, {"a_b": "1"}),
        ({"tags": "one, two,,one", "acl": "staff"}, {"tags": ("one", "two"), "acl": ("staff",)}),
        (
            {"on": date(2026, 3, 1), "draft": False, "list": [1, None, 1, "x"]},
            {"on": "2026-03-01", "draft": "false", "list": ("1", "x")},
        ),
    ],
)
def test_metadata_is_strings_and_lists_of_strings(fields: dict[str, object], flat: dict[str, object]) -> None:
    assert flat_metadata(fields) == flat
