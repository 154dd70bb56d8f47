"""How documents are cut into chunks: `CHUNKERS` maps a name to a function of document, tokenizer and settings.

Every member returns chunks in order, `document.text[start:end] == chunk.text`, that together hold all text except
whitespace and front matter, none above `max_tokens` (contextual header included).
"""

from __future__ import annotations

from collections.abc import Callable

from ingest.chunkers.heading import heading
from ingest.chunkers.plain import recursive, sentence, tokens
from rag.errors import UnknownKeyError
from rag.ports import Tokenizer
from rag.settings import ChunkerSettings
from rag.types import Chunk, Document

Chunker = Callable[[Document, Tokenizer, ChunkerSettings], list[Chunk]]

CHUNKERS: dict[str, Chunker] = {
    "heading": heading,
    "recursive": recursive,
    "sentence": sentence,
    "tokens": tokens,
}


def chunk(document: Document, tokenizer: Tokenizer, settings: ChunkerSettings) -> list[Chunk]:
    """Cut a document with the chunker that the settings name.

    Raises:
        UnknownKeyError: there is no chunker of that name.
    """
    return chunker(settings.name)(document, tokenizer, settings)


def chunker(name: str) -> Chunker:
    """Return the chunker of that name.

    Raises:
        UnknownKeyError: there is none.
    """
    if name not in CHUNKERS:
        raise UnknownKeyError("chunker", name, CHUNKERS)
    return CHUNKERS[name]
