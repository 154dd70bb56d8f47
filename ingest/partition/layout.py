"""From pieces of text in reading order to one clean text with blocks that carry exact offsets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from ingest.partition.clean import clip, trim_lines
from rag.types import Block, BlockKind, Box, Metadata, Span

_SEPARATOR = "\n\n"
_HEADING_CHARS = 200
_LISTS = frozenset({"tags", "acl"})


@dataclass(frozen=True, slots=True)
class Piece:
    """One layout unit before it has a place: `level` is 1..6 for headings, `page` counts from 1.

    The ranges of `boxes` are relative to `text`. `head` is how many rows of a table its format declares to be the head,
    None where the format does not say.
    """

    kind: BlockKind
    text: str
    level: int = 0
    page: int | None = None
    boxes: tuple[Box, ...] = ()
    head: int | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """What a partitioner found. `title` is the document's own (front matter, core property), if it names one.

    `explicit_title` says that the author set it on purpose, so that it goes before the first heading.
    """

    text: str
    blocks: tuple[Block, ...]
    media_type: str
    title: str = ""
    explicit_title: bool = False
    metadata: Metadata = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


class HeadingPath:
    """The stack of headings above the current block."""

    def __init__(self) -> None:
        self._stack: list[tuple[int, str]] = []

    def enter(self, level: int, text: str) -> tuple[str, ...]:
        """Open a heading, closing those of its level and below, and return the path with it."""
        while self._stack and self._stack[-1][0] >= level:
            self._stack.pop()
        self._stack.append((level, clip(text, _HEADING_CHARS)))
        return self.path

    @property
    def path(self) -> tuple[str, ...]:
        """The open headings, outermost first."""
        return tuple(text for _, text in self._stack)


def assemble(pieces: Iterable[Piece]) -> tuple[str, tuple[Block, ...]]:
    """Join pieces by blank lines; return the text and its blocks, empty pieces left out."""
    headings = HeadingPath()
    texts: list[str] = []
    blocks: list[Block] = []
    position = 0
    for piece in pieces:
        text = piece.text.strip("\n").rstrip() if piece.kind == "code" else piece.text.strip()
        if not text:
            continue
        path = headings.enter(piece.level, text) if piece.kind == "heading" else headings.path
        path = () if piece.kind == "margin" else path
        # Code keeps the indentation of its first line, but no block starts with a blank.
        span = Span(position + len(text) - len(text.lstrip()), position + len(text))
        boxes = tuple(_shifted(piece, span))
        blocks.append(Block(piece.kind, span, path, piece.level, piece.page, boxes, piece.head))
        texts.append(text)
        position += len(text) + len(_SEPARATOR)
    return _SEPARATOR.join(texts), tuple(blocks)


def pieces_of(content: Content) -> Iterator[Piece]:
    """Yield the pieces that a content was assembled from, so that others can be put beside them."""
    for block in content.blocks:
        text = content.text[block.span.start : block.span.end]
        yield Piece(block.kind, text, block.level, block.page, head=block.head)


def joined_code(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Yield the pieces, lines of code that follow each other joined to one piece."""
    lines: list[str] = []
    for piece in pieces:
        if piece.kind == "code":
            lines.append(piece.text)
            continue
        if lines:
            yield Piece("code", trim_lines("\n".join(lines)))
            lines = []
        yield piece
    if lines:
        yield Piece("code", trim_lines("\n".join(lines)))


def _shifted(piece: Piece, span: Span) -> Iterator[Box]:
    """Yield the boxes of a piece with their ranges in the whole text, less what was stripped off."""
    offset = span.start - (len(piece.text) - len(piece.text.lstrip()))
    for box in piece.boxes:
        start, end = max(span.start, box.start + offset), min(span.end, box.end + offset)
        if start < end:
            yield replace(box, start=start, end=end)


def trimmed(text: str, start: int, end: int) -> Span | None:
    """Return the range without outer whitespace, or None where nothing else is in it."""
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    if left == len(piece):
        return None
    return Span(start + left, start + len(piece.rstrip()))


def fill_gaps(text: str, blocks: Sequence[Block]) -> Iterator[Block]:
    """Yield the blocks in order, with a paragraph for all text between them that is not only whitespace."""
    position = 0
    path: tuple[str, ...] = ()
    page: int | None = None
    for block in blocks:
        gap = trimmed(text, position, block.span.start)
        if gap:
            yield Block("paragraph", gap, path, page=page)
        yield block
        position, path, page = block.span.end, block.headings, block.page
    gap = trimmed(text, position, len(text))
    if gap:
        yield Block("paragraph", gap, path, page=page)


def flat_metadata(fields: Mapping[Any, Any]) -> dict[str, str | tuple[str, ...]]:
    """Return the fields as strings and lists of strings; nested mappings and empty values are left out.

    `tags` and `acl` are always lists: what is none is split at its commas. Dates are written as ISO 8601.
    """
    flat: dict[str, str | tuple[str, ...]] = {}
    for key, value in fields.items():
        # Filters are `key=value`, so that a key cannot hold the sign.
        name = str(key).replace("=", "_")
        if name in _LISTS and not isinstance(value, Mapping | list | tuple):
            value = _string(value).split(",")
        kept = _strings(value) if isinstance(value, list | tuple) else _string(value)
        if kept:
            flat[name] = kept
    return flat


def _strings(values: Iterable[Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in map(_string, values) if text))


def _string(value: Any) -> str:
    if value is None or isinstance(value, Mapping | list | tuple):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return (value.isoformat() if isinstance(value, date) else str(value)).strip()
