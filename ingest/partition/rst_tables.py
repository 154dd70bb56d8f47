"""Tables of reStructuredText as rows of cells: grids, simple tables, `list-table` and `csv-table`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from unicodedata import combining, east_asian_width

from ingest.partition.clean import one_line, table_text
from ingest.partition.delimited import records

_GRID = re.compile(r"\+[-=+]+\+\s*\Z")
_BORDER = re.compile(r"\+(?:-{2,}|={2,})")
_FILLER = "\x00"
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
    drawn = [_widened(line) for line in lines]
    grid = _Grid.of(drawn)
    if grid is None:
        return None
    rule = next((at for at, line in enumerate(drawn) if at and "+=" in line and _GRID.match(line)), 0)
    return _checked(title, grid.rows(), grid.tops.index(rule) if rule in grid.tops else 0)


def _widened(line: str) -> str:
    """Return a line in which each character takes the columns that it takes on the screen."""
    if line.isascii():
        return line
    return "".join(char + _FILLER if east_asian_width(char) in "WF" else char for char in line if not combining(char))


@dataclass(frozen=True, slots=True)
class _Grid:
    """The lines of a grid table, with the lines and columns where borders of cells may stand."""

    lines: Sequence[str]
    tops: Sequence[int]
    edges: Sequence[int]

    @classmethod
    def of(cls, lines: Sequence[str]) -> _Grid | None:
        """Find the borders; None where the drawing is no whole box."""
        width = len(lines[0].rstrip())
        if len(lines) < 3 or not _GRID.match(lines[-1]) or any(len(line.rstrip()) > width for line in lines):
            return None
        padded = [line.ljust(width) for line in lines]
        tops = [at for at, line in enumerate(padded) if _BORDER.search(line)]
        columns = [at for at in range(width) if any(padded[top][at] == "+" for top in tops)]
        grid = cls(padded, tops, columns)
        edges = [at for at in columns if at in (0, width - 1) or grid._has_corners(at)]
        return cls(padded, tops, edges)

    def rows(self) -> list[list[str]]:
        """Return the texts of the cells; one that covers several rows or columns stands in each of them."""
        places = [(row, column) for row in range(len(self.tops) - 1) for column in range(len(self.edges) - 1)]
        parts: dict[tuple[int, int], set[tuple[int, int]]] = {place: {place} for place in places}
        for row, column in places:
            if column and not self._is_wall(self.edges[column], row):
                _join(parts, (row, column - 1), (row, column))
            if row and not self._has_lid(row, column):
                _join(parts, (row - 1, column), (row, column))
        texts = {min(part): self._text(part) for part in parts.values()}
        return [
            [texts[min(parts[row, column])] for column in range(len(self.edges) - 1)]
            for row in range(len(self.tops) - 1)
        ]

    def _has_corners(self, column: int) -> bool:
        """Say whether a border begins and ends at a column, so that a plus there is no word of a cell."""
        corners = [row for row, top in enumerate(self.tops) if self.lines[top][column] == "+"]
        return any(all(self._is_wall(column, row) for row in range(*pair)) for pair in pairwise(corners))

    def _is_wall(self, column: int, row: int) -> bool:
        """Say whether a border stands at a column along one row."""
        return all(line[column] in "|+" for line in self.lines[self.tops[row] : self.tops[row + 1] + 1])

    def _has_lid(self, row: int, column: int) -> bool:
        border = self.lines[self.tops[row]][self.edges[column] + 1 : self.edges[column + 1]]
        return len(set(border) - {"+"}) == 1 and border[0] in "-="

    def _text(self, part: set[tuple[int, int]]) -> str:
        (top, left), (bottom, right) = min(part), max(part)
        inside = self.lines[self.tops[top] + 1 : self.tops[bottom + 1]]
        begin, end = self.edges[left] + 1, self.edges[right + 1]
        words = [line[begin:end] for line in inside if not re.fullmatch(r"[-=+]{2,}", line[begin:end].strip())]
        return one_line(" ".join(word.replace(_FILLER, "") for word in words))


_Place = tuple[int, int]


def _join(parts: dict[_Place, set[_Place]], a: _Place, b: _Place) -> None:
    joined = parts[a] | parts[b]
    for place in joined:
        parts[place] = joined


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
