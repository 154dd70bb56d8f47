"""The head of a PDF table: header rows made one, spanning headers repeated over the columns that they span; pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Protocol

from ingest.partition.pdf_page import Line, Row

_UNCOVERED = 4.0
_IMPOSSIBLE = float("inf")


class Extent(Protocol):
    """The x range of a column."""

    left: float
    right: float


def spread(
    rows: Sequence[Row], columns: Sequence[Extent], is_label: Callable[[Line], bool], is_unit: Callable[[Line], bool]
) -> list[list[Line]]:
    """Return the head as one row of cells, the corner first; nothing where there are no header rows.

    A unit that stands alone in its row ("(in millions)") goes to the corner.
    """
    if not rows:
        return []
    cells: list[list[Line]] = [[] for _ in range(len(columns) + 1)]
    for row in rows:
        corner, heads = (row[:1], row[1:]) if is_label(row[0]) else ([], row)
        if len(heads) == 1 and is_unit(heads[0]):
            corner, heads = [*corner, *heads], []
        cells[0] += corner
        for head, (first, last) in zip(heads, _cover(heads, columns), strict=True):
            for column in range(first, last):
                cells[column + 1].append(head)
    return cells


def _cover(heads: Sequence[Line], columns: Sequence[Extent]) -> list[tuple[int, int]]:
    """Return for each header the run of columns `[first, last)` that it stands over.

    The runs are those whose middles fit the headers' best; a column without a header costs a little.
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
                cost = (start - first) * _UNCOVERED + _misfit(heads[head], columns[start:end]) + rest
                found = min(found, (cost, ((start, end), *runs)))
        return found

    cost, runs = best(0, 0)
    return list(runs) if cost < _IMPOSSIBLE else [_nearest(head, columns) for head in heads]


def _misfit(head: Line, columns: Sequence[Extent]) -> float:
    """Return how far, in points, a header is from the middle (over one column also from an edge) of its columns."""
    left, right = columns[0].left, columns[-1].right
    middle = abs(head.middle - (left + right) / 2)
    if len(columns) > 1:
        return middle
    return min(middle, abs(head.left - left), abs(head.right - right))


def _nearest(head: Line, columns: Sequence[Extent]) -> tuple[int, int]:
    if not columns:
        return 0, 0
    best = min(range(len(columns)), key=lambda i: abs(head.middle - (columns[i].left + columns[i].right) / 2))
    return best, best + 1
