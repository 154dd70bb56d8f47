"""The heading-aware chunker: sections stay apart, tables break between rows, lists and code stay whole if they fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ingest.chunkers.assemble import Assembler, Cut, common_path
from ingest.chunkers.measure import Ruler, lines, sentence_ranges, words
from ingest.clean import clip
from ingest.partition.layout import fill_gaps
from rag.ports import Tokenizer
from rag.settings import ChunkerSettings
from rag.types import NOT_CHUNKED, Block, BlockKind, Chunk, Document, Span

_TINY_SHARE = 3
_TABLE_HEAD_CHARS = 200
_BREAKABLE: frozenset[BlockKind] = frozenset({"paragraph", "list_item", "table"})


@dataclass(frozen=True, slots=True)
class _Unit:
    """Something that stays whole if it fits: a paragraph, a table, a list with the line that introduces it."""

    kind: BlockKind
    span: Span
    headings: tuple[str, ...]


def heading(document: Document, tokenizer: Tokenizer, settings: ChunkerSettings) -> list[Chunk]:
    """Pack the blocks of each section; tiny neighbours under one parent share a chunk."""
    assembler = Assembler(document, tokenizer, settings)
    ruler = Ruler.of(document.text, tokenizer)
    blocks = [block for block in fill_gaps(document.text, document.blocks) if block.kind not in NOT_CHUNKED]
    cuts: list[Cut] = []
    for group in _groups(_sections(blocks), ruler, assembler, settings.max_tokens):
        cuts += _Packer(ruler, assembler, group, settings.overlap_tokens).cuts()
    return assembler.chunks(cuts)


def _sections(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Yield the blocks under one path of headings, the heading first."""
    section: list[Block] = []
    for block in blocks:
        if section and (block.kind == "heading" or block.headings != section[-1].headings):
            yield section
            section = []
        section.append(block)
    if section:
        yield section


def _groups(
    sections: Iterator[list[Block]], ruler: Ruler, assembler: Assembler, max_tokens: int
) -> Iterator[list[Block]]:
    """Yield sections, those joined that belong together and fit.

    A heading without a text of its own goes to its first subsection; tiny sections under one parent join.
    """
    group: list[Block] = []
    for section in sections:
        if group and _joins(group, section, ruler, assembler, max_tokens):
            group = [*group, *section]
        else:
            if group:
                yield group
            group = section
    if group:
        yield group


def _joins(
    group: Sequence[Block], section: Sequence[Block], ruler: Ruler, assembler: Assembler, max_tokens: int
) -> bool:
    below = section[0].headings
    if all(block.kind == "heading" for block in group) and below[: len(group[-1].headings)] == group[-1].headings:
        return True
    parent = below[:-1]
    if not all(parent in (block.headings, block.headings[:-1]) for block in group):
        return False
    together = ruler.tokens(group[0].span.start, section[-1].span.end)
    parts = (ruler.tokens(part[0].span.start, part[-1].span.end) for part in (group, section))
    return together <= assembler.room(below) and min(parts) * _TINY_SHARE <= max_tokens


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
    introduces = previous.kind == "paragraph" and ruler.text[: previous.span.end].endswith(":")
    listed = unit.kind == "list_item" and (previous.kind == "list_item" or introduces)
    return listed and ruler.tokens(previous.span.start, unit.span.end) <= room


class _Packer:
    """Fills chunks with the units of one group, breaking those that are too long for a chunk of their own."""

    def __init__(self, ruler: Ruler, assembler: Assembler, group: Sequence[Block], overlap: int) -> None:
        self._ruler = ruler
        self._assembler = assembler
        self._overlap = overlap
        self._path = common_path([block.headings for block in group])
        # The sections' own headers are longer than the common one: room for those is room enough.
        self._limit = min(assembler.room(block.headings) for block in group) - overlap
        self._units = _units(group, ruler, self._limit)
        self._current: Cut | None = None

    def cuts(self) -> Iterator[Cut]:
        """Yield the ranges of the group, in order."""
        previous: Span | None = None
        for cut in self._packed():
            span = cut.span
            if previous and self._overlap and cut.headings == self._path:
                start = self._ruler.before(span.start, self._overlap, previous.start + 1)
                span = Span(start, span.end)
            previous = cut.span
            yield Cut(span, cut.headings)

    def _packed(self) -> Iterator[Cut]:
        bare = False
        for unit in self._units:
            whole = self._ruler.fits(unit.span, self._limit)
            if self._extend(Cut(unit.span, self._path), self._limit):
                bare = unit.kind == "heading" and (bare or self._current == Cut(unit.span, self._path))
            elif whole and not (bare and unit.kind in _BREAKABLE):
                yield from self._flush()
                self._current, bare = Cut(unit.span, self._path), unit.kind == "heading"
            else:
                yield from self._broken(unit)
                bare = False
        yield from self._flush()

    def _broken(self, unit: _Unit) -> Iterator[Cut]:
        """Fill chunks with the rows, lines or sentences of a unit; rows below the first carry the table's head."""
        path, limit = self._path, self._limit
        for part in self._parts(unit):
            if not self._extend(Cut(part, path), limit):
                yield from self._flush()
                if unit.kind == "table" and part.start > unit.span.start:
                    path, limit = self._below_head(unit)
                self._current = Cut(part, path)

    def _below_head(self, unit: _Unit) -> tuple[tuple[str, ...], int]:
        head = self._ruler.text[unit.span.start : unit.span.end].partition("\n")[0]
        path = (*self._path, clip(head, _TABLE_HEAD_CHARS))
        return path, min(self._limit, self._assembler.room(path))

    def _parts(self, unit: _Unit) -> Iterator[Span]:
        by_line = unit.kind in {"table", "code"}
        # The room below a table's head is not known before its rows are cut: half of the limit is always there.
        limit = self._limit // 2 if unit.kind == "table" else self._limit
        for part in self._ruler.parts(unit.span, lines if by_line else sentence_ranges):
            yield from self._ruler.split(part, limit, (words,))

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
