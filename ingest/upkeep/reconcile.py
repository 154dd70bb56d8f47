"""Makes the stores of an index follow the catalogue: what it no longer lists goes, down to the last byte.

The catalogue is the truth. Vacuum and erasure delete there first, in one transaction; whatever stops them after that,
the next sweep finishes. Readers go on meanwhile: nothing that a kept generation sees is touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import select

from ingest.store.catalogue import batches
from rag.errors import StateError
from rag.ports import Index, VectorIndex
from rag.state.engine import reading
from rag.state.reader import SqlCatalogue
from rag.state.tables import chunks
from rag.types import Generation

_STORE_BATCH = 2000
_MARKS = 5000


def sweep(index: Index, kept: Sequence[Generation], catalogue: SqlCatalogue) -> int:
    """Erase from the stores of an index what the catalogue does not list; return how many points went.

    `kept` are the generations of the index that may still be read. Hold the corpus' ingest lock, and have nothing
    under construction.
    """
    known = listed(index.id, catalogue)
    strangers = [pk for pk, _, _ in marks(index.vectors) if pk not in known]
    for batch in batches(strangers, _STORE_BATCH):
        index.vectors.delete(batch)
    index.vectors.flush()
    index.vectors.compact()
    index.keywords.compact([generation.id for generation in kept], known)
    index.token_vectors.compact(known)
    for generation in kept:
        visible = catalogue.visible_chunks(generation)
        if weighed(index, generation) != frozenset(pk for pk, _ in visible):
            index.keywords.publish(generation.id, visible)
    return len(strangers)


def listed(index_id: int, catalogue: SqlCatalogue) -> set[int]:
    """Return the pks of all chunks of an index, seen by a generation or not."""
    with reading(catalogue.engine) as connection:
        return set(connection.scalars(select(chunks.c.pk).where(chunks.c.index_id == index_id)))


def marks(vectors: VectorIndex) -> Iterator[tuple[int, int, int]]:
    """Yield every stored point as `(pk, added, removed)`, by pk."""
    after = 0
    while page := vectors.marks(after, _MARKS):
        yield from page
        after = page[-1][0]


def weighed(index: Index, generation: Generation) -> frozenset[int] | None:
    """Return the chunks that a generation's keyword weights cover; None where they are missing or damaged."""
    try:
        return index.keywords.pks(generation.id)
    except StateError:
        return None
