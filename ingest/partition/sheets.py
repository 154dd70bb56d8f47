"""The rows of a sheet or a delimited file as pieces: title lines, and tables that blank rows part or only space out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from ingest.partition.clean import one_line, table_text
from ingest.partition.layout import Piece
from rag.heads import evidence, head_rows

Rows = list[list[str]]
_MOST_TITLES = 5


def sheet_pieces(rows: Iterable[Sequence[str]]) -> Iterator[Piece]:
    """Yield the pieces of a sheet.

    Lines with few cells above a table are text above it. A blank row ends a table, unless the rows below go on with its
    columns and are no table of their own: a blank row below the head, or between groups of rows.
    """
    table: Rows = []
    for section in _sections(rows):
        titles, body = _titled(section)
        if titles or not body or not (table and _goes_on(table, body)):
            yield from _table(table)
            yield from (Piece("paragraph", title) for title in titles)
            table = []
        table += body
    yield from _table(table)


def _sections(rows: Iterable[Sequence[str]]) -> Iterator[Rows]:
    """Yield the rows between blank rows, their cells as single lines."""
    section: Rows = []
    for row in rows:
        cells = [one_line(cell) for cell in row]
        if any(cells):
            section.append(cells)
        elif section:
            yield section
            section = []
    if section:
        yield section


def _titled(rows: Rows) -> tuple[list[str], Rows]:
    """Return the lines above the table, and its rows; rows of one cell alone are text."""
    counts = [sum(map(bool, row)) for row in rows]
    usual = median(counts)
    first = next((i for i, count in enumerate(counts) if count > max(1.0, usual / 2)), len(rows))
    if first == len(rows) > _MOST_TITLES:
        first = 0  # a list
    return [": ".join(cell for cell in row if cell) for row in rows[:first]], rows[first:]


def _columns(rows: Rows) -> set[int]:
    return {at for row in rows for at, cell in enumerate(row) if cell}


def _goes_on(table: Rows, below: Rows) -> bool:
    """Say whether rows below a blank one belong to the table above it."""
    ours, theirs = _columns(table), _columns(below)
    if len(ours) < 2 or not theirs <= ours or len(theirs) * 2 <= len(ours):
        return False
    if len(table) == 1:
        return head_rows([*_packed([*table, *below])]) > 0
    if below[0] == table[0]:
        return True
    packed = _packed([*table, *below])
    own = evidence(packed[len(table)], packed[len(table) + 1 :]) if len(below) > 1 else 0
    return head_rows(packed) == 0 or own <= 0


def _packed(rows: Rows) -> Rows:
    """Return rows without the columns that are empty in all of them."""
    used = sorted(_columns(rows))
    return [[row[at] if at < len(row) else "" for at in used] for row in rows]


def _table(rows: Rows) -> Iterator[Piece]:
    if not rows:
        return
    packed = _packed(rows)
    if len(packed) == 1 and len(packed[0]) == 1:
        yield Piece("paragraph", packed[0][0])
    else:
        yield Piece("table", table_text([_spread(*packed[:2]), *packed[1:]] if len(packed) > 2 else packed))


def _spread(head: list[str], below: list[str]) -> list[str]:
    """Return a head whose names span the columns behind them, each name in all of its columns.

    `2026,,2027,` above `Plan,Real,Plan,Real` is such a head, as merged cells are in a workbook.
    """
    gaps = [at for at, cell in enumerate(head) if at and not cell]
    names = [cell for cell in below if cell]
    is_second = not _at(below, 0) and gaps and all(_at(below, at) and any(head[1:at]) for at in gaps)
    if not is_second or any(char.isdigit() for name in names for char in name):
        return head
    spread = list(head)
    for at in gaps:
        spread[at] = spread[at - 1]
    return spread


def _at(row: list[str], at: int) -> str:
    return row[at] if at < len(row) else ""
