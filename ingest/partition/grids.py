"""Tables and lists as text: merged cells repeated in every place they cover, nested list items indented."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ingest.partition.clean import one_line, table_text
from ingest.partition.layout import Piece
from rag.errors import DocumentError

_INDENT = "   "
_MAX_SPAN = 1000
_MAX_CELLS = 5_000_000
_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"),
          (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cell:
    """A table cell and how many columns and rows it covers."""

    text: str
    columns: int = 1
    rows: int = 1


def table_piece(rows: Iterable[Sequence[Cell]], page: int | None = None, head: int | None = None) -> Piece:
    """Return a table as a piece; one that is a single cell is a paragraph.

    `head` is how many of the first rows the format declares to be the head, None where it does not say.
    """
    grid = expanded(rows)
    if len(grid) < 2 and max(map(len, grid), default=0) < 2:
        return Piece("paragraph", one_line(" ".join(cell for row in grid for cell in row)), page=page)
    # Rows without text are left out of the text.
    shown = None if head is None else sum(any(map(one_line, row)) for row in grid[:head])
    return Piece("table", table_text(grid), page=page, head=shown)


def cell_text(pieces: Iterable[Piece]) -> str:
    """Return what stands in one cell as one line; of a table in the cell the rows stay apart: `a, b; c, d`."""
    return one_line(" ".join(_nested(piece.text) if piece.kind == "table" else piece.text for piece in pieces))


def _nested(table: str) -> str:
    rows = (re.split(r"(?<!\\) ?\| ?", line) for line in table.split("\n"))
    return "; ".join(", ".join(cell.replace("\\|", "|") for cell in row if cell) for row in rows)


def expanded(rows: Iterable[Sequence[Cell]]) -> list[list[str]]:
    """Return the texts of all cells, those of merged cells repeated; a cell that is its row's only one stands once.

    Raises:
        DocumentError: there are more than 5 million cells.
    """
    grid: list[list[str]] = []
    hanging: dict[int, tuple[int, str]] = {}  # column -> (rows still to cover, text)
    size = 0
    for row in rows:
        line, hanging = _row(row, hanging)
        grid.append(line)
        size += len(line)
        if size > _MAX_CELLS:
            raise DocumentError(f"a table has more than {_MAX_CELLS} cells; export it as documents.jsonl")
    return grid


def _row(cells: Sequence[Cell], hanging: dict[int, tuple[int, str]]) -> tuple[list[str], dict[int, tuple[int, str]]]:
    line: list[str] = []
    below: dict[int, tuple[int, str]] = {}

    def place(text: str, rows: int) -> None:
        if rows > 1:
            below[len(line)] = (rows - 1, text)
        line.append(text)

    def hang() -> None:
        while len(line) in hanging:
            rows, text = hanging[len(line)]
            place(text, rows)

    alone = len(cells) == 1 and not hanging
    for cell in cells:
        hang()
        for _ in range(1 if alone else min(max(1, cell.columns), _MAX_SPAN)):
            place(cell.text, min(cell.rows, _MAX_SPAN))
    hang()
    return line, below


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a list: `depth` counts from 0; `marker` is its number, '-' for a bullet, '' for a further line."""

    depth: int
    marker: str
    text: str


def list_pieces(items: Iterable[Item], page: int | None = None) -> Iterator[Piece]:
    """Yield a piece for every outermost item, with the items below it as indented lines.

    Outermost bullets have no marker: the piece itself says that it is a list item.
    """
    lines: list[str] = []
    for item in items:
        text = one_line(item.text)
        if not text:
            continue
        if item.depth == 0 and item.marker and lines:
            yield Piece("list_item", "\n".join(lines), page=page)
            lines = []
        lines.append(_line(item, text))
    if lines:
        yield Piece("list_item", "\n".join(lines), page=page)


def _line(item: Item, text: str) -> str:
    if item.depth == 0:
        return text if item.marker == "-" else f"{item.marker} {text}" if item.marker else _INDENT + text
    indent = _INDENT * item.depth
    return f"{indent}{item.marker} {text}" if item.marker else f"{indent}{_INDENT}{text}"


def numeral(number: int, style: str) -> str:
    """Return a number as a list shows it: `style` is 1, a, A, i or I."""
    if style in {"a", "A"} and 1 <= number <= 702:
        high, low = divmod(number - 1, 26)
        letters = (chr(96 + high) if high else "") + chr(97 + low)
    elif style in {"i", "I"} and 1 <= number <= 3999:
        letters = _roman(number)
    else:
        return str(number)
    return letters.upper() if style in {"A", "I"} else letters


def _roman(number: int) -> str:
    letters = ""
    for value, letter in _ROMAN:
        count, number = divmod(number, value)
        letters += letter * count
    return letters
