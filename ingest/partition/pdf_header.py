"""The head of a PDF table: header rows made one, spanning headers repeated over the columns that they span; pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from ingest.partition.pdf_page import Line, Row

_UNCOVERED = 4.0
_IMPOSSIBLE = float("inf")
_WRAPPED_STEP = 1.25
_SAME_LEVEL = 0.6
_MANY_COLUMNS = 4


class Extent(Protocol):
    """The x range of a column."""

    @property
    def left(self) -> float:
        """Its left side."""
        ...

    @property
    def right(self) -> float:
        """Its right side."""
        ...


@dataclass(slots=True)
class _Head:
    """A header cell: lines set close below each other, which are one text."""

    lines: list[Line]

    @property
    def left(self) -> float:
        return min(line.left for line in self.lines)

    @property
    def right(self) -> float:
        return max(line.right for line in self.lines)

    @property
    def bottom(self) -> float:
        return self.lines[-1].bottom

    def goes_on_in(self, line: Line) -> bool:
        """Say whether a line is set right below, as a wrapped text is."""
        last = self.lines[-1]
        touches = min(self.right, line.right) > max(self.left, line.left)
        return touches and line.bottom - last.bottom < _WRAPPED_STEP * max(last.size, line.size)


def spread(
    rows: Sequence[Row], columns: Sequence[Extent], is_label: Callable[[Line], bool], is_unit: Callable[[Line], bool]
) -> list[list[Line]]:
    """Return the head as one row of cells, the corner first; nothing where there are no header rows.

    A header over several columns is repeated in each. The corner takes what would be repeated too often: a unit that
    stands alone in its row ("(in millions)") and a header over all of many columns.
    """
    if not rows:
        return []
    corner: list[Line] = []
    spanning: list[Line] = []
    others: list[Row] = []
    for row in rows:
        labels, heads = (row[:1], row[1:]) if is_label(row[0]) else ([], row)
        alone = len(heads) == 1 and is_unit(heads[0])
        corner += [*labels, *heads] if alone else labels
        others.append([] if alone else heads)
    cells: list[list[Line]] = [[] for _ in columns]
    wide = [_Range(column.left, column.right) for column in columns]
    for height, level in enumerate(reversed(_levels(_heads(others)))):
        for head, (first, last) in reversed(list(zip(level, _cover(level, wide, edges=height == 0), strict=True))):
            if last - first == len(columns) >= _MANY_COLUMNS:
                spanning[:0] = head.lines
                continue
            for cell in cells[first:last]:
                cell[:0] = head.lines
            if last - first == 1:
                # What stands above this header is centred over it, not over the figures.
                wide[first] = _Range(min(wide[first].left, head.left), max(wide[first].right, head.right))
    return [[*spanning, *corner], *cells]


@dataclass(frozen=True, slots=True)
class _Range:
    left: float
    right: float


def _heads(rows: Sequence[Row]) -> list[_Head]:
    """Return the header cells; a line goes on in the one line below it, unless that has two above it."""
    heads: list[_Head] = []
    for row in rows:
        above = [[head for head in heads if head.goes_on_in(line)] for line in row]
        for line, found in zip(row, above, strict=True):
            if len(found) == 1 and sum(found[0] in others for others in above) == 1:
                found[0].lines.append(line)
            else:
                heads.append(_Head([line]))
    return heads


def _levels(heads: Sequence[_Head]) -> list[list[_Head]]:
    """Return the header cells that end at one height together, the upper ones first."""
    levels: list[list[_Head]] = []
    for head in sorted(heads, key=lambda head: head.bottom):
        if levels and head.bottom - levels[-1][0].bottom < _SAME_LEVEL * head.lines[-1].size:
            levels[-1].append(head)
        else:
            levels.append([head])
    return [sorted(level, key=lambda head: head.left) for level in levels]


def _cover(heads: Sequence[_Head], columns: Sequence[Extent], *, edges: bool) -> list[tuple[int, int]]:
    """Return for each header the run of columns `[first, last)` that it stands over.

    The runs are those whose middles fit the headers' best; a column without a header costs a little. With `edges` a
    header may also share a side with its one column.
    """
    n, m = len(columns), len(heads)
    if not m or m > n:
        return [_nearest(head, columns) for head in heads]

    @cache
    def best(head: int, first: int) -> tuple[float, tuple[tuple[int, int], ...]]:
        if head == m:
            return (n - first) * _UNCOVERED, ()
        found: tuple[float, tuple[tuple[int, int], ...]] = (_IMPOSSIBLE, ())
        for start in range(first, n):
            for end in range(start + 1, n + 1):
                rest, runs = best(head + 1, end)
                cost = (start - first) * _UNCOVERED + _misfit(heads[head], columns[start:end], edges) + rest
                found = min(found, (cost, ((start, end), *runs)))
        return found

    cost, runs = best(0, 0)
    return list(runs) if cost < _IMPOSSIBLE else [_nearest(head, columns) for head in heads]


def _misfit(head: _Head, columns: Sequence[Extent], edges: bool) -> float:
    """Return how far, in points, a header is from the middle (over one column perhaps from an edge) of its columns."""
    left, right = columns[0].left, columns[-1].right
    middle = abs(_middle(head) - (left + right) / 2)
    if len(columns) > 1 or not edges:
        return middle
    return min(middle, abs(head.left - left), abs(head.right - right))


def _middle(extent: Extent) -> float:
    return (extent.left + extent.right) / 2


def _nearest(head: _Head, columns: Sequence[Extent]) -> tuple[int, int]:
    if not columns:
        return 0, 0
    best = min(range(len(columns)), key=lambda i: abs(_middle(head) - _middle(columns[i])))
    return best, best + 1
