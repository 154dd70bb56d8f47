"""From ranges to chunks: headings, pages, contextual headers that leave room for the text, stable ids."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from rag.errors import ConfigError
from rag.ports import Tokenizer
from rag.settings import ChunkerSettings
from rag.types import Block, Chunk, Document, Span

_HEADER_SHARE = 3


@dataclass(frozen=True, slots=True)
class Cut:
    """A range that becomes a chunk, with the headings to show above it (None: those of its first block)."""

    span: Span
    headings: tuple[str, ...] | None = None


class Assembler:
    """Makes chunks of one document whose contextual header never takes more than a third of `max_tokens`."""

    def __init__(self, document: Document, tokenizer: Tokenizer, settings: ChunkerSettings) -> None:
        if settings.overlap_tokens * 2 > settings.max_tokens:
            raise ConfigError(
                f"ingest.chunker.overlap_tokens ({settings.overlap_tokens}) must be at most half of"
                f" ingest.chunker.max_tokens ({settings.max_tokens})"
            )
        self._document = document
        self._tokenizer = tokenizer
        self._settings = settings
        self._counts: dict[str, int] = {}

    def room(self, headings: tuple[str, ...]) -> int:
        """Return how many tokens of text go under a header with these headings."""
        title, kept = self._fitted(headings)
        return self._settings.max_tokens - self._count(_header(title, kept))

    def chunks(self, cuts: Iterable[Cut]) -> list[Chunk]:
        """Return the chunks of the ranges, in order."""
        return [self._chunk(cut) for cut in cuts]

    def block_at(self, position: int) -> Block | None:
        """Return the last block that starts at or before a character."""
        index = bisect_right(self._block_starts, position) - 1
        return self._document.blocks[index] if index >= 0 else None

    @cached_property
    def _block_starts(self) -> list[int]:
        return [block.span.start for block in self._document.blocks]

    def _chunk(self, cut: Cut) -> Chunk:
        document = self._document
        text = document.text[cut.span.start : cut.span.end]
        block = self.block_at(cut.span.start)
        headings = cut.headings if cut.headings is not None else (block.headings if block else ())
        title, kept = self._fitted(headings)
        tokens = self._tokenizer.count(_indexed(title, kept, text))
        while tokens > self._settings.max_tokens and (kept or title):
            title, kept = (title, kept[1:]) if kept else ("", ())
            tokens = self._tokenizer.count(_indexed(title, kept, text))
        return Chunk(
            chunk_id=chunk_id(document.doc_id, cut.span, text),
            doc_id=document.doc_id,
            span=cut.span,
            text=text,
            title=title,
            headings=kept,
            page=block.page if block else None,
            tokens=tokens,
            uri=document.uri,
            metadata=document.metadata,
        )

    def _fitted(self, headings: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
        """Drop headings, outermost first, then the title, until the header takes a third of the room at most."""
        if not self._settings.header:
            return "", ()
        limit = self._settings.max_tokens // _HEADER_SHARE
        title, kept = self._document.title, headings
        while self._count(_header(title, kept)) > limit:
            if not kept:
                return "", ()
            kept = kept[1:]
        return title, kept

    def _count(self, text: str) -> int:
        if text not in self._counts:
            self._counts[text] = self._tokenizer.count(text) if text else 0
        return self._counts[text]


def chunk_id(doc_id: str, span: Span, text: str) -> str:
    """Return the stable id of a chunk: 16 hex digits of its document's id, range and text."""
    key = "\x1f".join((doc_id, str(span.start), str(span.end), text))
    return hashlib.sha256(key.encode("utf-8")).hexdigest()[:16]


def common_path(paths: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the longest path of headings that all paths start with."""
    first, *others = paths
    length = 0
    while length < len(first) and all(path[: length + 1] == first[: length + 1] for path in others):
        length += 1
    return first[:length]


def _header(title: str, headings: tuple[str, ...]) -> str:
    return Chunk("", "", _ANY, "", title=title, headings=headings).header


def _indexed(title: str, headings: tuple[str, ...], text: str) -> str:
    return Chunk("", "", _ANY, text, title=title, headings=headings).indexed_text


_ANY = Span(0, 1)
