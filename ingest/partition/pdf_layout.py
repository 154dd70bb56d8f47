"""Pure geometry of PDF pages: from positioned lines to headings, paragraphs, list items and tables.

Coordinates are PDF points from the page's lower left corner. unstructured's `fast` strategy reads the same text layer
but drops font sizes and column positions, so headings and tables are recovered here instead.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ingest.clean import join_lines, margin_key, one_line, repeated_lines, table_text
from ingest.partition.layout import Piece
from rag.types import BlockKind

_BULLET = re.compile(r"(?:[•●▪◦‣·–—*-]|\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,4})[.)])(?=\s|$)")
_BULLET_ONLY = re.compile(_BULLET.pattern + r"\s*\Z")
_SENTENCE_END = re.compile(r"[.;:!?,]\s*\Z")
_MARGIN = 0.1
_HEADING_RATIO = 1.12
_HEADING_CHARS = 120
_WIDE_COLUMN = 0.28
_TABLE_GAP = 4.0
_LABEL_CHARS = 90
_SHORT_CELL_CHARS = 30
_TRAILING_CURRENCY = re.compile(r"(?:^|(?<=\s))([$€£¥])\s*\Z")


@dataclass(frozen=True, slots=True)
class Line:
    """A run of characters on one baseline that no wide gap interrupts."""

    text: str
    x0: float
    x1: float
    y0: float
    y1: float
    size: float
    bold: bool

    @property
    def height(self) -> float:
        """Height of the line's box."""
        return self.y1 - self.y0


@dataclass(frozen=True, slots=True)
class Page:
    """The lines of one page; `number` counts from 1."""

    number: int
    width: float
    height: float
    lines: tuple[Line, ...]


Row = list[Line]


def pieces(pages: Sequence[Page]) -> Iterator[Piece]:
    """Yield the pieces of all pages in reading order, running headers and footers left out."""
    pages = without_running_lines(pages)
    style = _Style.of(line for page in pages for line in page.lines)
    for page in pages:
        for region in regions(page):
            yield from _region_pieces(region, style, page.number)


def without_running_lines(pages: Sequence[Page]) -> list[Page]:
    """Drop lines at a page's edge that stand, but for their numbers, on more than half of the pages.

    A page's edge is its top and bottom tenth, and its first and last line wherever they stand.
    """
    edges = [_edge_lines(page) for page in pages]
    running = repeated_lines([[line.text for line in lines] for lines in edges])
    return [
        replace(page, lines=tuple(x for x in page.lines if not (x in lines and margin_key(x.text) in running)))
        for page, lines in zip(pages, edges, strict=True)
    ]


def _edge_lines(page: Page) -> frozenset[Line]:
    rows = _rows(page.lines, merge=False)
    outermost = [*rows[0], *rows[-1]] if rows else []
    low, high = page.height * _MARGIN, page.height * (1 - _MARGIN)
    return frozenset(outermost) | {line for line in page.lines if line.y0 > high or line.y1 < low}


@dataclass(frozen=True, slots=True)
class _Style:
    """What body text looks like in this file, and the sizes that headings use, largest first."""

    body: float
    sizes: tuple[float, ...]
    bold_body: bool

    @classmethod
    def of(cls, lines: Iterable[Line]) -> _Style:
        characters: Counter[float] = Counter()
        bold = total = 0
        large: Counter[float] = Counter()
        kept = list(lines)
        for line in kept:
            characters[round(line.size, 1)] += len(line.text)
            bold += len(line.text) * line.bold
            total += len(line.text)
        body = characters.most_common(1)[0][0] if characters else 10.0
        for line in kept:
            if line.size >= body * _HEADING_RATIO and len(line.text) <= _HEADING_CHARS:
                large[round(line.size)] += 1
        return cls(body, tuple(sorted(large, reverse=True)), bold * 2 > total)

    def level(self, rows: Sequence[Row]) -> int:
        """Return the heading level 1..6 of a paragraph's rows, 0 for body text."""
        lines = [line for row in rows for line in row]
        text = " ".join(line.text for line in lines)
        if len(text) > _HEADING_CHARS or not any(c.isalpha() for c in text) or len(rows) > 3:
            return 0
        size = min(line.size for line in lines)
        if size >= self.body * _HEADING_RATIO and round(size) in self.sizes:
            return min(5, self.sizes.index(round(size)) + 1)
        bold = all(line.bold for line in lines) and not self.bold_body
        if bold and size >= self.body * 0.98 and not _SENTENCE_END.search(text) and len(text.split()) <= 14:
            return min(6, len(self.sizes) + 1)
        return 0


def regions(page: Page) -> Iterator[list[Row]]:
    """Yield the page's rows, top to bottom; text set in two columns comes one column after the other."""
    rows = _rows(page.lines)
    gutter = _gutter(rows, page.width)
    if gutter is None:
        yield rows
        return
    band: list[Line] = []
    for row in rows:
        if any(line.x0 < gutter < line.x1 for line in row):
            yield from _columns(band, gutter)
            band = []
            yield [row]
        else:
            band += row
    yield from _columns(band, gutter)


def _columns(lines: Sequence[Line], gutter: float) -> Iterator[list[Row]]:
    for side in ([x for x in lines if x.x1 <= gutter], [x for x in lines if x.x0 >= gutter]):
        if side:
            yield _rows(side)


def _gutter(rows: Sequence[Row], width: float) -> float | None:
    """Return the x of a gap between two columns of running text, None where there is one column (or a table)."""
    pairs = [row for row in rows if len(row) == 2 and all(x.x1 - x.x0 > width * _WIDE_COLUMN for x in row)]
    if len(pairs) < 8 or len(pairs) * 2 < len(rows):
        return None
    left, right = max(row[0].x1 for row in pairs), min(row[1].x0 for row in pairs)
    return (left + right) / 2 if left < right else None


def _rows(lines: Iterable[Line], *, merge: bool = True) -> list[Row]:
    """Group lines that share a baseline; rows from top to bottom, lines in a row from left to right."""
    rows: list[Row] = []
    for line in sorted(lines, key=lambda x: (-(x.y0 + x.y1), x.x0)):
        if rows and _same_baseline(rows[-1][0], line):
            rows[-1].append(line)
        else:
            rows.append([line])
    rows = [sorted(row, key=lambda x: x.x0) for row in rows]
    return [_merged(row) for row in rows] if merge else rows


def _same_baseline(a: Line, b: Line) -> bool:
    overlap = min(a.y1, b.y1) - max(a.y0, b.y0)
    return overlap > 0.6 * min(a.height, b.height)


def _merged(row: Row) -> Row:
    """Join a bullet to the text after it, and a currency sign to the figure after it."""
    merged: Row = []
    for line in row:
        if merged and len(merged) == 1 and _BULLET_ONLY.fullmatch(merged[0].text):
            bullet = merged.pop()
            line = replace(line, text=f"{bullet.text.strip()} {line.text}", x0=bullet.x0)
        currency = _TRAILING_CURRENCY.search(merged[-1].text) if merged else None
        if currency and line.text[:1] in "0123456789(.,":
            before = merged.pop()
            line = replace(line, text=currency.group(1) + line.text)
            rest = before.text[: currency.start()].rstrip()
            if rest:
                merged.append(replace(before, text=rest))
        merged.append(line)
    return merged


def _region_pieces(rows: Sequence[Row], style: _Style, page: int) -> Iterator[Piece]:
    tabular = _tabular(rows)
    start = 0
    while start < len(rows):
        end = start + 1
        while end < len(rows) and tabular[end] == tabular[start]:
            end += 1
        group = rows[start:end]
        if tabular[start]:
            yield Piece("table", table_text([line.text for line in row] for row in group), 0, page)
        else:
            yield from _paragraphs(group, style, page)
        start = end


def _tabular(rows: Sequence[Row]) -> list[bool]:
    """Mark the rows of tables: rows of several cells that share a column with one nearby, and the labels between."""
    marks = [False] * len(rows)
    several = [i for i, row in enumerate(rows) if len(row) > 1]
    for i, j in pairwise(several):
        labels = rows[i + 1 : j]
        close = all(_near(above, below, _TABLE_GAP) for above, below in pairwise(rows[i : j + 1]))
        short = len(labels) <= 3 and all(len(row[0].text) < _LABEL_CHARS for row in labels)
        if close and short and _aligned(rows[i], rows[j]):
            marks[i : j + 1] = [True] * (j + 1 - i)
    for i in reversed(range(len(rows) - 1)):
        # Spanning column heads share no edge with the columns below them.
        if marks[i + 1] and len(rows[i]) > 1 and _near(rows[i], rows[i + 1], 1.5):
            marks[i] = True
    return marks


def _aligned(above: Row, below: Row) -> bool:
    """Say whether a cell right of the first stands under another: by an edge or middle, or, if short, roughly."""
    return any(_stands_under(a, b) for a in above[1:] for b in below[1:]) or (
        len(above) == len(below) and any(_stands_under(a, b) for a, b in zip(above, below, strict=True))
    )


def _stands_under(a: Line, b: Line) -> bool:
    height = max(a.height, b.height)
    if len(a.text) < _SHORT_CELL_CHARS and len(b.text) < _SHORT_CELL_CHARS:
        return min(a.x1, b.x1) - max(a.x0, b.x0) > -height
    edges = (abs(a.x0 - b.x0), abs(a.x1 - b.x1), abs(a.x0 + a.x1 - b.x0 - b.x1) / 2)
    return min(edges) < 0.6 * height


def _near(above: Row, below: Row, lines: float) -> bool:
    gap = min(x.y0 for x in above) - max(x.y1 for x in below)
    return gap < lines * max(x.height for x in below)


def _paragraphs(rows: Sequence[Row], style: _Style, page: int) -> Iterator[Piece]:
    pitch = _pitch(rows)
    group: list[Row] = []
    for row in rows:
        if group and _breaks(group, row, pitch):
            yield _paragraph(group, style, page)
            group = []
        group.append(row)
    if group:
        yield _paragraph(group, style, page)


def _pitch(rows: Sequence[Row]) -> float:
    """Return the usual distance between the baselines of a paragraph's lines."""
    steps = sorted(a[0].y0 - b[0].y0 for a, b in pairwise(rows) if a[0].y0 > b[0].y0)
    return steps[(len(steps) - 1) // 4] if steps else 0.0


def _breaks(group: Sequence[Row], row: Row, pitch: float) -> bool:
    last, first = group[-1][0], row[0]
    step = last.y0 - first.y0
    # A region of nothing but widely set single lines must not pass for one paragraph.
    pitch = min(pitch, 1.5 * first.height)
    if step <= 0 or step > max(1.35 * pitch, 1.25 * first.height):
        return True
    if abs(last.size - first.size) > 0.08 * max(last.size, first.size) or last.bold != first.bold:
        return not (last.bold != first.bold and abs(last.size - first.size) < 0.3 and _runs_on(group))
    return bool(_BULLET.match(first.text))


def _runs_on(group: Sequence[Row]) -> bool:
    """Say whether a paragraph plainly goes on: its last line is no heading of its own."""
    return len(group) > 1 and not _SENTENCE_END.search(group[-1][-1].text)


def _paragraph(rows: Sequence[Row], style: _Style, page: int) -> Piece:
    text = join_lines([" ".join(one_line(line.text) for line in row) for row in rows])
    level = style.level(rows)
    kind: BlockKind = "heading" if level else "list_item" if _BULLET.match(text) else "paragraph"
    return Piece(kind, text, level, page)
