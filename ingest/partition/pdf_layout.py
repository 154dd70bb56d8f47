"""From the lines of PDF pages to headings, paragraphs, list items, tables and running lines; pure geometry.

unstructured's `fast` strategy reads the same text layer but drops font sizes and column positions, so headings and
tables are recovered here instead.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ingest.partition.clean import KeepsHyphen, join_placed
from ingest.partition.layout import Piece
from ingest.partition.pdf_columns import prose_columns, regions
from ingest.partition.pdf_margins import HEADING_RATIO, body_size, running_lines
from ingest.partition.pdf_page import CURRENCIES, Line, Page, Row, joined, rows_of
from ingest.partition.pdf_tables import Table, table_rows, tables
from ingest.partition.pdf_titles import page_titles
from rag.types import BlockKind, Box

_BULLET = re.compile(r"(?:[•●▪◦‣·–—*-]|\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,4})[.)])(?=\s|$)")
_BULLET_ONLY = re.compile(_BULLET.pattern + r"\s*\Z")
_SENTENCE_END = re.compile(r"[.;:!?,]\s*\Z")
_HEADING_CHARS = 120
_BODY_CHARS = 500
_JUSTIFIED_GAP = 2.5
_JUSTIFIED_SPREAD = 0.3
_CLOSING = frozenset([")", "%", ")%", "%)"])
_FIGURE = re.compile(r"[\d(.,—–-]")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")


def pieces(pages: Sequence[Page]) -> Iterator[Piece]:
    """Yield the pieces of all pages in reading order, then the running headers and footers, page by page.

    Running lines that say something new come first, as text: so they are in a chunk, and no offset before them moves.
    """
    running = running_lines(pages)
    bodies = [_without(page, found.lines) for page, found in zip(pages, running, strict=True)]
    style = _Style.of(bodies)
    setter = _Setter(_keeps_hyphen(line.text for page in bodies for line in page.lines))
    before: Piece | Table | None = None
    for page in bodies:
        for n, part in enumerate(_parts(page, style.on(page), setter)):
            continued = (
                part.going_on(before) if n == 0 and isinstance(part, Table) and isinstance(before, Table) else None
            )
            before = continued or part
            yield before if isinstance(before, Piece) else setter.table(page, before, repeated=continued is not None)
    for page, found in zip(pages, running, strict=True):
        if found.first:
            yield setter.piece("paragraph", page, rows_of(found.first), separator="\n")
    for page, found in zip(pages, running, strict=True):
        if found.lines > found.first:
            yield setter.piece("margin", page, rows_of(found.lines - found.first), separator="\n")


def _body_pieces(pages: Sequence[Page], style: _Style, setter: _Setter) -> Iterator[Piece]:
    """Yield the pieces of all pages; a table that goes on at the top of the next page has its head there too."""
    before: tuple[int, Piece | Table] | None = None
    for page in pages:
        for n, part in enumerate(_parts(page, style.on(page), setter)):
            rest = _going_on(part, before, page.number) if n == 0 else None
            before = page.number, rest or part
            yield part if isinstance(part, Piece) else setter.table(page, rest or part, repeated=rest is not None)


def _going_on(part: Piece | Table, before: tuple[int, Piece | Table] | None, page: int) -> Table | None:
    if before is None or before[0] != page - 1 or isinstance(part, Piece) or isinstance(before[1], Piece):
        return None
    return part.going_on(before[1])


def _without(page: Page, lines: frozenset[Line]) -> Page:
    return Page(page.number, page.width, page.height, tuple(x for x in page.lines if x not in lines), page.turn)


def _keeps_hyphen(lines: Iterable[str]) -> KeepsHyphen:
    """Return a judge of hyphens at line ends that knows the words of this file.

    A word that the file also writes in one piece loses the hyphen, one that it also writes with it keeps it; otherwise
    it stays between two halves that are words of the file themselves.
    """
    known: Counter[str] = Counter()
    for line in lines:
        words = [word.casefold() for word in _WORD.findall(line)]
        whole = words[:-1] if line.endswith("-") else words
        known.update(whole)
        known.update(part for word in whole if "-" in word for part in word.split("-"))

    def keeps(before: str, after: str) -> bool:
        before, after = before.casefold(), after.casefold()
        if before + after in known:
            return False
        return f"{before}-{after}" in known or (before in known and after in known)

    return keeps


@dataclass(frozen=True, slots=True)
class _Setter:
    """Sets lines as text and remembers where each of them stands."""

    keeps_hyphen: KeepsHyphen

    def piece(self, kind: BlockKind, page: Page, rows: Sequence[Row], level: int = 0, separator: str = "") -> Piece:
        """Return a piece of running text; with a `separator` the rows stay apart."""
        text = ""
        boxes: list[Box] = []
        for lines in rows if separator else [[line for row in rows for line in row]]:
            text += separator if text else ""
            part, ranges = join_placed([line.text for line in lines], self.keeps_hyphen)
            boxes += _boxes(page, lines, ranges, len(text))
            text += part
        return Piece(kind, text, level, page.number, tuple(boxes))

    def table(self, page: Page, table: Table, *, repeated: bool = False) -> Piece:
        """Return a table: a line for each row, its cells joined by ' | '.

        A `repeated` head stands on an earlier page: it names the columns here too, but has no box.
        """
        text = ""
        boxes: list[Box] = []
        for n, cells in enumerate([table.head, *table.body] if table.head else table.body):
            text += "\n" if text else ""
            last = max((i for i, cell in enumerate(cells) if cell), default=0)
            for i, cell in enumerate(cells[: last + 1]):
                text += "" if i == 0 else " | " if cells[0] or i > 1 else "| "
                # A bar inside a cell parts no columns.
                part, ranges = join_placed([line.text.replace("|", "\\|") for line in cell], self.keeps_hyphen)
                boxes += _boxes(page, cell, ranges, len(text)) if n or not repeated else ()
                text += part
        head = 1 if table.head and (repeated or table.has_certain_head) else None
        return Piece("table", text, 0, page.number, tuple(boxes), head)


def _boxes(page: Page, lines: Sequence[Line], ranges: Sequence[tuple[int, int]], offset: int) -> Iterator[Box]:
    for line, (start, end) in zip(lines, ranges, strict=True):
        if start < end:
            yield page.box(line, start + offset, end + offset)


_Look = tuple[bool, float, bool]
"""What a heading looks like: larger than body text, its size (bold ones: in parts of body text), all in capitals."""


@dataclass(frozen=True, slots=True)
class _Style:
    """What body text looks like in this file, and the level of each look that its headings have."""

    body: float
    page_body: float
    """Of the page at hand: a table set small, or a page scaled up."""
    bold_body: bool
    levels: Mapping[_Look, int]
    titles: frozenset[Line] = frozenset()
    """Lines that are headings whatever they look like: they name their page."""

    @classmethod
    def of(cls, pages: Sequence[Page]) -> _Style:
        lines = [line for page in pages for line in page.lines]
        bold = sum(len(line.text) for line in lines if line.bold) * 2 > sum(len(line.text) for line in lines)
        plain = cls(body_size(lines), body_size(lines), bold, {})
        plain = replace(plain, titles=page_titles(pages, plain.body, lambda line: plain.look([line]) is not None))
        looks: dict[_Look, set[int]] = {}
        for page in pages:
            style = plain.on(page)
            for line in page.lines:
                look = style.look([line])
                if look:
                    looks.setdefault(look, set()).add(page.number)
        return replace(plain, levels=_levels(looks))

    def on(self, page: Page) -> _Style:
        """Return the style of one page, if there is enough text on it to tell."""
        enough = sum(len(line.text) for line in page.lines) >= _BODY_CHARS
        return replace(self, page_body=body_size(page.lines) if enough else self.body)

    def look(self, lines: Sequence[Line]) -> _Look | None:
        """Return what the lines look like if they look like a heading."""
        if lines[0] in self.titles:
            return True, float(round(lines[0].size)), False
        text = " ".join(line.text for line in lines)
        if len(text) > _HEADING_CHARS or not any(c.isalpha() for c in text):
            return None
        size = min(line.size for line in lines)
        if size >= max(self.body, self.page_body) * HEADING_RATIO:
            return True, float(round(size)), False
        bold = all(line.bold for line in lines) and not self.bold_body
        ratio = size / min(self.body, self.page_body)
        if bold and ratio >= 0.98 and not _SENTENCE_END.search(text) and len(text.split()) <= 14:
            return False, min(round(ratio, 1), 1.1), text.isupper()
        return None

    def names_page(self, row: Row) -> bool:
        """Say whether a row is a heading on its own, whatever stands around it."""
        return row[0] in self.titles

    def level(self, rows: Sequence[Row]) -> int:
        """Return the heading level 1..6 of a paragraph's rows, 0 for body text."""
        look = self.look([line for row in rows for line in row]) if len(rows) <= 3 else None
        return min(6, self.levels.get(look, len(self.levels) + 1)) if look else 0


def _levels(looks: Mapping[_Look, set[int]]) -> dict[_Look, int]:
    """Rank looks: large before bold, larger before smaller, capitals first; what only a cover shows nests nothing."""
    ordered = sorted(looks, reverse=True)
    cover = (
        {look for look in ordered if looks[look] == {1}} if any(max(pages) > 2 for pages in looks.values()) else set()
    )
    titled = bool(ordered) and ordered[0] in cover
    inside = [look for look in ordered if look not in cover]
    levels = {look: rank + titled for rank, look in enumerate(inside, start=1)}
    return levels | {look: 1 if look == ordered[0] else 6 for look in cover}


def _merged(row: Row) -> Row:
    """Join a bullet to the text after it, a currency sign to the figure after it, a closing sign to that before it."""
    if _is_justified(row):
        return [joined(row)]
    merged: Row = []
    for line in row:
        before = merged[-1] if merged else None
        if before is None:
            merged.append(line)
        elif len(merged) == 1 and _BULLET_ONLY.fullmatch(before.text) and before.text not in "—–":
            merged[-1] = _joined_as(line, [before, line], " ")
        elif before.text in CURRENCIES and _FIGURE.match(line.text):
            merged[-1] = _joined_as(line, [before, line], "")
        elif line.text in _CLOSING and before.text[-1:].isdigit() and line.left - before.right < 2 * line.size:
            merged[-1] = _joined_as(before, [before, line], "")
        else:
            merged.append(line)
    return merged


def _is_justified(row: Row) -> bool:
    """Say whether a row is one line of prose whose words full justification drew far apart: equally far."""
    gaps = [b.left - a.right for a, b in pairwise(row)]
    if len(gaps) < 4 or max(gaps) > _JUSTIFIED_GAP * row[0].size:
        return False
    lower = sum(line.text[0].islower() for line in row)
    return max(gaps) - min(gaps) < _JUSTIFIED_SPREAD * row[0].size and lower * 2 > len(row)


def _joined_as(style: Line, lines: Sequence[Line], separator: str) -> Line:
    whole = joined(lines, separator)
    return Line(whole.text, whole.left, whole.top, whole.right, whole.bottom, style.size, style.bold)


def _parts(page: Page, style: _Style, setter: _Setter) -> Iterator[Piece | Table]:
    for region in regions(page):
        yield from _region_parts([_merged(row) for row in region], style, page, setter)


def _region_parts(rows: Sequence[Row], style: _Style, page: Page, setter: _Setter) -> Iterator[Piece | Table]:
    tabular = [mark and not style.names_page(row) for mark, row in zip(table_rows(rows), rows, strict=True)]
    start = 0
    while start < len(rows):
        end = start + 1
        while end < len(rows) and tabular[end] == tabular[start]:
            end += 1
        columns, taken = prose_columns(rows[start:], end - start) if tabular[start] else ([], 0)
        if columns:
            end = start + taken
            for column in columns:
                yield from _paragraphs([[line] for line in column], style, page, setter)
        elif tabular[start]:
            yield from tables(rows[start:end])
        else:
            yield from _paragraphs(rows[start:end], style, page, setter)
        start = end


def _paragraphs(rows: Sequence[Row], style: _Style, page: Page, setter: _Setter) -> Iterator[Piece]:
    pitch = _pitch(rows)
    group: list[Row] = []
    for row in rows:
        if group and (style.names_page(group[0]) or style.names_page(row) or _breaks(group, row, pitch)):
            yield _paragraph(group, style, page, setter)
            group = []
        group.append(row)
    if group:
        yield _paragraph(group, style, page, setter)


def _pitch(rows: Sequence[Row]) -> float:
    """Return the usual distance between the baselines of a paragraph's lines."""
    steps = sorted(b[0].bottom - a[0].bottom for a, b in pairwise(rows) if a[0].bottom < b[0].bottom)
    return steps[(len(steps) - 1) // 4] if steps else 0.0


def _breaks(group: Sequence[Row], row: Row, pitch: float) -> bool:
    last, first = group[-1][0], row[0]
    step = first.bottom - last.bottom
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


def _paragraph(rows: Sequence[Row], style: _Style, page: Page, setter: _Setter) -> Piece:
    level = style.level(rows)
    kind: BlockKind = "heading" if level else "list_item" if _BULLET.match(rows[0][0].text) else "paragraph"
    return setter.piece(kind, page, rows, level)
