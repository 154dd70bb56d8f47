"""Documents and chunks as rows of the catalogue's tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

from rag.state.migrations import text_hash
from rag.state.reader import block_to_json
from rag.tables import table_to_json
from rag.types import Chunk, Document


@dataclass(frozen=True, slots=True)
class MadeDocument:
    """A document as it is stored: with its chunks, the signature that finds its near-duplicates, and whose it is."""

    document: Document
    chunks: Sequence[Chunk]
    signature: bytes = b""
    source: int | None = None


def document_row(made: MadeDocument) -> dict[str, Any]:
    """Return the columns of a document."""
    document = made.document
    return {
        "doc_id": document.doc_id,
        "title": document.title,
        "uri": document.uri,
        "media_type": document.media_type,
        "source_hash": document.source_hash,
        "text": document.text,
        "blocks": [block_to_json(block) for block in document.blocks],
        "metadata": dict(document.metadata),
        "warnings": list(document.warnings),
        "minhash": made.signature or None,
        "source": made.source,
    }


def chunk_row(chunk: Chunk) -> dict[str, Any]:
    """Return the columns of a chunk."""
    return {
        "chunk_id": chunk.chunk_id,
        "start": chunk.span.start,
        "end": chunk.span.end,
        "text": chunk.text,
        "headings": list(chunk.headings),
        "header": chunk.header,
        "page": chunk.page,
        "tokens": chunk.tokens,
        "boxes": [astuple(box) for box in chunk.boxes] or None,
        "parent_start": chunk.parent.start if chunk.parent else None,
        "parent_end": chunk.parent.end if chunk.parent else None,
        "tables": [table_to_json(table) for table in chunk.tables] if chunk.tables is not None else None,
        "text_hash": text_hash(chunk.header, chunk.text),
    }
