"""reStructuredText: the clean text is the file, with its tables as rows of cells between bars.

Headings, lists, tables and code are found by their lines.

Follows https://docutils.sourceforge.io/docs/ref/rst/restructuredtext.html as far as the layout needs it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ingest.partition.clean import one_line
from ingest.partition.encodings import read_text
from ingest.partition.includes import rst_includes
from ingest.partition.inline_roles import plain_rst
from ingest.partition.layout import Content, HeadingPath, fill_gaps, trimmed
from ingest.partition.rst_tables import read_table
from rag.types import Block, BlockKind, Span

_ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1+\s*\Z")
_LIST = re.compile(r"(?:[-*+•‣⁃]|\(?(?:\d+|[a-zA-Z]|#|[ivxlcdmIVXLCDM]+)[.)]|:[^:\s][^:]*:)(?:\s|\Z)")
_EXPLICIT = re.compile(r"\.\.(?:\s|\Z)")
_DIRECTIVE = re.compile(r"\.\.\s+(?:\|[^|]+\|\s+)?([\w:.+-]+?)\s*::(?:\s|\Z)")
_GRID = re.compile(r"\+(?:-+\+)+\s*\Z")
_SIMPLE = re.compile(r"=+(?: +=+)+\s*\Z")
_CODE = frozenset(
    """code code-block sourcecode highlight parsed-literal literalinclude prompt ipython math raw testcode testoutput
    testsetup testcleanup doctest productionlist graphviz digraph graph uml plantuml mermaid command-output""".split()
)
_TABLES = frozenset({"table", "list-table", "csv-table", "flat-table"})
_OPTION = re.compile(r":[\w-]+:")
# Fields at the top that only tell the builder what to do with the page.
_STEERING = re.compile(r"\s*((?::(?:orphan|tocdepth|nocomments|no-?search):[^\n]*(?:\n|\Z))+)")


@dataclass(frozen=True, slots=True)
class _Unit:
    """Lines `[first, last)` that are one block."""

    kind: BlockKind
    first: int
    last: int
    title: str = ""
    style: str = ""


def partition_rst(path: Path) -> Content:
    """Partition reStructuredText; heading levels follow the order in which their styles appear."""
    source, warnings = read_text(path)
    found = list(fill_gaps(source, list(_blocks(source))))
    text, blocks = _with_rows(source, found)
    return Content(text, tuple(blocks), "text/x-rst", warnings=(*warnings, *rst_includes(source, found)))


def _with_rows(source: str, blocks: list[Block]) -> tuple[str, list[Block]]:
    """Put the rows of drawn tables in the place of their drawings; what is between blocks stays."""
    texts: list[str] = []
    placed: list[Block] = []
    position = length = 0
    for block in blocks:
        gap, text, head = source[position : block.span.start], source[block.span.start : block.span.end], None
        table = read_table(text) if block.kind == "table" else None
        start = length + len(gap)
        if table and table.title:
            placed.append(Block("paragraph", Span(start, start + len(table.title)), block.headings))
            gap, start = f"{gap}{table.title}\n\n", start + len(table.title) + 2
        if table:
            text, head = table.text, table.head
        texts += (gap, text)
        placed.append(replace(block, span=Span(start, start + len(text)), head=head))
        length, position = start + len(text), block.span.end
    return "".join([*texts, source[position:]]), placed


def _blocks(text: str) -> Iterator[Block]:
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    headings, styles = HeadingPath(), list[str]()
    steering = _STEERING.match(text)
    first = text.count("\n", 0, steering.end()) if steering else 0
    front = trimmed(text, 0, steering.end()) if steering else None
    if front:
        yield Block("front_matter", front)
    for unit in _Lines(lines).units(first, len(lines), 0):
        span = trimmed(text, starts[unit.first], min(starts[unit.last], len(text)))
        if span is None:
            continue
        if unit.kind != "heading":
            yield Block(unit.kind, span, headings.path)
            continue
        if unit.style not in styles:
            styles.append(unit.style)
        level = min(6, styles.index(unit.style) + 1)
        yield Block("heading", span, headings.enter(level, plain_rst(unit.title)), level)


class _Lines:
    """Finds the units among lines by their first characters and their indentation."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = [line.expandtabs(8).rstrip() for line in lines]

    def units(self, at: int, end: int, base: int) -> Iterator[_Unit]:
        """Yield the units among lines `[at, end)`, whose text stands `base` columns in."""
        is_literal = False
        while at < end:
            if not self._lines[at]:
                at += 1
                continue
            unit = self._literal(at, end, base) if is_literal else None
            if unit is None:
                unit = self._unit(at, end, base)
            if unit.kind == "paragraph" and self._is_directive(unit.first, base):
                yield from self._directive(unit, base)
            else:
                yield unit
            # Two colons at the end of a paragraph announce a literal block.
            is_literal = unit.kind == "paragraph" and self._lines[unit.last - 1].endswith("::")
            at = unit.last

    def _unit(self, at: int, end: int, base: int) -> _Unit:
        line = self._lines[at][base:]
        heading = self._heading(at, end) if base == 0 else None
        if heading:
            return heading
        if _GRID.match(line):
            return _Unit("table", at, self._paragraph_end(at, end))
        if _SIMPLE.match(line):
            return _Unit("table", at, self._simple_table_end(at, end))
        if line.startswith(">>>"):
            return _Unit("code", at, self._paragraph_end(at, end))
        if _EXPLICIT.match(line):
            return _Unit("paragraph", at, self._indented_end(at + 1, end, base))
        if _LIST.match(line):
            return _Unit("list_item", at, self._item_end(at, end, base))
        last = self._paragraph_end(at, end)
        # A line with indented lines right below it is a term with its definition.
        is_term = at + 1 < last and self._indent(at) == base < self._indent(at + 1)
        return (
            _Unit("list_item", at, self._indented_end(at + 1, end, base)) if is_term else _Unit("paragraph", at, last)
        )

    def _heading(self, at: int, end: int) -> _Unit | None:
        over = _ADORNMENT.match(self._lines[at])
        if over and at + 2 < end and self._lines[at + 1] and self._lines[at + 2] == self._lines[at]:
            return _Unit("heading", at, at + 3, one_line(self._lines[at + 1]), over.group(1) * 2)
        under = _ADORNMENT.match(self._lines[at + 1]) if at + 1 < end and self._indent(at) == 0 and not over else None
        if not under or len(self._lines[at + 1]) < min(len(self._lines[at]), 4):
            return None
        return _Unit("heading", at, at + 2, one_line(self._lines[at]), under.group(1))

    def _literal(self, at: int, end: int, base: int) -> _Unit | None:
        if self._indent(at) <= base:
            return None
        return _Unit("code", at, self._indented_end(at, end, base))

    def _is_directive(self, at: int, base: int) -> bool:
        return bool(_DIRECTIVE.match(self._lines[at][base:]))

    def _directive(self, unit: _Unit, base: int) -> Iterator[_Unit]:
        """Yield a directive: code and tables whole, others as their first lines and the units of their body.

        The first paragraph of the body stands with the first lines: it says what the name in them means.
        """
        match = _DIRECTIVE.match(self._lines[unit.first][base:])
        name = match.group(1).rpartition(":")[2] if match else ""
        if name in _CODE or name in _TABLES:
            yield _Unit("code" if name in _CODE else "table", unit.first, unit.last)
            return
        body = unit.first + 1
        while body < unit.last and (self._lines[body] and not self._starts_body(body, base)):
            body += 1
        inner = min((self._indent(at) for at in range(body, unit.last) if self._lines[at]), default=0)
        units = self.units(body, unit.last, inner) if inner > base else iter(())
        second = next(units, None)
        if second and second.kind == "paragraph" and not _EXPLICIT.match(self._lines[second.first][inner:]):
            yield _Unit("paragraph", unit.first, second.last)
        else:
            yield _Unit("paragraph", unit.first, body)
            yield from (second,) if second else ()
        yield from units

    def _starts_body(self, at: int, base: int) -> bool:
        return self._indent(at) > base and not _OPTION.match(self._lines[at].lstrip())

    def _paragraph_end(self, at: int, end: int) -> int:
        while at < end and self._lines[at]:
            at += 1
        return at

    def _simple_table_end(self, at: int, end: int) -> int:
        """Return the line below the last border: the one that a blank line or the end follows."""
        for last in range(at + 1, end):
            closes = last + 1 >= end or not self._lines[last + 1]
            if closes and _SIMPLE.match(self._lines[last].strip()) and last > at + 1:
                return last + 1
        return self._paragraph_end(at, end)

    def _indented_end(self, at: int, end: int, base: int) -> int:
        """Return where lines that are blank or deeper than `base` end, less the blank ones at the end."""
        last = at
        while at < end and (not self._lines[at] or self._indent(at) > base):
            at += 1
            if self._lines[at - 1]:
                last = at
        return last

    def _item_end(self, at: int, end: int, base: int) -> int:
        last = at + 1
        # Lines that go on at the item's own indentation are its text, unless an item starts there.
        while last < end and self._lines[last] and not _LIST.match(self._lines[last][base:]):
            if self._indent(last) < base:
                return last
            last += 1
        return max(last, self._indented_end(last, end, base))

    def _indent(self, at: int) -> int:
        line = self._lines[at]
        return len(line) - len(line.lstrip())
