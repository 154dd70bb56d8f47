"""Writes one generation's chunks to the catalogue and to the three stores of its index, in bounded batches."""

from __future__ import annotations

from collections.abc import Sequence

from ingest.catalogue import CatalogueWriter, batches
from rag.ports import REMOVED_NEVER, Index, Point
from rag.state.reader import SqlCatalogue
from rag.types import Chunk, Document, Generation

_BATCH_CHUNKS = 256
_BATCH_DOCUMENTS = 512
_STORE_BATCH = 2000


class IndexWriter:
    """Collects documents until a batch is full, then embeds its chunks sorted by length and stores them."""

    def __init__(self, writer: CatalogueWriter, index: Index, generation: int) -> None:
        self._writer = writer
        self._index = index
        self._generation = generation
        self._pending: list[tuple[Document, Sequence[Chunk]]] = []
        self._pending_chunks = 0
        self.chunks = 0

    def add(self, document: Document, chunks: Sequence[Chunk]) -> None:
        """Take a document; it is stored when the batch is full, or by `flush`."""
        self._pending.append((document, chunks))
        self._pending_chunks += len(chunks)
        if self._pending_chunks >= _BATCH_CHUNKS or len(self._pending) >= _BATCH_DOCUMENTS:
            self.flush()

    def flush(self) -> None:
        """Store what is pending."""
        stored = list(self._writer.add(self._index.id, self._generation, self._pending))
        self._pending, self._pending_chunks = [], 0
        keyed = [(doc_pk, chunk) for doc_pk, chunks in stored for chunk in chunks]
        # Batches of one length waste no padding.
        keyed.sort(key=lambda pair: pair[1].tokens)
        for batch in batches(keyed, _BATCH_CHUNKS):
            self._store(batch)

    def retire(self, doc_pks: Sequence[int]) -> None:
        """Remove documents from this generation on."""
        for batch in batches(self._writer.retire(self._generation, doc_pks), _STORE_BATCH):
            self._index.vectors.set_removed(batch, self._generation)

    def seal(self, reader: SqlCatalogue, corpus: str, settings: str) -> None:
        """Compute the generation's keyword weights and make every store durable; the flip comes after."""
        generation = Generation(self._generation, corpus, self._index.id, settings)
        self._index.keywords.publish(self._generation, reader.visible_chunks(generation))
        self._index.token_vectors.publish(self._generation)
        self._index.vectors.flush()

    def _store(self, batch: Sequence[tuple[int, Chunk]]) -> None:
        texts = [chunk.indexed_text for _, chunk in batch]
        pks = [chunk.pk for _, chunk in batch]
        embeddings = self._index.embedder.embed(texts, with_tokens=True)
        self._index.vectors.upsert(
            [
                Point(chunk.pk, vector, self._generation, doc_pk, chunk.metadata)
                for (doc_pk, chunk), vector in zip(batch, embeddings.vectors, strict=True)
            ]
        )
        self._index.keywords.add(self._generation, pks, texts)
        self._index.token_vectors.add(self._generation, pks, embeddings.tokens)
        self.chunks += len(batch)


def erase_generation(index: Index, generation: int, added: Sequence[int], removed: Sequence[int]) -> None:
    """Take a generation out of the stores of its index; doing it again changes nothing."""
    for batch in batches(added, _STORE_BATCH):
        index.vectors.delete(batch)
    for batch in batches(removed, _STORE_BATCH):
        index.vectors.set_removed(batch, REMOVED_NEVER)
    index.keywords.discard(generation)
    index.token_vectors.discard(generation)
    index.vectors.flush()
