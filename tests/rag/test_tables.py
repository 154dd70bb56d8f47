import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.tables import (
    cells_of,
    guessed,
    head_at,
    is_row,
    is_rule,
    names_of,
    outer_heads,
    parts_of,
    rows_in,
    ruled,
    runs_in,
    said,
    shifted,
    table_at,
    table_from_json,
    table_to_json,
    tables_of,
    text_at,
    touches,
)
from rag.types import Chunk, Head, Span, Table

TEXT = "Depot | Tool | Count\n--- | --- | ---\nNorth | Saw | 3\nSouth | Axe | 12"


def whole(text: str) -> Span:
    return Span(0, len(text))


def head(text: str, start: int = 0) -> Head:
    return Head(Span(start, start + len(text)), text)


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        ("a | b", ("a", "b")),
        ("| a | b |", ("a", "b")),
        ("| a | b", ("", "a", "b")),  # a bar at the start alone stands after an empty first cell
        (r"a \| b | c", ("a | b", "c")),
        ("> | a | b |", ("a", "b")),
        ("a |  | c", ("a", "", "c")),
        ("a", ("a",)),
    ],
)
def test_cells_of_a_row(row: str, cells: tuple[str, ...]) -> None:
    assert cells_of(row) == cells


def test_names_of_a_head_of_two_rows_are_joined() -> None:
    assert names_of(head("Tool | Tool | Place\nName | Count | Place")) == ("Tool Name", "Tool Count", "Place")
    assert names_of(None) == ()


@pytest.mark.parametrize(
    ("row", "names", "column", "sentence"),
    [
        ("North | 3", "Depot | Count", 0, "Depot: North; Count: 3."),
        ("North | 3", "Depot | Tool | Count", 1, "Tool: North; Count: 3."),
        ("North | 3 | x | y", "Depot | Count", 0, "North; 3; x; y."),  # nobody knows which name is whose
        ("All closed", "Depot | Count", 0, "All closed."),
        ("| North | 3", "Depot | Count", 0, "Depot: North; Count: 3."),
        ("North |  | 3", "Depot | Tool | Count", 0, "Depot: North; Count: 3."),
        ("Weight: | 3 kg", None, 0, "Weight: 3 kg."),
        ("a | b | c", None, 0, "a; b; c."),
    ],
)
def test_a_row_as_one_sentence(row: str, names: str | None, column: int, sentence: str) -> None:
    assert said(row, head(names) if names else None, column) == sentence


def test_rules_and_rows() -> None:
    assert is_rule("--- | ---") and is_rule("|:--|--:|") and not is_rule("----") and not is_rule("a | -")
    assert is_row("a | b") and is_row("|a|b|") and is_row("> | a |") and not is_row("a|b") and not is_row("||")


def test_rows_of_a_table_leave_its_rule_out() -> None:
    rows = rows_in(TEXT, whole(TEXT))
    assert [TEXT[span.start : span.end] for span in rows.spans] == [TEXT.split("\n")[i] for i in (0, 2, 3)]
    assert (rows.ruled, rows.width) == (1, 3)


def test_a_blank_line_prose_and_code_part_tables_of_plain_text() -> None:
    text = "a | b\n1 | 2\n\n\nc | d\n3 | 4\nProse.\ne | f\n```\nx | y\nz | w\n```\n"
    found = [[" | ".join(cells) for cells in rows.cells] for rows in runs_in(text, whole(text))]
    assert found == [["a | b", "1 | 2"], ["c | d", "3 | 4"]]


def test_a_head_that_comes_again_begins_a_part() -> None:
    text = "Depot | Count\nNorth | 3\nDepot | Count\nSouth | 12"
    parts = parts_of(text, rows_in(text, whole(text)), None, 1)
    assert [text[part.span.start : part.span.end] for part in parts] == [text[:23], text[24:]]
    assert [part.head and part.head.span.start for part in parts] == [0, 24]


def test_a_head_brings_the_rule_below_it_unless_it_is_too_long_for_every_row() -> None:
    rows = rows_in(TEXT, whole(TEXT))
    assert head_at(TEXT, rows, 1) == head(TEXT[: TEXT.index("\nNorth")])
    long = f"{'x' * 2001} | b\n1 | 2"
    assert head_at(long, rows_in(long, whole(long)), 1) is None


def test_a_piece_of_a_document_is_guessed_at_its_place() -> None:
    (table,) = guessed(TEXT, 100)
    assert table.span == Span(100, 100 + len(TEXT)) and names_of(table.head) == ("Depot", "Tool", "Count")
    (middle,) = guessed("North | Saw\nSouth | Axe")
    assert middle.head is None, "the piece may begin in the middle of a table"
    assert guessed("") == () == guessed("Prose.")


def test_a_head_before_a_chunk_is_read_from_the_head() -> None:
    rows = "North | Saw | 3\nSouth | Axe | 12"
    names = head("Depot | Tool | Count")
    span = Span(21, 21 + len(rows))
    chunk = Chunk("c", "d", span, rows, tables=(Table(Span(0, span.end), names),))
    assert tables_of(chunk)[0].head == names and table_at(tables_of(chunk), Span(30, 33)) is tables_of(chunk)[0]
    assert table_at((), Span(0, 1)) is None
    assert outer_heads(tables_of(chunk), span) == [(names, names.span)]
    assert text_at(chunk, names.span) == names.text
    assert text_at(chunk, Span(0, 36)) == f"{names.text}\nNorth | Saw | 3"
    assert text_at(chunk, Span(37, 42)) == "South"
    assert touches(chunk, names.span, Span(21, 36)) and not touches(chunk, names.span, Span(37, 42))


def test_a_head_is_shown_with_a_rule() -> None:
    assert ruled(head("a | b | c")) == "a | b | c\n--- | --- | ---"
    assert ruled(head("a | b\n--- | ---")) == "a | b\n--- | ---"


@given(st.integers(0, 99), st.text("ab|\n", max_size=9), st.integers(0, 5), st.integers(0, 50))
def test_a_part_goes_through_json_and_moves(start: int, text: str, column: int, offset: int) -> None:
    table = Table(Span(start, start + 40), head(text, start) if text else None, column)
    assert table_from_json(table_to_json(table)) == table
    moved = shifted(table, offset)
    assert moved.span == Span(start + offset, start + 40 + offset) and moved.column == column
    assert not table.head or moved.head and moved.head.span.start == start + offset and moved.head.text == text
