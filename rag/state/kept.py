"""One generation read again and again: what was read of it last is kept, for it never changes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sqlalchemy import Engine

from rag.cache.recent import Recent
from rag.state.reader import PinnedCatalogue
from rag.types import Chunk, Document, Generation

_DOCUMENTS = 512
_CHUNKS = 16_384


class KeptCatalogue(PinnedCatalogue):
    """A catalogue of one generation that keeps the chunks and documents read last; safe to share between threads."""

    def __init__(self, engine: Engine, generation: Generation) -> None:
        super().__init__(engine, generation)
        self._documents: Recent[tuple[Generation, str], Document] = Recent(_DOCUMENTS)
        self._chunks: Recent[int, Chunk] = Recent(_CHUNKS)

    def chunks(self, pks: Sequence[int]) -> dict[int, Chunk]:
        """Return the chunks that exist, by pk."""
        found = {pk: self._chunks.get(pk) for pk in pks}
        read = super().chunks([pk for pk, chunk in found.items() if chunk is None])
        for pk, chunk in read.items():
            self._chunks.put(pk, chunk)
        whole = found | read
        return {pk: chunk for pk, chunk in whole.items() if chunk is not None}

    def document(self, generation: Generation, doc_id: str) -> Document:
        """Return a document as the generation sees it.

        Raises:
            DocumentNotFoundError: the generation does not hold it.
        """
        return self._documents.of((generation, doc_id), partial(super().document, generation, doc_id))
