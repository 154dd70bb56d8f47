"""Reads one item that is on this machine into a document; runs in the workers."""

from __future__ import annotations

from dataclasses import replace

from ingest.partition import document_from_row, partition_file
from ingest.sources.items import SourceItem
from rag.settings import PartitionSettings
from rag.types import Document


def read_document(item: SourceItem, settings: PartitionSettings) -> Document:
    """Partition the item and add what stands beside it; the hash is of both.

    Raises:
        DocumentError: it cannot be read.
    """
    if item.error:
        raise item.error
    if item.row is not None:
        document = document_from_row(item.read_row(), item.hash, item.uri)
    else:
        document = partition_file(item.path, item.doc_id, pdf_strategy=settings.pdf_strategy)
    # What was fetched may lie here in another charset: its hash is that of the bytes that came.
    content_hash = item.hash or document.source_hash
    document = replace(
        document,
        doc_id=item.doc_id,  # a row knows nothing of its source's prefix
        source_hash=item.beside.digest(content_hash),
        uri=item.address or document.uri,
        metadata={**item.sent, **document.metadata},
    )
    return item.beside.applied(document)
