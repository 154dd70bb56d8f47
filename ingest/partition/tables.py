"""The tables of a document: their rows, and for every row the head that names its columns, found once for all chunks.

Readers know tables as blocks. Formats whose clean text is the file (plain text, rows of documents.jsonl) have rows in
their paragraphs. A table may go on in the next block: on the next page, or below a head that stands alone.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ingest.partition.layout import fill_gaps, trimmed
from rag.heads import evidence, head_rows
from rag.tables import Rows, cells_of, head_at, names_of, parts_of, rows_in, runs_in
from rag.types import NOT_CHUNKED, Block, Document, Head, Span, Table

_BAR = "|"


@dataclass(frozen=True, slots=True)
class _Before:
    """The table above: its last rows, where it ends, and the head of those rows."""

    rows: Rows
    end: int
    page: int | None
    head: Head | None
    alone: bool


@dataclass(frozen=True, slots=True)
class TableMap:
    """The parts of a document's tables and their rows, both in order."""

    parts: tuple[Table, ...] = ()
    rows: tuple[Span, ...] = ()

    @classmethod
    def of(cls, document: Document) -> TableMap:
        """Find the tables of a document."""
        parts: list[Table] = []
        spans: list[Span] = []
        before: _Before | None = None
        for block, rows in _found(document):
            head, count = _head(document.text, block, rows, before)
            fresh = parts_of(document.text, rows, head, count)
            parts += fresh
            spans += rows.spans
            if fresh:
                before = _Before(rows, fresh[-1].span.end, block.page, fresh[-1].head, count in (0, len(rows.spans)))
        return cls(tuple(parts), tuple(spans))

    def row_around(self, position: int) -> Span | None:
        """Return the row that a position lies inside of, not at an end of."""
        index = bisect_left(self.rows, position, key=lambda row: row.start) - 1
        return self.rows[index] if index >= 0 and self.rows[index].end > position else None

    def head_above(self, start: int) -> Head | None:
        """Return the head, standing before `start`, of the rows that go on there."""
        index = bisect_right(self.parts, start, key=lambda table: table.span.start) - 1
        table = self.parts[index] if index >= 0 else None
        inside = table is not None and table.span.end > start and table.head is not None
        return table.head if table and inside and table.head and table.head.span.start < start else None

    def within(self, text: str, span: Span) -> tuple[Table, ...]:
        """Return the parts of tables in a range, cut to it; a row that it begins inside of is a part of its own."""
        first = bisect_right(self.parts, span.start, key=lambda table: table.span.end)
        found: list[Table] = []
        for table in self.parts[first:]:
            if table.span.start >= span.end:
                break
            start, end = max(span.start, table.span.start), min(span.end, table.span.end)
            row = self.row_around(start)
            if row is not None and not (table.head and table.head.span.overlaps(row)):
                cut = min(row.end, end)
                found.append(Table(Span(start, cut), table.head, _column(text[row.start : start])))
                start = cut
            rest = trimmed(text, start, end)
            if rest:
                found.append(replace(table, span=rest))
        return tuple(found)


def _column(before: str) -> int:
    """Return the column in which a row goes on after its first part."""
    cells = len(cells_of(before.rstrip().rstrip(_BAR) + "x")) if before.rstrip().endswith(_BAR) else 0
    return cells or max(0, len(cells_of(before)) - 1)


def _found(document: Document) -> Iterator[tuple[Block, Rows]]:
    for block in fill_gaps(document.text, document.blocks):
        if block.kind == "table":
            yield block, rows_in(document.text, block.span)
        elif block.kind not in NOT_CHUNKED | {"heading", "code"} and _BAR in document.text[slice_of(block.span)]:
            for rows in runs_in(document.text, block.span):
                yield block, rows


def slice_of(span: Span) -> slice:
    """Return the range as a slice."""
    return slice(span.start, span.end)


def _head(text: str, block: Block, rows: Rows, before: _Before | None) -> tuple[Head | None, int]:
    """Return the head that a table takes over, or how many of its own first rows are one."""
    if block.kind == "table" and block.head is not None:
        return None, min(block.head, len(rows.spans))
    taken = _taken_over(text, block, rows, before)
    if taken is not None:
        repeats = bool(rows.cells) and tuple(rows.cells[0]) == tuple(names_of(taken))
        return (None, 1) if repeats else (taken, 0)
    return None, head_rows(rows.cells, bool(rows.ruled))


def _taken_over(text: str, block: Block, rows: Rows, before: _Before | None) -> Head | None:
    """Return the head of the table above if this one goes on with it: below a lone head, or on the next page."""
    if before is None or rows.ruled or not rows.cells or rows.width != before.rows.width or rows.width < 2:
        return None
    if before.alone and len(before.rows.spans) == 1 and not text[before.end : rows.spans[0].start].strip():
        joined = (*before.rows.cells, *rows.cells)
        return head_at(text, before.rows, 1) if head_rows(joined, bool(before.rows.ruled)) == 1 else None
    turned = before.page is not None and block.page == before.page + 1
    if not (turned and before.head) or text[before.end : rows.spans[0].start].strip():
        return None
    same = tuple(rows.cells[0]) == names_of(before.head)
    return before.head if same or evidence(rows.cells[0], rows.cells[1:]) <= 0 else None
