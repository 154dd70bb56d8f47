"""The LlamaIndex edge of ingestion: our documents and chunks as theirs and back, offsets and ids kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ingest.partition.layout import flat_metadata
from ingest.partition.plain import paragraphs
from rag.types import Chunk, Document, Metadata

if TYPE_CHECKING:
    from llama_index.core.schema import Document as LlamaDocument
    from llama_index.core.schema import TextNode

_OWN_KEYS = frozenset({"title", "uri", "media_type", "source_hash"})
_UNEMBEDDED = ["uri", "media_type", "source_hash", "start", "end", "page", "tokens"]


def to_llama_documents(documents: Iterable[Document]) -> list[LlamaDocument]:
    """Return LlamaIndex documents whose `id_` is the doc_id and whose text is the clean text."""
    from llama_index.core.schema import Document as LlamaDocument

    return [
        LlamaDocument(
            id_=document.doc_id,
            text=document.text,
            metadata={
                **document.metadata,
                "title": document.title,
                "uri": document.uri,
                "media_type": document.media_type,
                "source_hash": document.source_hash,
            },
            excluded_embed_metadata_keys=_UNEMBEDDED,
            excluded_llm_metadata_keys=_UNEMBEDDED,
        )
        for document in documents
    ]


def from_llama_documents(documents: Iterable[LlamaDocument]) -> list[Document]:
    """Return our documents of what a LlamaIndex reader loaded; the layout is paragraphs, the hash that of the text."""
    return [_from_llama(document) for document in documents]


def _from_llama(document: LlamaDocument) -> Document:
    text = document.text
    metadata = flat_metadata(document.metadata)
    return Document(
        doc_id=document.id_,
        title=_text(metadata, "title") or _text(metadata, "file_name") or document.id_,
        text=text,
        blocks=tuple(paragraphs(text)),
        source_hash=_text(metadata, "source_hash") or hashlib.sha256(text.encode("utf-8")).hexdigest(),
        uri=_text(metadata, "uri"),
        media_type=_text(metadata, "media_type") or "text/plain",
        metadata={key: value for key, value in metadata.items() if key not in _OWN_KEYS},
    )


def _text(metadata: Metadata, key: str) -> str:
    value = metadata.get(key, "")
    return value if isinstance(value, str) else ", ".join(value)


def to_text_nodes(chunks: Sequence[Chunk]) -> list[TextNode]:
    """Return one node a chunk: `id_` is the chunk_id, offsets are its span, SOURCE is its document.

    PREVIOUS and NEXT link chunks of one document that follow each other in `chunks`.
    """
    from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode

    nodes = [
        TextNode(
            id_=chunk.chunk_id,
            text=chunk.text,
            start_char_idx=chunk.span.start,
            end_char_idx=chunk.span.end,
            metadata={
                **chunk.metadata,
                "title": chunk.title,
                "headings": " > ".join(chunk.headings),
                "page": chunk.page,
                "uri": chunk.uri,
            },
            excluded_embed_metadata_keys=_UNEMBEDDED,
            excluded_llm_metadata_keys=_UNEMBEDDED,
            relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=chunk.doc_id)},
        )
        for chunk in chunks
    ]
    for i in range(1, len(nodes)):
        if chunks[i - 1].doc_id == chunks[i].doc_id:
            nodes[i].relationships[NodeRelationship.PREVIOUS] = RelatedNodeInfo(node_id=nodes[i - 1].id_)
            nodes[i - 1].relationships[NodeRelationship.NEXT] = RelatedNodeInfo(node_id=nodes[i].id_)
    return nodes
