"""Running headers and footers of PDF pages: lines at the edge that come again page after page; pure."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from ingest.clean import margin_key, repeated_lines
from ingest.partition.pdf_page import Line, Page, rows_of

_MARGIN = 0.1
_SAME_PLACE = 3.0
_RUN = 3
_LARGE = 1.3
_NUMBER = re.compile(r"\d{1,6}")


def running_lines(pages: Sequence[Page]) -> list[frozenset[Line]]:
    """Return the running lines of each page.

    They stand at a page's edge (its top and bottom tenth, and its first and last line wherever they stand) and, but for
    their numbers, on more than half of the pages; or on three pages in a row, at the same height or counting the pages.
    """
    edges = [_edge_lines(page) for page in pages]
    running = repeated_lines([[line.text for line in lines] for lines in edges])
    in_runs = _in_runs(pages, edges)
    return [
        frozenset(x for x in lines if margin_key(x.text) in running or (i, x) in in_runs)
        for i, lines in enumerate(edges)
    ]


def _edge_lines(page: Page) -> frozenset[Line]:
    rows = rows_of(page.lines)
    outermost = [*rows[0], *rows[-1]] if rows else []
    low, high = page.height * _MARGIN, page.height * (1 - _MARGIN)
    return frozenset(outermost) | {line for line in page.lines if line.bottom < low or line.top > high}


def _in_runs(pages: Sequence[Page], edges: Sequence[frozenset[Line]]) -> set[tuple[int, Line]]:
    """Return the edge lines, with their page's index, that come again on three pages in a row; large ones do not."""
    largest = body_size(line for page in pages for line in page.lines) * _LARGE
    places: dict[str, list[tuple[int, Line]]] = defaultdict(list)
    for i, lines in enumerate(edges):
        for line in lines:
            if line.size < largest:
                places[margin_key(line.text)].append((i, line))
    return {item for found in places.values() for run in _runs(found) if len(run) >= _RUN for item in run}


def _runs(found: Sequence[tuple[int, Line]]) -> Iterator[list[tuple[int, Line]]]:
    run: list[tuple[int, Line]] = []
    for i, line in sorted(found, key=lambda item: (item[0], item[1].top)):
        if run and run[-1][0] == i:
            continue
        if run and not (run[-1][0] == i - 1 and _comes_again(run[-1][1], line)):
            yield run
            run = []
        run.append((i, line))
    if run:
        yield run


def _comes_again(before: Line, line: Line) -> bool:
    if before.text == line.text:
        return abs(before.top - line.top) < _SAME_PLACE
    pairs = zip(_NUMBER.findall(before.text), _NUMBER.findall(line.text), strict=False)
    return [int(b) - int(a) for a, b in pairs if a != b] == [1]


def body_size(lines: Iterable[Line]) -> float:
    """Return the font size, in points to a tenth, that most characters have."""
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[round(line.size, 1)] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 10.0
