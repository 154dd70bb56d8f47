"""Running headers and footers of PDF pages: lines at the edge that say the same page after page; pure.

A line is one of them only if nothing but its page number differs. A total, an article's number or a row of a table
differs otherwise, or would be lost on its page, and stays in the text.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import groupby, pairwise

from ingest.partition.clean import one_line
from ingest.partition.pdf_counters import Reading, counts_pages, reading
from ingest.partition.pdf_page import Line, Page, Row, rows_of
from ingest.partition.pdf_tables import aligned, near

HEADING_RATIO = 1.12
"""A line this many times as large as body text looks like a heading."""

_MARGIN = 0.1
_SAME_PLACE = 3.0
_ENOUGH = 3
_LARGE = 1.3
_APART = 0.15
_HIGHEST_OFFSET = 200
_HEAD_GAP = 1.8


@dataclass(frozen=True, slots=True)
class Running:
    """The running lines of one page; `first` are those that no page before and no body text says.

    They are left in the text once, so that what they say can be found.
    """

    lines: frozenset[Line]
    first: frozenset[Line]


@dataclass(frozen=True, slots=True)
class _Edge:
    """A line at the edge of a page."""

    index: int
    page: int
    line: Line
    place: tuple[int, float]
    """The turn of the text (negative at the foot) and how far from that side of the page the line stands."""
    far_out: bool
    """It stands in the top or bottom tenth of the page."""
    plain: bool
    """Its number, if any, may be the page's by where it stands."""
    row: int
    reading: Reading

    @property
    def side(self) -> tuple[int, int]:
        """What lines at one height share: direction, head or foot, and font size."""
        return self.place[0], round(self.line.size)


def running_lines(pages: Sequence[Page]) -> list[Running]:
    """Return the running lines of each page.

    They stand at a page's edge (its top and bottom tenth, and its first and last line wherever they stand), are no
    larger than body text, and say the same on page after page, at the same height or with a number that counts the
    pages. Rows of tables are none, heads that stand on each page included.
    """
    rows = [rows_of(page.lines) for page in pages]
    edges = [edge for i, page in enumerate(pages) for edge in _edges(i, page, rows[i])]
    body = body_size(line for page in pages for line in page.lines)
    count = len({page.number for page in pages})
    counting = _counting(edges, body, count)
    says = {edge: edge.reading.rest if edge in counting else edge.reading.text for edge in edges}
    running = {edge for edge in counting if edge.reading.is_bare}
    running |= _repeated([edge for edge in edges if edge not in running], says, counting, body, count)
    running -= _in_tables(running, counting, says, rows)
    running -= _labels(running, pages, rows)
    return _by_page(pages, running, counting)


def _edges(index: int, page: Page, rows: Sequence[Row]) -> Iterator[_Edge]:
    low, high = page.height * _MARGIN, page.height * (1 - _MARGIN)
    for n, row in enumerate(rows):
        outermost = n in {0, len(rows) - 1}
        for line in row:
            far_out = line.bottom < low or line.top > high
            if outermost or far_out:
                at_foot = line.top > page.height / 2
                place = (-1 - page.turn, page.height - line.bottom) if at_foot else (1 + page.turn, line.top)
                read = reading(line.text)
                plain = _may_count(read, page, row, line, outermost)
                yield _Edge(index, page.number, line, place, far_out, plain, n, read)


def _may_count(read: Reading, page: Page, row: Row, line: Line, outermost: bool) -> bool:
    """Say whether a number stands as page numbers do: named so, in a row of its own, or far from the rest of its row.

    "Invoice no.  7103" is a label with its value: they stand close together, or the number is far from the page's.
    """
    if read.number is None or read.worded:
        return read.number is not None
    if len(row) == 1 and read.is_bare:
        return outermost
    gaps = [_gap(line, other) for other in row if other is not line]
    apart = not gaps or min(gaps) > _APART * page.width
    return apart and abs(read.number - page.number) <= _HIGHEST_OFFSET


# --- which numbers count the pages ------------------------------------------------------------------------------------


def _counting(edges: Sequence[_Edge], body: float, count: int) -> set[_Edge]:
    """Return the edges whose number counts the pages: at one height, or on three pages in a row at any."""
    numbered = [edge for edge in edges if edge.plain and edge.line.size < body * _LARGE]
    found: set[_Edge] = set()
    for group in _grouped(numbered, lambda edge: edge.reading.pattern, lambda edge: False):
        if len({edge.page for edge in group}) >= min(_ENOUGH, max(2, count - 1)) and counts_pages(_numbers(group)):
            found |= set(group)
    alike: dict[Hashable, list[_Edge]] = defaultdict(list)
    for edge in numbered:
        alike[_pattern_of(edge)].append(edge)
    for same in alike.values():
        for run in _runs(sorted(same, key=lambda edge: (edge.page, edge.line.top))):
            found |= set(run) if len(run) >= _ENOUGH else set()
    return found


def _numbers(group: Iterable[_Edge]) -> list[tuple[int, int]]:
    return sorted((edge.page, edge.reading.number) for edge in group if edge.reading.number is not None)


def _runs(edges: Sequence[_Edge]) -> Iterator[list[_Edge]]:
    """Yield the runs of pages, each directly after the one before, whose numbers go up by one."""
    run: list[_Edge] = []
    for edge in edges:
        if run and edge.page == run[-1].page:
            continue
        if run and not (edge.page == run[-1].page + 1 and edge.reading.number == (run[-1].reading.number or 0) + 1):
            yield run
            run = []
        run.append(edge)
    if run:
        yield run


# --- which lines repeat -----------------------------------------------------------------------------------------------


def _repeated(
    edges: Sequence[_Edge], says: Mapping[_Edge, str], counting: Set[_Edge], body: float, count: int
) -> set[_Edge]:
    """Return the edges that say the same on enough pages: at one height, or wherever a number counts the pages."""
    small = [edge for edge in edges if edge.line.size < body * HEADING_RATIO]
    steady = _steady_patterns(small, says, count)
    found: set[_Edge] = set()
    for group in _grouped(small, lambda edge: says[edge], lambda edge: edge in counting):
        pages = {edge.page for edge in group}
        far_out = sum(edge.far_out for edge in group) * 2 > len(group) or group[0] in counting
        if (far_out or len(pages) * 2 > count) and _pattern_of(group[0]) in steady and _comes_again(pages, count):
            found |= set(group)
    return found


def _comes_again(pages: Set[int], count: int) -> bool:
    """Say whether a line on these pages runs on: three pages at a time in the mean, or three odd or even ones.

    The status of a certificate ("passed") may well stand on many pages, but not for long in a row.
    """
    if count <= _ENOUGH:
        return 1 < len(pages) == count
    between = range(min(pages), max(pages) + 1)
    facing = _stretches(between[::2], pages) + _stretches(between[1::2], pages)
    return len(pages) >= _ENOUGH * min(_stretches(between, pages), facing)


def _stretches(order: Iterable[int], pages: Set[int]) -> int:
    """Return how many unbroken stretches of the order are in `pages`."""
    return sum(inside for inside, _ in groupby(page in pages for page in order))


def _pattern_of(edge: _Edge) -> Hashable:
    return abs(edge.place[0]), round(edge.line.size), edge.reading.pattern


def _steady_patterns(edges: Iterable[_Edge], says: Mapping[_Edge, str], count: int) -> set[Hashable]:
    """Return the patterns whose numbers, page numbers apart, stay the same for three pages in the mean.

    "Total due: 49.00 EUR" belongs to its page even where a few invoices after each other are of the same amount.
    """
    found: dict[Hashable, list[tuple[int, str]]] = defaultdict(list)
    for edge in edges:
        found[_pattern_of(edge)].append((edge.page, says[edge]))
    enough = min(_ENOUGH, count)
    return {
        pattern
        for pattern, said in found.items()
        if len({page for page, _ in said}) >= enough * sum(1 for _ in groupby(text for _, text in sorted(said)))
    }


def _grouped(
    edges: Sequence[_Edge], key: Callable[[_Edge], Hashable], anywhere: Callable[[_Edge], bool]
) -> Iterator[list[_Edge]]:
    """Yield the edges of one side, size and key that stand at one height; those that may stand `anywhere` together."""
    alike: dict[Hashable, list[_Edge]] = defaultdict(list)
    for edge in edges:
        free = anywhere(edge)
        alike[(_pattern_of(edge) if free else edge.side), key(edge), free].append(edge)
    for group in alike.values():
        yield from [group] if anywhere(group[0]) else _at_one_height(group)


def _at_one_height(edges: Iterable[_Edge]) -> Iterator[list[_Edge]]:
    group: list[_Edge] = []
    for edge in sorted(edges, key=lambda edge: (edge.place[1], edge.page)):
        if group and edge.place[1] - group[-1].place[1] >= _SAME_PLACE:
            yield group
            group = []
        group.append(edge)
    if group:
        yield group


# --- rows of tables ---------------------------------------------------------------------------------------------------


def _in_tables(
    running: set[_Edge], counting: set[_Edge], says: Mapping[_Edge, str], rows: Sequence[Sequence[Row]]
) -> set[_Edge]:
    """Return the running lines that are rows of a table on most of their pages: its head, a line of totals."""
    lines = {(edge.index, edge.line) for edge in running}
    counted = {(edge.index, edge.row) for edge in running & counting}
    votes: dict[Hashable, list[tuple[_Edge, bool]]] = defaultdict(list)
    for edge in running - counting:
        page = rows[edge.index]
        inward = page[edge.row :] if edge.place[0] > 0 else page[edge.row :: -1]
        inside = (edge.index, edge.row) not in counted and _meets_table(inward, edge.index, lines)
        votes[edge.side, says[edge]].append((edge, inside))
    return {
        edge for found in votes.values() if sum(inside for _, inside in found) * 2 > len(found) for edge, _ in found
    }


def _meets_table(inward: Sequence[Row], index: int, running: Set[tuple[int, Line]]) -> bool:
    """Say whether a row of several cells stands over (or under) the cells of one that is no running line."""
    if len(inward[0]) < 2:
        return False
    for row, following in pairwise(inward):
        above, below = (row, following) if row[0].top < following[0].top else (following, row)
        if not near(above, below, _HEAD_GAP):
            return False
        if any((index, line) not in running for line in following):
            return len(following) > 1 and aligned(inward[0], following)
    return False


def _labels(running: Set[_Edge], pages: Sequence[Page], rows: Sequence[Sequence[Row]]) -> set[_Edge]:
    """Return the running lines with something else right beside them that does not run: the label of a value."""
    lines = {(edge.index, edge.line) for edge in running}
    return {
        edge
        for edge in running
        for other in rows[edge.index][edge.row]
        if (edge.index, other) not in lines and _gap(edge.line, other) < _APART * pages[edge.index].width
    }


def _gap(a: Line, b: Line) -> float:
    return max(a.left - b.right, b.left - a.right)


# --- what stays in the text -------------------------------------------------------------------------------------------


def _by_page(pages: Sequence[Page], running: set[_Edge], counting: set[_Edge]) -> list[Running]:
    lines: list[set[Line]] = [set() for _ in pages]
    for edge in running:
        lines[edge.index].add(edge.line)
    body = "\n".join(
        one_line(x.text).casefold() for page, out in zip(pages, lines, strict=True) for x in page.lines if x not in out
    )
    first: list[set[Line]] = [set() for _ in pages]
    said = set()
    for edge in sorted(running, key=lambda edge: (edge.index, edge.row, edge.line.left)):
        words = edge.reading.words if edge in counting else edge.reading.text
        if words and words not in said and words not in body:
            first[edge.index].add(edge.line)
        said.add(words)
    return [Running(frozenset(a), frozenset(b)) for a, b in zip(lines, first, strict=True)]


def body_size(lines: Iterable[Line]) -> float:
    """Return the font size, in points to a tenth, that most characters have."""
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[round(line.size, 1)] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 10.0
