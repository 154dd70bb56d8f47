"""The JSON of lists: the documents of a corpus, the chunks of a document."""

from __future__ import annotations

from collections.abc import Sequence

from rag.shapes.shapes import JsonShape
from rag.state.listing import DocumentRow
from rag.types import Chunk, Generation


class DocumentRowJson(JsonShape):
    """A document without its text; `chars` is the length of its clean text in code points."""

    doc_id: str
    title: str
    uri: str
    media_type: str
    metadata: dict[str, str | tuple[str, ...]]
    chars: int
    chunks: int
    warnings: list[str]


class DocumentsJson(JsonShape):
    """The documents of a corpus, by id."""

    corpus: str
    generation: int
    documents: list[DocumentRowJson]


class ChunkJson(JsonShape):
    """A chunk; `header` is what is embedded and indexed before its text."""

    chunk_id: str
    start: int
    end: int
    tokens: int
    page: int | None
    headings: list[str]
    header: str
    text: str


class ChunksJson(JsonShape):
    """The chunks of a document, in reading order."""

    corpus: str
    generation: int
    doc_id: str
    chunks: list[ChunkJson]


def documents_json(rows: Sequence[DocumentRow], generation: Generation) -> DocumentsJson:
    """Convert a list of documents."""
    shown = [
        DocumentRowJson(
            doc_id=row.doc_id,
            title=row.title,
            uri=row.uri,
            media_type=row.media_type,
            metadata=dict(row.metadata),
            chars=row.chars,
            chunks=row.chunks,
            warnings=list(row.warnings),
        )
        for row in rows
    ]
    return DocumentsJson(corpus=generation.corpus, generation=generation.id, documents=shown)


def chunks_json(doc_id: str, chunks: Sequence[Chunk], generation: Generation) -> ChunksJson:
    """Convert the chunks of a document."""
    shown = [
        ChunkJson(
            chunk_id=chunk.chunk_id,
            start=chunk.span.start,
            end=chunk.span.end,
            tokens=chunk.tokens,
            page=chunk.page,
            headings=list(chunk.headings),
            header=chunk.header,
            text=chunk.text,
        )
        for chunk in chunks
    ]
    return ChunksJson(corpus=generation.corpus, generation=generation.id, doc_id=doc_id, chunks=shown)
