"""Fills chunks with the blocks of a section: lists, tables and code stay whole if they fit, tables break at rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ingest.chunkers.assemble import Assembler, Cut, common_path
from ingest.chunkers.measure import Ruler, lines, sentence_ranges
from rag.types import Block, BlockKind, Head, Span

_BREAKABLE: frozenset[BlockKind] = frozenset({"paragraph", "list_item", "table"})


@dataclass(frozen=True, slots=True)
class _Unit:
    """Something that stays whole if it fits: a paragraph, a table, a list with the line that introduces it."""

    kind: BlockKind
    span: Span
    headings: tuple[str, ...]


class Packer:
    """Fills chunks with the units of one group, breaking those that are too long for a chunk of their own.

    The headings of every chunk are those that the blocks share.
    """

    def __init__(self, ruler: Ruler, assembler: Assembler, group: Sequence[Block], overlap: int) -> None:
        self._ruler = ruler
        self._assembler = assembler
        self._overlap = overlap
        self.path = common_path([block.headings for block in group])
        # The sections' own headers are longer than the common one: room for those is room enough.
        self._paths = {self.path, *(block.headings for block in group)}
        self._limit = self._room(None)
        self._units = _units(group, ruler, self._limit)
        self._current: Cut | None = None

    def cuts(self) -> Iterator[Cut]:
        """Yield the ranges of the group, in order."""
        previous: Span | None = None
        for cut in self._packed():
            span = cut.span
            # Rows below a head need none of the rows before them, and the head takes the room.
            if previous and self._overlap and self._assembler.tables.head_above(span.start) is None:
                start = self._ruler.before(span.start, self._overlap, previous.start + 1)
                span = Span(start, span.end) if self._assembler.tables.head_above(start) is None else span
            previous = cut.span
            yield Cut(span, cut.headings)

    def _packed(self) -> Iterator[Cut]:
        bare = False
        for unit in self._units:
            whole = self._ruler.fits(unit.span, self._limit_at(unit.span.start))
            if self._extend(unit.span):
                bare = unit.kind == "heading" and (bare or self._current == Cut(unit.span, self.path))
            elif whole and not (bare and unit.kind in _BREAKABLE):
                yield from self._flush()
                self._current, bare = Cut(unit.span, self.path), unit.kind == "heading"
            else:
                yield from self._broken(unit)
                bare = False
        yield from self._flush()

    def _broken(self, unit: _Unit) -> Iterator[Cut]:
        """Fill chunks with the rows, lines or sentences of a unit; rows below a head leave room for it."""
        for part in self._parts(unit):
            if not self._extend(part):
                yield from self._flush()
                self._current = Cut(part, self.path)

    def _room(self, head: Head | None) -> int:
        return min(self._assembler.room(each, head) for each in self._paths) - self._overlap

    def _limit_at(self, start: int) -> int:
        """Return how many tokens a chunk may have that starts here: fewer below the head of a table."""
        head = self._assembler.tables.head_above(start)
        return self._limit if head is None else min(self._limit, self._room(head))

    def _parts(self, unit: _Unit) -> Iterator[Span]:
        by_line = unit.kind in {"table", "code"}
        for part in self._ruler.parts(unit.span, lines if by_line else sentence_ranges):
            yield from self._ruler.split(part, min(self._limit_at(part.start), self._limit_at(part.end - 1)), ())

    def _extend(self, part: Span) -> bool:
        """Take a range into the current chunk if it fits."""
        span = Span(self._current.span.start, part.end) if self._current else part
        if not self._ruler.fits(span, self._limit_at(span.start)):
            return False
        self._current = Cut(span, self.path)
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
