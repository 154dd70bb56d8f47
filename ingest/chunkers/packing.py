"""Fills chunks with the blocks of a section: lists, tables and code stay whole if they fit, tables break at rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ingest.chunkers.assemble import Assembler, Cut, common_path
from ingest.chunkers.measure import Ruler, lines, sentence_ranges
from ingest.clean import clip
from rag.types import Block, BlockKind, Span

_TABLE_HEAD_CHARS = (400, 200, 120, 60)
_BREAKABLE: frozenset[BlockKind] = frozenset({"paragraph", "list_item", "table"})


@dataclass(frozen=True, slots=True)
class _Unit:
    """Something that stays whole if it fits: a paragraph, a table, a list with the line that introduces it."""

    kind: BlockKind
    span: Span
    headings: tuple[str, ...]


class Packer:
    """Fills chunks with the units of one group, breaking those that are too long for a chunk of their own.

    `path` are the headings of every chunk; by default those that the blocks share, with a table's first row for the
    chunks that hold rows below it.
    """

    def __init__(
        self,
        ruler: Ruler,
        assembler: Assembler,
        group: Sequence[Block],
        overlap: int,
        path: tuple[str, ...] | None = None,
    ) -> None:
        self._ruler = ruler
        self._assembler = assembler
        self._overlap = overlap
        self._fixed = path is not None
        self.path = path if path is not None else common_path([block.headings for block in group])
        # The sections' own headers are longer than the common one: room for those is room enough.
        paths = {self.path, *(block.headings for block in group)}
        self._limit = min(assembler.room(each) for each in paths) - overlap
        self._units = _units(group, ruler, self._limit)
        self._current: Cut | None = None

    def cuts(self) -> Iterator[Cut]:
        """Yield the ranges of the group, in order."""
        previous: Span | None = None
        for cut in self._packed():
            span = cut.span
            if previous and self._overlap and cut.headings == self.path:
                start = self._ruler.before(span.start, self._overlap, previous.start + 1)
                span = Span(start, span.end)
            previous = cut.span
            yield Cut(span, cut.headings)

    def _packed(self) -> Iterator[Cut]:
        bare = False
        for unit in self._units:
            whole = self._ruler.fits(unit.span, self._limit)
            if self._extend(Cut(unit.span, self.path), self._limit):
                bare = unit.kind == "heading" and (bare or self._current == Cut(unit.span, self.path))
            elif whole and not (bare and unit.kind in _BREAKABLE):
                yield from self._flush()
                self._current, bare = Cut(unit.span, self.path), unit.kind == "heading"
            else:
                yield from self._broken(unit)
                bare = False
        yield from self._flush()

    def _broken(self, unit: _Unit) -> Iterator[Cut]:
        """Fill chunks with the rows, lines or sentences of a unit; rows below the first carry the table's head."""
        path, limit = self.path, self._limit
        below, below_limit = self._below_head(unit) if unit.kind == "table" else (path, limit)
        for part in self._parts(unit, below_limit):
            if not self._extend(Cut(part, path), limit):
                yield from self._flush()
                if part.start > unit.span.start:
                    path, limit = below, below_limit
                self._current = Cut(part, path)

    def _below_head(self, unit: _Unit) -> tuple[tuple[str, ...], int]:
        """Return the headings of rows below a table's first, as much of which is shown as a header may hold."""
        if self._fixed:
            return self.path, self._limit
        rows = self._ruler.text[unit.span.start : unit.span.end].split("\n", 4)[:4]
        # A table of reStructuredText begins with its border.
        head = next((row for row in rows if any(char.isalnum() for char in row)), rows[0])
        for size in _TABLE_HEAD_CHARS:
            path = (*self.path, clip(head, size))
            if self._assembler.shows(path):
                break
        return path, min(self._limit, self._assembler.room(path))

    def _parts(self, unit: _Unit, limit: int) -> Iterator[Span]:
        by_line = unit.kind in {"table", "code"}
        for part in self._ruler.parts(unit.span, lines if by_line else sentence_ranges):
            yield from self._ruler.split(part, limit, ())

    def _extend(self, cut: Cut, limit: int) -> bool:
        """Take a range into the current chunk if it fits."""
        span = Span(self._current.span.start, cut.span.end) if self._current else cut.span
        if not self._ruler.fits(span, limit):
            return False
        self._current = Cut(span, self._current.headings if self._current else cut.headings)
        return True

    def _flush(self) -> Iterator[Cut]:
        if self._current:
            yield self._current
        self._current = None


def _units(blocks: Sequence[Block], ruler: Ruler, room: int) -> list[_Unit]:
    """Return the units of a group: list items join each other and the line above that ends in a colon."""
    units: list[_Unit] = []
    for block in blocks:
        unit = _Unit(block.kind, block.span, block.headings)
        if units and _in_list(units[-1], unit, ruler, room):
            unit = _Unit("list_item", Span(units.pop().span.start, block.span.end), block.headings)
        units.append(unit)
    return units


def _in_list(previous: _Unit, unit: _Unit, ruler: Ruler, room: int) -> bool:
    introduces = previous.kind == "paragraph" and ruler.text[previous.span.end - 1] == ":"
    listed = unit.kind == "list_item" and (previous.kind == "list_item" or introduces)
    return listed and ruler.tokens(previous.span.start, unit.span.end) <= room
