"""Tables as text: a row a line, cells between bars, the head that names the columns, and how a row is said; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from rag.heads import evidence, head_rows
from rag.types import Chunk, Head, Span, Table

_BAR = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r"[\s|:+>-]+")
_QUOTED = re.compile(r"^(?:>\s?)+(?=\|)")
_LINE = re.compile(r"[^\n]*\S[^\n]*")
_FENCE = re.compile(r"\s*(?:```|~~~)")
_LONGEST_HEAD = 2000


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one table in a text: their ranges, rules left out, their cells, and how many stand above a rule."""

    spans: tuple[Span, ...]
    cells: tuple[tuple[str, ...], ...]
    ruled: int = 0

    @property
    def width(self) -> int:
        """The most cells that a row has."""
        return max(map(len, self.cells), default=0)


def cells_of(row: str) -> tuple[str, ...]:
    r"""Return the cells of a row; `\|` is a bar inside a cell.

    Bars at both ends are a frame. A bar at the start alone stands after an empty first cell.
    """
    text = _QUOTED.sub("", row.strip())
    parts = [part.strip().replace("\\|", "|") for part in _BAR.split(text)]
    if len(parts) > 1 and not parts[-1]:
        parts.pop()
        if len(parts) > 1 and not parts[0]:
            del parts[0]
    return tuple(parts)


def names_of(head: Head | None) -> tuple[str, ...]:
    """Return the name of each column; what several rows of a head say of a column is joined."""
    return _names(head.text) if head else ()


@lru_cache(maxsize=1024)
def _names(text: str) -> tuple[str, ...]:
    rows = [cells_of(line) for line in text.split("\n") if line.strip() and not is_rule(line)]
    wide = [row for row in rows if len(row) > 1] or rows
    columns = range(max(map(len, wide), default=0))
    return tuple(
        " ".join(dict.fromkeys(row[column] for row in wide if column < len(row) and row[column])).rstrip(": ")
        for column in columns
    )


def said(row: str, head: Head | None, column: int = 0) -> str:
    """Return a row as one sentence, `name: cell; name: cell.`, or without names where no head tells them.

    The first cell of a row begins at `column`. A row that has more cells than its head names is said without names,
    because nobody knows which name belongs to which cell.
    """
    cells, names = cells_of(row), names_of(head)
    if len(cells) == len(names) + 1 and not cells[0]:
        cells = cells[1:]
    labels = names[column:] if len(cells) <= len(names) - column else ()
    if len(cells) == 1 and len(names) > 1 and not column:
        labels = ()
    if not names and len(cells) == 2 and all(cells):
        labels, cells = (cells[0].rstrip(": "),), cells[1:]
    named = [(labels[i] if i < len(labels) else "", cell) for i, cell in enumerate(cells)]
    return "; ".join(f"{name}: {cell}" if name else cell for name, cell in named if cell) + "."


def is_rule(line: str) -> bool:
    """Say whether a line is the dashes below a head."""
    return "|" in line and "-" in line and _RULE.fullmatch(line) is not None


def is_row(line: str) -> bool:
    """Say whether a line of plain text looks like a row."""
    text = line.strip()
    framed = text.startswith("|") and len(text) > 2
    return framed or " | " in text or _QUOTED.match(text) is not None


def rows_in(text: str, span: Span) -> Rows:
    """Return the rows of a range that is one table; every line that is neither blank nor a rule is a row."""
    spans: list[Span] = []
    ruled = 0
    for match in _LINE.finditer(text, span.start, span.end):
        line = match.group()
        if is_rule(line):
            ruled = ruled or len(spans)
        else:
            start = match.start() + len(line) - len(line.lstrip())
            spans.append(Span(start, start + len(line.strip())))
    return Rows(tuple(spans), tuple(cells_of(text[row.start : row.end]) for row in spans), ruled)


def runs_in(text: str, span: Span) -> Iterator[Rows]:
    """Yield the tables in a range of plain text: two lines or more, one below the other, that look like rows."""
    run: list[re.Match[str]] = []
    fenced, end = False, span.start
    for match in _LINE.finditer(text, span.start, span.end):
        line = match.group()
        parted = text.count("\n", end, match.start()) > 1
        fenced = fenced != bool(_FENCE.match(line))
        if run and (parted or fenced or not is_row(line)):
            yield from _run(text, run)
            run = []
        if is_row(line) and not fenced:
            run.append(match)
        end = match.end()
    yield from _run(text, run)


def _run(text: str, lines: Sequence[re.Match[str]]) -> Iterator[Rows]:
    if len(lines) > 1:
        yield rows_in(text, Span(lines[0].start(), lines[-1].end()))


def parts_of(text: str, rows: Rows, head: Head | None, count: int) -> list[Table]:
    """Return a table in parts: a head that comes again begins a new one.

    `count` is how many of the first rows are the table's own head; without any the rows belong to `head`.
    """
    if not rows.spans:
        return []
    if count:
        head = head_at(text, rows, count)
    starts = [0]
    heads = [head]
    own = _last_row(head)
    for i in range(count, len(rows.spans)):
        if own and rows.cells[i] == own:
            starts.append(i)
            heads.append(Head(rows.spans[i], text[rows.spans[i].start : rows.spans[i].end]))
    ends = [*(rows.spans[i - 1].end for i in starts[1:]), rows.spans[-1].end]
    if count == len(rows.spans) and head:
        ends[-1] = max(ends[-1], head.span.end)
    return [
        Table(Span(rows.spans[start].start, end), known)
        for start, end, known in zip(starts, ends, heads, strict=True)
        if rows.spans[start].start < end
    ]


def _last_row(head: Head | None) -> tuple[str, ...]:
    rows = [line for line in head.text.split("\n") if line.strip() and not is_rule(line)] if head else []
    return cells_of(rows[-1]) if rows else ()


def head_at(text: str, rows: Rows, count: int) -> Head | None:
    """Return the first rows as a head, with the rule below them; None where that is too long to go with every row."""
    start, end = rows.spans[0].start, rows.spans[count - 1].end
    stop = rows.spans[count].start if count < len(rows.spans) else len(text)
    below = _LINE.search(text, end, stop)
    if below and is_rule(below.group()):
        end = below.start() + len(below.group().rstrip())
    return Head(Span(start, end), text[start:end]) if end - start <= _LONGEST_HEAD else None


def guessed(text: str, start: int = 0) -> tuple[Table, ...]:
    """Return the tables of a piece of a document of which nothing is known; `start` is its place in the document.

    The piece may begin in the middle of a table, so a head needs a rule below it or a sign of its own.
    """
    found: list[Table] = []
    for rows in runs_in(text, Span(0, len(text))) if text else ():
        count = head_rows(rows.cells, bool(rows.ruled))
        if count and not rows.ruled and evidence(rows.cells[count - 1], rows.cells[count:]) <= 0:
            count = 0
        found += parts_of(text, rows, None, count)
    return tuple(shifted(table, start) for table in found)


def shifted(table: Table, offset: int) -> Table:
    """Return a table `offset` characters further on."""
    head = replace(table.head, span=_moved(table.head.span, offset)) if table.head else None
    return Table(_moved(table.span, offset), head, table.column)


def _moved(span: Span, offset: int) -> Span:
    return Span(span.start + offset, span.end + offset)


def tables_of(chunk: Chunk) -> tuple[Table, ...]:
    """Return the parts of tables in a chunk, guessed where it was stored without them."""
    return guessed(chunk.text, chunk.span.start) if chunk.tables is None else chunk.tables


def table_at(tables: Sequence[Table], span: Span) -> Table | None:
    """Return the part that a row is in."""
    return next((table for table in tables if table.span.overlaps(span)), None)


def outer_heads(tables: Sequence[Table], within: Span) -> list[tuple[Head, Span]]:
    """Return the heads that the rows in a range need and that start before it, each with its part before the range."""
    found = dict.fromkeys(table.head for table in tables if table.head and table.span.overlaps(within))
    return [
        (head, Span(head.span.start, min(head.span.end, within.start)))
        for head in found
        if head.span.start < within.start
    ]


def text_at(chunk: Chunk, span: Span) -> str:
    """Return the document's text at a range that lies in a chunk, in a head before it, or in both if they touch."""
    start = chunk.span.start
    if span.start >= start:
        return chunk.text[span.start - start : span.end - start]
    heads = (table.head for table in tables_of(chunk) if table.head)
    head = next(head for head in heads if head.span.start <= span.start <= head.span.end)
    first = head.text[span.start - head.span.start : min(span.end, start) - head.span.start]
    if span.end <= start:
        return first
    # Only a line break can stand between a head and the row below it.
    return first + "\n" * (start - min(head.span.end, start)) + chunk.text[: span.end - start]


def touches(chunk: Chunk, before: Span, after: Span) -> bool:
    """Say whether nothing but white space stands between two ranges of a chunk or of heads before it."""
    start = chunk.span.start
    if before.end >= start:
        return not chunk.text[before.end - start : after.start - start].strip()
    return after.start == start and start - before.end <= 1


def ruled(head: Head) -> str:
    """Return a head with a rule below it, which tells it from a row wherever it is shown."""
    if any(is_rule(line) for line in head.text.split("\n")):
        return head.text
    return f"{head.text}\n{' | '.join(['---'] * max(2, len(names_of(head))))}"


def table_to_json(table: Table) -> list[Any]:
    """Return the compact JSON form of a part of a table."""
    head = [table.head.span.start, table.head.text] if table.head else []
    return [table.span.start, table.span.end, table.column, *head]


def table_from_json(item: Sequence[Any]) -> Table:
    """Return the part of `table_to_json`."""
    start, end, column, *head = item
    known = Head(Span(head[0], head[0] + len(head[1])), head[1]) if head else None
    return Table(Span(start, end), known, column)
