"""From ranges to chunks: headings, pages, contextual headers that leave room for the text, stable ids."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

from ingest.chunkers.measure import Ruler
from ingest.partition.clean import clip
from ingest.partition.tables import TableMap
from rag.boxes import boxes_of
from rag.ports import Tokenizer
from rag.settings import ChunkerSettings
from rag.tables import names_of, outer_heads
from rag.types import Block, Chunk, Document, Head, Span, Table, indexed_text

_HEADER_SHARE = 3
_HEAD_CHARS = (400, 200, 120, 60)


@dataclass(frozen=True, slots=True)
class Cut:
    """A range that becomes a chunk, with the headings to show above it (None: those of its first block).

    `parent` is the larger range that the context shows in its place.
    """

    span: Span
    headings: tuple[str, ...] | None = None
    parent: Span | None = None


class Assembler:
    """Makes chunks of one document whose contextual header never takes more than a third of `max_tokens`.

    Where a chunk begins below the head of a table, its header ends with the names of the columns.
    """

    def __init__(
        self, document: Document, tokenizer: Tokenizer, settings: ChunkerSettings, tables: TableMap | None = None
    ) -> None:
        self.tables = tables or TableMap.of(document)
        self._document = document
        self._tokenizer = tokenizer
        self._settings = settings
        self._counts: dict[str, int] = {}
        self._headers: dict[tuple[tuple[str, ...], str], str] = {}

    def room(self, headings: tuple[str, ...], head: Head | None = None) -> int:
        """Return how many tokens of text go under a header with these headings and this head of a table."""
        return self._settings.max_tokens - self._count(self._header(headings, _names(head)))

    def shared_room(self) -> int:
        """Return how many tokens of text go under any header of the document.

        Headings change inside a range that is cut without looking at them, so it gets the room that the longest leaves.
        """
        headers = {(block.headings, "") for block in self._document.blocks} | {((), "")}
        headers |= {(self._headings_at(table.span.start), _names(table.head)) for table in self.tables.parts}
        return self._settings.max_tokens - max(self._count(self._header(*header)) for header in headers)

    def chunks(self, cuts: Iterable[Cut]) -> list[Chunk]:
        """Return the chunks of the ranges, in order."""
        return [chunk for cut in cuts for chunk in self._fitted(cut)]

    def block_at(self, position: int) -> Block | None:
        """Return the last block that starts at or before a character."""
        index = bisect_right(self._block_starts, position) - 1
        return self._document.blocks[index] if index >= 0 else None

    def _headings_at(self, position: int) -> tuple[str, ...]:
        block = self.block_at(position)
        return block.headings if block else ()

    @cached_property
    def _block_starts(self) -> list[int]:
        return [block.span.start for block in self._document.blocks]

    def _fitted(self, cut: Cut) -> Iterator[Chunk]:
        """Yield the chunk of a range, or several if it has more tokens by itself than it had in its document.

        Some tokenisers see one unknown token in a long word and dozens in a piece of it.
        """
        chunk = self._chunk(cut)
        if chunk.tokens <= self._settings.max_tokens:
            yield chunk
            return
        offset = cut.span.start
        ruler = Ruler.of(chunk.text, self._tokenizer)
        pieces = list(ruler.windows(Span(0, len(chunk.text)), self._settings.max_tokens))
        for piece in pieces:
            span = Span(piece.start + offset, piece.end + offset)
            yield from self._fitted(replace(cut, span=span)) if len(pieces) > 1 else (chunk,)

    def _chunk(self, cut: Cut) -> Chunk:
        document = self._document
        text = document.text[cut.span.start : cut.span.end]
        block = self.block_at(cut.span.start)
        headings = cut.headings if cut.headings is not None else (block.headings if block else ())
        tables = self._tables(cut)
        chunk = Chunk(
            chunk_id=chunk_id(document.doc_id, cut.span, text),
            doc_id=document.doc_id,
            span=cut.span,
            text=text,
            title=document.title,
            headings=headings,
            page=block.page if block else None,
            header=self._header(headings, _names(next((head for head, _ in outer_heads(tables, cut.span)), None))),
            uri=document.uri,
            metadata=document.metadata,
            boxes=boxes_of(document.blocks, cut.span.start, cut.span.end),
            parent=cut.parent,
            tables=tables,
        )
        # The two together can be a token more than the sum of their counts.
        for header in dict.fromkeys((chunk.header, self._header(headings))):
            tokens = self._tokenizer.count(indexed_text(header, text))
            if tokens <= self._settings.max_tokens:
                return replace(chunk, header=header, tokens=tokens)
        return replace(chunk, header="", tokens=self._tokenizer.count(text))

    def _tables(self, cut: Cut) -> tuple[Table, ...]:
        """Return the parts of tables in the range that is shown, cut at the ends of the chunk where a row is."""
        shown = cut.parent or cut.span
        edges = (shown.start, cut.span.start, cut.span.end, shown.end)
        spans = [Span(a, b) for a, b in pairwise(edges) if a < b]
        return tuple(table for span in spans for table in self.tables.within(self._document.text, span))

    def _header(self, headings: tuple[str, ...], names: str = "") -> str:
        """Join title, headings and the names of a table's columns, to take a third of the room at most.

        The outermost headings give way first, then the title, then the last of the names, then all of it.
        """
        key = (headings, names)
        if key not in self._headers:
            self._headers[key] = self._fitting_header(headings, names) if self._settings.header else ""
        return self._headers[key]

    def _fitting_header(self, headings: tuple[str, ...], names: str) -> str:
        title = self._document.title
        limit = self._settings.max_tokens // _HEADER_SHARE
        for shown in [*(clip(names, size) for size in _HEAD_CHARS if names), ""]:
            path = (*headings, shown) if shown else headings
            shorter = [contextual_header(title, path[first:]) for first in range(max(1, len(path)))]
            for header in (*shorter, contextual_header("", path[-1:])):
                if self._count(header) <= limit:
                    return header
        whole = contextual_header(title, ())
        return whole if self._count(whole) <= limit else ""

    def _count(self, text: str) -> int:
        if text not in self._counts:
            self._counts[text] = self._tokenizer.count(text) if text else 0
        return self._counts[text]


def _names(head: Head | None) -> str:
    return " | ".join(names_of(head))


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


def contextual_header(title: str, headings: Sequence[str]) -> str:
    """Join a title and a path of headings by ' > ', without blanks and parts that the one before begins with."""
    path = [part for part in (title, *headings) if part]
    return " > ".join(part for i, part in enumerate(path) if i == 0 or not path[i - 1].startswith(part))
