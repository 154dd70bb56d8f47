"""Tables of PDF pages by where their cells stand: columns, header rows, spanning headers, wrapped rows; pure geometry.

No drawn lines are needed: ruled and unruled tables are read alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, zip_longest

from ingest.partition.pdf_header import spread
from ingest.partition.pdf_page import Line, Row

Cells = list[list[Line]]
"""One row of a finished table: for each cell the lines it is made of, in order; empty cells are empty lists."""

_TABLE_GAP = 4.0
_HEADER_GAP = 1.8
_LABEL_CHARS = 90
_LABEL_ROWS = 3
_SHORT_CELL_CHARS = 30
_INDENT = 30.0
_INDENT_SHARE = 0.08
_TIGHT = 0.85
_LINE_STEP = 1.4
_STACKED_GAP = 1.6
_SAME_EDGE = 3.0
_FACT_COLUMNS = 2
_FIGURE = re.compile(r"[($€£¥+-]*\d[\d.,]*\s*[)%xX]*\s*(?:%|bps|pts)?|[—–-]|N/?[AM]|\*+", re.IGNORECASE)
_YEAR = re.compile(r"(?:FY)?(?:19|20)\d\d", re.IGNORECASE)
_UNIT = re.compile(r"\(.*\)")


# --- which rows are tables --------------------------------------------------------------------------------------------


def table_rows(rows: Sequence[Row]) -> list[bool]:
    """Mark the rows of tables: rows of several cells that share a column with one nearby, and the labels between."""
    marks = [False] * len(rows)
    several = [i for i, row in enumerate(rows) if len(row) > 1]
    for i, j in pairwise(several):
        labels = rows[i + 1 : j]
        close = all(near(above, below, _TABLE_GAP) for above, below in pairwise(rows[i : j + 1]))
        edge = min(rows[i][1].left, rows[j][1].left)
        short = all(len(row[0].text) < _LABEL_CHARS or row[0].right < edge for row in labels)
        if close and short and len(labels) <= _LABEL_ROWS and aligned(rows[i], rows[j]):
            marks[i : j + 1] = [True] * (j + 1 - i)
    for i in [i for i, (before, mark) in enumerate(pairwise([False, *marks])) if mark and not before]:
        end = marks.index(False, i) if False in marks[i:] else len(rows)
        top = _top(rows, i, end)
        marks[top:i] = [True] * (i - top)
    return marks


def _top(rows: Sequence[Row], start: int, end: int) -> int:
    """Return where the table at `rows[start:end]` begins with its head, which shares no edge with the rows below.

    A few labels may stand between the two.
    """
    edge = _values_left(rows[start:end]) - rows[start][0].size
    top, labels = start, 0
    for i in reversed(range(start)):
        far = not near(rows[i], rows[i + 1], _HEADER_GAP) or rows[i][0].size > 1.1 * rows[start][0].size
        if far or _is_sentence(rows[i], edge):
            break
        if len(rows[i]) > 1 or rows[i][0].left > edge:
            top = i
        elif rows[i][0].right < edge and labels < _LABEL_ROWS and top == start:
            labels += 1
        else:
            break
    return top


def _values_left(rows: Sequence[Row]) -> float:
    """Return where the cells right of the labels begin, those of header rows included."""
    figured = [row for row in rows if any(_is_figure(cell) for cell in row[1:])]
    if not figured:
        left = min(row[0].left for row in rows) + _INDENT
        return min((cell.left for row in rows for cell in row[row[0].left < left :]), default=float("inf"))
    values = min(cell.left for row in figured for cell in row[1:])
    labels = min(values, max(row[0].right for row in figured))
    heads = (cell.left for row in rows if row not in figured for cell in row if cell.left >= labels)
    return min([values, *heads])


def _is_sentence(row: Row, edge: float) -> bool:
    """Say whether a row of several cells is a sentence with wide gaps, as full justification leaves them."""
    return len(row) > 1 and row[0].left < edge and row[-1].text.endswith((".", ":", ";"))


def aligned(above: Row, below: Row) -> bool:
    """Say whether a cell right of the first stands under another: by an edge or middle, or, if short, roughly."""
    return any(_stands_under(a, b) for a in above[1:] for b in below[1:]) or (
        len(above) == len(below) and any(_stands_under(a, b) for a, b in zip(above, below, strict=True))
    )


def _stands_under(a: Line, b: Line) -> bool:
    height = max(a.height, b.height)
    if len(a.text) < _SHORT_CELL_CHARS and len(b.text) < _SHORT_CELL_CHARS:
        return min(a.right, b.right) - max(a.left, b.left) > -height
    edges = (abs(a.left - b.left), abs(a.right - b.right), abs(a.middle - b.middle))
    return min(edges) < 0.6 * height


def near(above: Row, below: Row, lines: float) -> bool:
    """Say whether the gap between two rows is smaller than so many lines."""
    gap = min(x.top for x in below) - max(x.bottom for x in above)
    return gap < lines * max(x.height for x in below)


# --- from rows to tables ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it stands on one page; `head` is the row that names its columns, empty where it has none.

    `source` are the rows that it was made of; `figured` says that figures below the head tell it from the rows.
    """

    source: Sequence[Row]
    head: Cells
    body: list[Cells]
    figured: bool = False

    @property
    def has_certain_head(self) -> bool:
        """Say whether the first row is no row of facts ("Colour | green") that only stands where a head would."""
        bold = all(line.bold for cell in self.head for line in cell)
        return bool(self.head) and (self.figured or bold or len(self.head) > _FACT_COLUMNS)

    def going_on(self, before: Table) -> Table | None:
        """Return this table, which begins its page, as the rest of the one that ends the page before, if it is that.

        Then it has the same columns, and no head of its own; that of `before` names its columns.
        """
        if not before.has_certain_head or self.head == before.head or (self.figured and self.head):
            return None
        whole = self if not self.head else _table(self.source, headless=True)
        if _texts(self.source[0]) == _texts(before.source[0]) or self._begins_like_a_head(before):
            return None
        return replace(whole, head=before.head) if _same_columns(before.body, whole.body) else None

    def _begins_like_a_head(self, before: Table) -> bool:
        """Say whether the first row is set as the head before it was and its own rows are not."""
        bold = [all(line.bold for line in row) for row in self.source[:2]]
        return self.source[0][0].bold and before.source[0][0].bold and bold != [True, True]


def tables(rows: Sequence[Row]) -> Iterator[Table]:
    """Yield the tables that stand one above the other in a run of table rows."""
    shape = _Shape.of(rows)
    start = 0
    for i in range(1, len(rows)):
        if shape.begins_table(rows, i):
            yield _table(rows[start:i])
            start = i
    yield _table(rows[start:])


def _table(rows: Sequence[Row], *, headless: bool = False) -> Table:
    shape = _Shape.of(rows)
    figured, n_head = (False, 0) if headless else shape.head_rows(rows)
    logical = shape.unwrapped(rows[n_head:])
    columns = _columns([row for group in logical for row in group] or rows, shape)
    head = spread(rows[:n_head], columns, shape.is_label, _is_unit)
    return Table(rows, head, [_placed(group, columns, shape) for group in logical], figured)


def _texts(row: Row) -> list[str]:
    return [line.text for line in row]


def _same_columns(a: Sequence[Cells], b: Sequence[Cells]) -> bool:
    """Say whether two tables have the same columns: each begins, ends or is centred at the same place in both."""
    one, other = _extents(a), _extents(b)
    return len(one) == len(other) > 1 and all(map(_same_column, one, other))


def _extents(rows: Sequence[Cells]) -> list[_Column | None]:
    columns: list[_Column | None] = []
    for cells in zip_longest(*rows, fillvalue=()):
        lines = [line for cell in cells for line in cell]
        columns.append(_Column(min(x.left for x in lines), max(x.right for x in lines)) if lines else None)
    return columns


def _same_column(a: _Column | None, b: _Column | None) -> bool:
    if a is None or b is None:
        return a is b
    return min(abs(a.left - b.left), abs(a.right - b.right), abs(a.left + a.right - b.left - b.right) / 2) < _SAME_EDGE


@dataclass(frozen=True, slots=True)
class _Shape:
    """Where a table's labels and values begin, and how far apart its rows usually are."""

    left: float
    indent: float
    labels_end: float
    values: float
    step: float

    @classmethod
    def of(cls, rows: Sequence[Row]) -> _Shape:
        left = min(row[0].left for row in rows)
        width = max(row[-1].right for row in rows) - left
        indent = max(_INDENT, _INDENT_SHARE * width)
        labelled = [row for row in rows if row[0].left <= left + indent and any(_is_figure(x) for x in row[1:])]
        values = min((cell.left for row in labelled for cell in row[1:] if _is_figure(cell)), default=0.0)
        labels_end = min(values, max((row[0].right for row in labelled), default=0.0))
        steps = sorted(_step(a, b) for a, b in pairwise(rows))
        return cls(left, indent, labels_end, values, steps[len(steps) // 2] if steps else 0.0)

    def is_label(self, cell: Line) -> bool:
        """Say whether a cell stands in the first column."""
        return cell.left <= self.left + self.indent or cell.right <= self.labels_end

    def is_label_row(self, row: Row) -> bool:
        """Say whether a row is nothing but a label, or a title that is centred in the table."""
        return len(row) == 1 and (self.is_label(row[0]) or row[0].left < self.values - row[0].size)

    def has_figures(self, row: Row) -> bool:
        """Say whether a row has a figure, other than a year, right of its label."""
        values = row[1:] if self.is_label(row[0]) else row
        return any(_is_figure(cell) for cell in values)

    def begins_table(self, rows: Sequence[Row], i: int) -> bool:
        """Say whether a row opens another table: a head below a row of figures."""
        row = rows[i]
        if self.has_figures(row) or self.is_label_row(row) or not self._below_figures(rows, i):
            return False
        if not self.is_label(row[0]):
            return True
        return len(row) > 1 and _step(rows[i - 1], row) > _STACKED_GAP * self.step

    def _below_figures(self, rows: Sequence[Row], i: int) -> bool:
        return self.is_label(rows[i - 1][0]) and self.has_figures(rows[i - 1])

    def head_rows(self, rows: Sequence[Row]) -> tuple[bool, int]:
        """Return whether the table has figures, and how many rows make the head.

        Those are the rows above the first labelled figures, less the labels right above.
        """
        first = next((i for i, row in enumerate(rows) if self.is_label(row[0]) and self.has_figures(row)), None)
        if first is None:
            return False, self._text_head(rows)
        while first and self.is_label_row(rows[first - 1]):
            first -= 1
        return True, first

    def _text_head(self, rows: Sequence[Row]) -> int:
        """Return the size of a head above rows of text: the first row and what wraps below it."""
        if len(rows) < 2 or not all(self.is_label(row[0]) for row in rows[:1]):
            return 0
        n = 1
        while n < len(rows) - 1 and not self.is_label(rows[n][0]) and self._is_tight(rows[n - 1], rows[n]):
            n += 1
        return n

    def unwrapped(self, rows: Sequence[Row]) -> list[list[Row]]:
        """Group the rows that are one row of the table, set on several lines."""
        groups: list[list[Row]] = []
        for i, row in enumerate(rows):
            after = rows[i + 1] if i + 1 < len(rows) else None
            if groups and self._continues(groups[-1], row, after):
                groups[-1].append(row)
            else:
                groups.append([row])
        return groups

    def _continues(self, group: Sequence[Row], row: Row, after: Row | None) -> bool:
        last = group[-1]
        tight = self._is_tight(last, row)
        lower = row[0].text[:1].islower() and _step(last, row) < _LINE_STEP * row[0].size
        if not self.is_label(row[0]) and not self.is_label_row(row):
            return tight and not self.has_figures(row) and not _is_unit(row[0])
        if all(self.is_label_row(x) for x in group):
            colon = last[0].text.rstrip().endswith(":")
            return not colon and last[0].bold == row[0].bold and (tight or lower)
        below_values = self.is_label_row(row) and (tight or lower) and row[0].bold == last[0].bold
        return below_values and not (after and self._is_tight(row, after) and not lower)

    def _is_tight(self, above: Row, below: Row) -> bool:
        return _step(above, below) < _TIGHT * self.step


def _step(above: Row, below: Row) -> float:
    return below[0].bottom - above[0].bottom


def _is_figure(cell: Line) -> bool:
    return bool(_FIGURE.fullmatch(cell.text)) and not _YEAR.fullmatch(cell.text)


def _is_unit(cell: Line) -> bool:
    return bool(_UNIT.fullmatch(cell.text)) and any(c.isalpha() for c in cell.text)


@dataclass(slots=True)
class _Column:
    """The x range of the cells of one column."""

    left: float
    right: float

    def overlap(self, cell: Line) -> float:
        """Return the shared width; negative is the distance between the two."""
        return min(self.right, cell.right) - max(self.left, cell.left)


def _columns(rows: Sequence[Row], shape: _Shape) -> list[_Column]:
    """Return the columns right of the labels, from left to right, the fullest rows first to say where they are."""
    columns: list[_Column] = []
    for row in sorted(rows, key=len, reverse=True):
        for cell in row[1:] if shape.is_label(row[0]) or shape.is_label_row(row) else row:
            _take(cell, columns)
    return sorted(columns, key=lambda column: column.left)


def _take(cell: Line, columns: list[_Column]) -> None:
    """Widen the column that a cell stands in, or open one; a cell that spans several says nothing."""
    touched = [column for column in columns if column.overlap(cell) > -0.5 * cell.size]
    if not touched:
        columns.append(_Column(cell.left, cell.right))
    elif len(touched) == 1:
        left, right = min(touched[0].left, cell.left), max(touched[0].right, cell.right)
        touched[0].left, touched[0].right = left, right


def _placed(group: Sequence[Row], columns: Sequence[_Column], shape: _Shape) -> Cells:
    """Return the cells of one row, those of its wrapped lines one after the other."""
    cells: Cells = [[] for _ in range(len(columns) + 1)]
    for row in group:
        for i, cell in enumerate(row):
            if i == 0 and (shape.is_label(cell) or shape.is_label_row(row)):
                cells[0].append(cell)
            else:
                best = max(range(len(columns)), key=lambda k: columns[k].overlap(cell), default=-1)
                cells[best + 1].append(cell)
    return cells
