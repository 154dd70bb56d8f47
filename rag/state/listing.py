"""Which documents a generation holds, without their texts."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import partial

from sqlalchemy import func, select

from rag.conditions import Condition, resolve
from rag.state.engine import reading
from rag.state.filters import matching_documents
from rag.state.reader import SqlCatalogue, visible
from rag.state.tables import chunks, documents
from rag.types import Generation, Metadata, as_metadata

_NEAR = 3


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A document as a list shows it; `chars` is the length of its clean text in code points."""

    doc_id: str
    title: str
    uri: str
    media_type: str
    metadata: Metadata
    chars: int
    chunks: int
    warnings: tuple[str, ...]


def list_documents(
    catalogue: SqlCatalogue, generation: Generation, conditions: Iterable[Condition] = ()
) -> list[DocumentRow]:
    """Return the documents whose metadata satisfies every condition, by doc_id."""
    chosen = resolve(conditions, partial(catalogue.field_values, generation))
    seen = visible(documents, generation.index_id, generation.id)
    counts = (
        select(chunks.c.doc_pk, func.count().label("count"))
        .where(visible(chunks, generation.index_id, generation.id))
        .group_by(chunks.c.doc_pk)
        .subquery()
    )
    shown = [documents.c[name] for name in ("doc_id", "title", "uri", "media_type", "metadata", "warnings")]
    chars = func.length(documents.c.text).label("chars")
    query = select(*shown, chars, func.coalesce(counts.c.count, 0).label("cut"))
    query = query.outerjoin(counts, counts.c.doc_pk == documents.c.pk).where(seen)
    if chosen:
        query = query.where(documents.c.pk.in_(matching_documents(chosen, catalogue.engine.dialect.name)))
    with reading(catalogue.engine) as connection:
        rows = [
            DocumentRow(
                row.doc_id,
                row.title,
                row.uri,
                row.media_type,
                as_metadata(row.metadata),
                row.chars,
                row.cut,
                tuple(row.warnings),
            )
            for row in connection.execute(query)
        ]
    return sorted(rows, key=lambda row: row.doc_id)


def near_ids(doc_id: str, known: Collection[str]) -> list[str]:
    """Return the few ids that a misspelt one may have meant, the nearest first."""
    near = difflib.get_close_matches(doc_id, sorted(known), n=_NEAR, cutoff=0.5)
    return near or [name for name in sorted(known) if doc_id.lower() in name.lower()][:_NEAR]
