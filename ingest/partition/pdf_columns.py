"""Reading order of a PDF page: columns of running text, one after the other, between what spans them; pure geometry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from ingest.partition.pdf_page import Line, Page, Row, rows_of

_BIN = 4.0
_FEWEST_LINES = 8
_MOST_CROSSING = 0.3
_NARROWEST = 0.17
_FULL_LINE = 0.6
_FULL_SHARE = 0.5
_INDENT = 40.0
_FEWEST_PAIRS = 3
_EVEN = 1.2
_SAME_LEFT = 3.0
_RUNNING_SHARE = 0.6
_FEWEST_WORDS = 3


def regions(page: Page) -> Iterator[list[Row]]:
    """Yield the page's rows in reading order; a region is one column, or what spans several."""
    yield from _regions(list(page.lines), page.width)


def _regions(lines: list[Line], page_width: float) -> Iterator[list[Row]]:
    gutter = _gutter(lines, page_width)
    if gutter is None:
        if lines:
            yield rows_of(lines)
        return
    for crosses, band in _bands(rows_of(lines), gutter):
        if crosses:
            yield band
            continue
        inside = [line for row in band for line in row]
        yield from _regions([x for x in inside if x.right <= gutter], page_width)
        yield from _regions([x for x in inside if x.left >= gutter], page_width)


def _bands(rows: Sequence[Row], gutter: float) -> Iterator[tuple[bool, list[Row]]]:
    """Yield runs of rows that cross the gutter, or that do not, from top to bottom."""
    band: list[Row] = []
    crossed = False
    for row in rows:
        crosses = any(line.left < gutter < line.right for line in row)
        if band and crosses != crossed:
            yield crossed, band
            band = []
        band.append(row)
        crossed = crosses
    if band:
        yield crossed, band


def _gutter(lines: Sequence[Line], page_width: float) -> float | None:
    """Return the x of a gap between two columns of running text, None where there is one column (or a table)."""
    if len(lines) < 2 * _FEWEST_LINES:
        return None
    found = [split for x in _thin_places(lines) if (split := _split(lines, x, page_width))]
    return max(found)[2] if found else None


def _thin_places(lines: Sequence[Line]) -> Iterator[float]:
    """Yield the x, in steps, that few lines cross and that have lines on both sides."""
    start = min(line.left for line in lines)
    changes = [0] * (int((max(line.right for line in lines) - start) / _BIN) + 2)
    for line in lines:
        changes[int((line.left - start) / _BIN)] += 1
        changes[int((line.right - start) / _BIN) + 1] -= 1
    crossing = 0
    for i, change in enumerate(changes[:-1]):
        crossing += change
        if i and crossing <= _MOST_CROSSING * len(lines):
            yield start + (i + 0.5) * _BIN


def _split(lines: Sequence[Line], x: float, page_width: float) -> tuple[int, float, float] | None:
    """Return how many lines a gutter at `x` parts, its width and its middle; None if it parts no columns of text."""
    left = [line for line in lines if line.right <= x]
    right = [line for line in lines if line.left >= x]
    if min(len(left), len(right)) < _FEWEST_LINES or not _side_by_side(left, right):
        return None
    if not (_is_column(_last_column(left), page_width) and _is_column(_first_column(right), page_width)):
        return None
    low, high = max(line.right for line in left), min(line.left for line in right)
    return len(left) + len(right), high - low, (low + high) / 2


def _first_column(lines: Sequence[Line]) -> list[Line]:
    edge = min(line.left for line in lines) + _INDENT
    return [line for line in lines if line.left <= edge]


def _last_column(lines: Sequence[Line]) -> list[Line]:
    """Return the lines that start no further left than enough of them do to make a column."""
    edge = sorted(line.left for line in lines)[-_FEWEST_LINES] - _INDENT
    return [line for line in lines if line.left >= edge]


def _is_column(lines: Sequence[Line], page_width: float) -> bool:
    """Say whether lines are running text: enough of them, most as wide as the column."""
    if len(lines) < _FEWEST_LINES:
        return False
    width = max(line.right for line in lines) - min(line.left for line in lines)
    full = sum(line.width >= _FULL_LINE * width for line in lines)
    return width >= _NARROWEST * page_width and full >= _FULL_SHARE * len(lines)


def _side_by_side(left: Sequence[Line], right: Sequence[Line]) -> bool:
    """Say whether two sets of lines share most of the height, as a table's label and text do not line for line."""
    tops = [min(line.top for line in side) for side in (left, right)]
    bottoms = [max(line.bottom for line in side) for side in (left, right)]
    shared = min(bottoms) - max(tops)
    return shared > 0.5 * min(b - t for b, t in zip(bottoms, tops, strict=True))


# --- columns too short for a gutter -----------------------------------------------------------------------------------


def prose_columns(rows: Sequence[Row], count: int) -> tuple[list[list[Line]], int]:
    """Return two short columns of running text that look like a table, and how many rows they take of all.

    The first `count` rows look like rows of cells. There are no columns where they are rows: in running text most lines
    go on in lower case with several words, and all are equally far apart, so that no row is set off.
    """
    pairs = [row for row in rows[:count] if len(row) == 2]
    if len(pairs) < _FEWEST_PAIRS or any(len(row) > 2 for row in rows[:count]):
        return [], count
    steps = [below[0].bottom - above[0].bottom for above, below in pairwise(rows[:count])]
    lefts = [min(row[side].left for row in pairs) for side in (0, 1)]
    while count < len(rows) and _goes_on(rows[count - 1], rows[count], lefts, _EVEN * min(steps)):
        count += 1
    columns = [[x for row in rows[:count] for x in row if (x.left < lefts[1]) == first] for first in (True, False)]
    even = max(steps) < _EVEN * min(steps)
    return (columns, count) if even and all(_runs_on(column) for column in columns) else ([], count)


def _goes_on(above: Row, below: Row, lefts: Sequence[float], step: float) -> bool:
    """Say whether the longer of two columns goes on in a row of one line."""
    beside = any(abs(below[0].left - left) < _SAME_LEFT for left in lefts)
    return len(below) == 1 and beside and below[0].bottom - above[0].bottom < step


def _runs_on(lines: Sequence[Line]) -> bool:
    lower = sum(line.text[0].islower() for line in lines[1:])
    words = sum(len(line.text.split()) for line in lines)
    return lower >= _RUNNING_SHARE * (len(lines) - 1) > 0 and words >= _FEWEST_WORDS * len(lines)
