"""From pieces of text in reading order to one clean text with blocks that carry exact offsets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ingest.clean import clip, trim_lines
from rag.types import Block, BlockKind, Span

_SEPARATOR = "\n\n"
_HEADING_CHARS = 200


@dataclass(frozen=True, slots=True)
class Piece:
    """One layout unit before it has a place: `level` is 1..6 for headings, `page` counts from 1."""

    kind: BlockKind
    text: str
    level: int = 0
    page: int | None = None


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
    metadata: Mapping[str, str] = field(default_factory=dict)
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
        # Code keeps the indentation of its first line, but no block starts with a blank.
        start = position + len(text) - len(text.lstrip())
        blocks.append(Block(piece.kind, Span(start, position + len(text)), path, piece.level, piece.page))
        texts.append(text)
        position += len(text) + len(_SEPARATOR)
    return _SEPARATOR.join(texts), tuple(blocks)


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


def flat_metadata(fields: Mapping[Any, Any]) -> dict[str, str]:
    """Return the fields as strings; lists are joined by ', ', nested mappings and empty values left out."""
    flat: dict[str, str] = {}
    for key, value in fields.items():
        if isinstance(value, list | tuple):
            value = ", ".join(str(item) for item in value if not isinstance(item, dict | list))
        if value is None or isinstance(value, dict) or not str(value).strip():
            continue
        flat[str(key)] = str(value).strip()
    return flat
