"""How documents are cut into chunks: `CHUNKERS` maps a name to a function of document, model and settings.

Every member returns chunks in order, `document.text[start:end] == chunk.text`, that together hold all text except
whitespace and front matter, none above `max_tokens` (contextual header included).
"""

from __future__ import annotations

from collections.abc import Callable

from ingest.chunkers.by_title import by_title
from ingest.chunkers.heading import heading
from ingest.chunkers.measure import Embed, Model
from ingest.chunkers.parent_child import parent_child
from ingest.chunkers.plain import recursive, sentence, tokens
from ingest.chunkers.semantic import semantic
from ingest.chunkers.table_aware import table_aware
from rag.errors import ConfigError, UnknownKeyError
from rag.ports import Tokenizer
from rag.settings import ChunkerSettings
from rag.types import Chunk, Document

Chunker = Callable[[Document, Model, ChunkerSettings], list[Chunk]]

CHUNKERS: dict[str, Chunker] = {
    "by-title": by_title,
    "heading": heading,
    "parent-child": parent_child,
    "recursive": recursive,
    "semantic": semantic,
    "sentence": sentence,
    "table-aware": table_aware,
    "tokens": tokens,
}
NEED_EMBEDDER = frozenset({"semantic"})
"""Chunkers that embed sentences: they run in the process that has the embedder, not in its workers."""


def chunk(
    document: Document, tokenizer: Tokenizer, settings: ChunkerSettings, embed: Embed | None = None
) -> list[Chunk]:
    """Cut a document with the chunker that the settings name.

    Raises:
        UnknownKeyError: there is no chunker of that name.
        ConfigError: the sizes contradict each other, or the chunker needs `embed`.
    """
    check_chunker(settings)
    chunks = CHUNKERS[settings.name](document, Model(tokenizer, embed), settings)
    # an overlap may reach behind the last piece of a part that had to be cut once more
    return sorted(chunks, key=lambda piece: piece.span)


def check_chunker(settings: ChunkerSettings) -> None:
    """Check what would fail every document alike.

    Raises:
        UnknownKeyError: there is no chunker of that name.
        ConfigError: the sizes contradict each other.
    """
    if settings.name not in CHUNKERS:
        raise UnknownKeyError("chunker", settings.name, CHUNKERS)
    if settings.overlap_tokens * 2 > settings.max_tokens:
        raise ConfigError(
            f"ingest.chunker.overlap_tokens ({settings.overlap_tokens}) must be at most half of"
            f" ingest.chunker.max_tokens ({settings.max_tokens})"
        )
    if settings.name == "parent-child" and settings.parent_tokens < settings.max_tokens:
        raise ConfigError(
            f"ingest.chunker.parent_tokens ({settings.parent_tokens}) must be at least"
            f" ingest.chunker.max_tokens ({settings.max_tokens}): a parent holds its children"
        )
