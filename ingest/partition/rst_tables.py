"""Tables of reStructuredText as rows of cells: grids, simple tables, `list-table` and `csv-table`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ingest.clean import one_line, table_text
from ingest.partition.delimited import records

_GRID = re.compile(r"\+[-=+]+\+\s*\Z")
_SIMPLE = re.compile(r"=+(?: +=+)+\s*\Z")
_SPANS = re.compile(r"-+(?: +-+)*\s*\Z")
_DIRECTIVE = re.compile(r"\.\.\s+([\w-]+)::\s*(.*)\Z")
_OPTION = re.compile(r":([\w-]+):\s*(.*)\Z")
_ITEM = re.compile(r"(\s*)\*\s+-(?:\s|\Z)")
_CELL = re.compile(r"\s*(?:\*\s+)?-(?:\s+|\Z)")
_DELIMITERS = {"tab": "\t", "space": " "}


@dataclass(frozen=True, slots=True)
class RstTable:
    """A table's title, its rows, and how many of the first are its head."""

    title: str
    rows: tuple[tuple[str, ...], ...]
    head: int

    @property
    def text(self) -> str:
        """The table as one line a row, below its title."""
        return table_text(self.rows)


def read_table(source: str) -> RstTable | None:
    """Return the table that the lines of a block draw, None where they are no plain rows and columns."""
    lines = source.expandtabs(8).split("\n")
    lines = _dedented(lines)
    match = _DIRECTIVE.match(lines[0])
    if match:
        return _directive(match.group(1), match.group(2), lines[1:])
    return _drawn("", lines)


def _dedented(lines: Sequence[str]) -> list[str]:
    # The block was trimmed, so its first line says nothing of its indentation.
    indents = [len(line) - len(line.lstrip()) for line in lines[1:] if line.strip()]
    indent = min(indents, default=0)
    return [lines[0], *(line[indent:].rstrip() for line in lines[1:])]


def _directive(name: str, title: str, body: Sequence[str]) -> RstTable | None:
    options: dict[str, str] = {}
    lines = _dedented(["", *body])[1:]
    while lines and (match := _OPTION.match(lines[0].strip())):
        options[match.group(1)] = match.group(2)
        lines.pop(0)
    while lines and not lines[0].strip():
        lines.pop(0)
    if not lines:
        return None
    if name in {"list-table", "flat-table"}:
        return _checked(title, _list_rows(lines), _number(options.get("header-rows", "")))
    if name == "csv-table":
        return _csv(title, lines, options)
    return _drawn(title, _dedented(["", *lines])[1:])


def _csv(title: str, lines: Sequence[str], options: dict[str, str]) -> RstTable | None:
    delimiter = _DELIMITERS.get(options.get("delim", ","), options.get("delim", ",")) or ","
    head = list(records(options["header"], delimiter)) if options.get("header") else []
    rows = [row for row in records("\n".join(lines), delimiter) if any(map(str.strip, row))]
    return _checked(title, [*head, *rows], len(head) + _number(options.get("header-rows", "")))


def _drawn(title: str, lines: Sequence[str]) -> RstTable | None:
    if _GRID.match(lines[0]):
        return _grid(title, lines)
    return _simple(title, lines) if _SIMPLE.match(lines[0]) else None


def _grid(title: str, lines: Sequence[str]) -> RstTable | None:
    edges = [at for at, char in enumerate(lines[0].rstrip()) if char == "+"]
    rows: list[list[str]] = []
    head, current = 0, list[str]()
    for line in lines[1:]:
        if _GRID.match(line):
            rows += [current] if current else []
            head, current = (len(rows), []) if "=" in line else (head, [])
            continue
        if len(line) <= edges[-1] or "+-" in line or line[0] != "|":
            return None  # a cell that spans rows
        cells = _between(line, edges)
        current = [one_line(f"{a} {b}") for a, b in zip(current, cells, strict=True)] if current else cells
    return _checked(title, rows, head)


def _between(line: str, edges: Sequence[int]) -> list[str]:
    """Return the cells of a line; one that covers several columns stands in each of them."""
    cells: list[str] = []
    open_columns = 0
    start = edges[0]
    for _, end in pairwise(edges):
        open_columns += 1
        if line[end] in "|+":
            cells += [one_line(line[start + 1 : end])] * open_columns
            start, open_columns = end, 0
    return cells + [""] * (len(edges) - 1 - len(cells))


def _simple(title: str, lines: Sequence[str]) -> RstTable | None:
    starts = [match.start() for match in re.finditer(r"=+", lines[0])]
    columns = list(zip(starts, [*starts[1:], None], strict=True))  # the last column has no end
    rows: list[list[str]] = []
    borders = 0
    head = 0
    for line in lines:
        if _SIMPLE.match(line):
            borders += 1
            head = len(rows) if borders == 2 else head
        elif line.strip() and not (_SPANS.match(line) and rows):
            cells = [one_line(line[start:end]) for start, end in columns]
            if rows and not cells[0] and head != len(rows):
                rows[-1] = [one_line(f"{a} {b}") for a, b in zip(rows[-1], cells, strict=True)]
            else:
                rows.append(cells)
    return _checked(title, rows, head if borders > 2 else 0)


def _list_rows(lines: Sequence[str]) -> list[list[str]]:
    rows: list[list[str]] = []
    first = next((len(match.group(1)) for line in lines if (match := _ITEM.match(line))), 0)
    for line in lines:
        if _ITEM.match(line):
            rows.append([])
        if not rows or not line.strip():
            continue
        match = _CELL.match(line)
        if match and len(line) - len(line.lstrip()) <= first + 2:
            rows[-1].append(line[match.end() :].strip())
        elif rows[-1]:
            rows[-1][-1] = one_line(f"{rows[-1][-1]} {line}")
    return rows


def _checked(title: str, rows: Sequence[Sequence[str]], head: int) -> RstTable | None:
    found = tuple(tuple(one_line(cell) for cell in row) for row in rows if any(map(str.strip, row)))
    if not found or max(map(len, found)) < 2:
        return None
    return RstTable(one_line(title), found, min(head, len(found)))


def _number(text: str) -> int:
    return int(text) if text.strip().isdecimal() else 0
