"""The titles of pages that are a form each: "Invoice 7103" at the top of one invoice a page; pure."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from ingest.partition.clean import one_line
from ingest.partition.pdf_page import Line, Page, rows_of

_TOP_ROWS = 4
_SAME_PLACE = 3.0
_TITLE_CHARS = 60
_NOT_SMALL = 0.98
_DIGITS = re.compile(r"\d+")
_SENTENCE_END = re.compile(r"[.;:!?,]\s*\Z")


def page_titles(pages: Sequence[Page], body: float, is_heading: Callable[[Line], bool]) -> frozenset[Line]:
    """Return the lines that tell most pages of a file apart by a number, at one height among the first of each page.

    Without them the text of a page could not be told from that of the next: every invoice has its "Total due". There
    are none where these lines look like headings anyway, or where a table or list fills the pages.
    """
    found: dict[tuple[str, int], list[tuple[int, Line]]] = defaultdict(list)
    for page in pages:
        for line in _first_lines(page, body):
            found[_pattern(line), round(line.left)].append((page.number, line))
    count = len({page.number for page in pages})
    groups = [[line for _, line in same] for same in found.values() if 2 * len({page for page, _ in same}) > count]
    titles = min(filter(_tells_apart, groups), key=lambda group: (":" in group[0].text, group[0].top), default=[])
    return frozenset() if any(map(is_heading, titles)) else frozenset(titles)


def _tells_apart(lines: Sequence[Line]) -> bool:
    tops = [line.top for line in lines]
    return max(tops) - min(tops) < _SAME_PLACE and len({line.text for line in lines}) > 1


def _first_lines(page: Page, body: float) -> list[Line]:
    """Return the lines at the top of a page that could be its title; those of a list are none."""
    rows = rows_of(page.lines)[: _TOP_ROWS + 1]
    alike = Counter(_pattern(line) for row in rows for line in row)
    return [row[0] for row in rows[:_TOP_ROWS] if len(row) == alike[_pattern(row[0])] == 1 and _is_title(row[0], body)]


def _pattern(line: Line) -> str:
    return _DIGITS.sub("#", one_line(line.text).casefold())


def _is_title(line: Line, body: float) -> bool:
    text = line.text.strip()
    numbered = text[:1].isalpha() and _DIGITS.search(text) is not None and len(text) <= _TITLE_CHARS
    return numbered and line.size >= _NOT_SMALL * body and not _SENTENCE_END.search(text)
