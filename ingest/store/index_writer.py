"""Writes one generation's chunks to the catalogue and to the three stores of its index, in bounded batches."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

import numpy as np

from ingest.store.catalogue import CatalogueWriter, batches
from ingest.store.reuse import Place, Stored, StoredEmbeddings
from ingest.store.rows import MadeDocument
from rag.ports import REMOVED_NEVER, Embeddings, Index, Point
from rag.state.migrations import text_hash
from rag.state.reader import SqlCatalogue
from rag.types import Chunk, Generation

_BATCH_CHUNKS = 256
_BATCH_DOCUMENTS = 512
_STORE_BATCH = 2000

Keyed = tuple[str, int, Chunk]
"""A chunk with the hash of its text and the pk of its document."""


class IndexWriter:
    """Collects documents until a batch is full, then embeds its chunks sorted by length and stores them.

    A batch is stored in a thread while the next one is embedded. Use the writer as a context: its end is a `flush`.
    `embedded` counts the chunks that the model saw, `reused` those whose text had its vectors already. `anew` names the
    documents of the former.
    """

    def __init__(self, writer: CatalogueWriter, index: Index, generation: int, known: StoredEmbeddings) -> None:
        self._writer = writer
        self._index = index
        self._generation = generation
        self._known = known
        self._pending: list[MadeDocument] = []
        self._pending_chunks = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._storing: Future[None] | None = None
        self.embedded = 0
        self.reused = 0
        self.anew: set[str] = set()

    def __enter__(self) -> IndexWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.flush()
        finally:
            self._thread.shutdown()

    @property
    def chunks(self) -> int:
        """How many chunks were written."""
        return self.embedded + self.reused

    def add(self, made: MadeDocument) -> None:
        """Take a document; it is stored when the batch is full, or by `flush`."""
        self._pending.append(made)
        self._pending_chunks += len(made.chunks)
        if self._pending_chunks >= _BATCH_CHUNKS or len(self._pending) >= _BATCH_DOCUMENTS:
            self._write_pending()

    def flush(self) -> None:
        """Store what is pending, and return when it is."""
        self._write_pending()
        self._settle()

    def _write_pending(self) -> None:
        hashes = {text_hash(chunk.header, chunk.text) for made in self._pending for chunk in made.chunks}
        places = self._known.places(list(hashes))  # before the catalogue lists the new chunks, which have no vectors
        stored = list(self._writer.add(self._index.id, self._generation, self._pending))
        self._pending, self._pending_chunks = [], 0
        keyed = [(text_hash(x.header, x.text), doc_pk, x) for doc_pk, chunks in stored for x in chunks]
        # Batches of one length waste no padding, and equal texts meet in one batch.
        keyed.sort(key=lambda item: (item[2].tokens, item[0]))
        # 259 chunks are two batches of 130, not one of 256 and one of 3.
        parts = max(1, math.ceil(len(keyed) / _BATCH_CHUNKS))
        for batch in batches(keyed, math.ceil(len(keyed) / parts) or 1):
            self._embed_and_store(batch, places)
            for text, _, chunk in batch:
                places.setdefault(text, [(self._index.id, chunk.pk)])

    def retire(self, doc_pks: Sequence[int]) -> None:
        """Remove documents from this generation on."""
        for batch in batches(self._writer.retire(self._generation, doc_pks), _STORE_BATCH):
            self._index.vectors.set_removed(batch, self._generation)

    def seal(self, reader: SqlCatalogue, corpus: str, settings: str) -> None:
        """Compute the generation's keyword weights and make every store durable; the flip comes after."""
        generation = Generation(self._generation, corpus, self._index.id, settings)
        self._index.keywords.publish(self._generation, reader.each_visible(generation))
        self._index.token_vectors.publish(self._generation)
        self._index.vectors.flush()

    def _embed_and_store(self, batch: Sequence[Keyed], places: Mapping[str, list[Place]]) -> None:
        donors = {text: places[text] for text, _, _ in batch if text in places}
        if donors:
            self._settle()  # what is being stored may be among them
        known = self._known.fetch(donors)
        fresh = {text: chunk for text, _, chunk in reversed(batch) if text not in known}  # of equal texts the first
        made = self._embed([chunk.indexed_text for chunk in fresh.values()])
        self.anew |= {chunk.doc_id for chunk in fresh.values()}
        self.embedded += len(fresh)
        self.reused += len(batch) - len(fresh)
        self._settle()  # one batch at a time, in their order
        self._storing = self._thread.submit(self._store, batch, known, list(fresh), made)

    def _settle(self) -> None:
        """Return when the batch that is being stored is stored; raise what it raised."""
        storing, self._storing = self._storing, None
        if storing is not None:
            storing.result()

    def _store(
        self, batch: Sequence[Keyed], known: Mapping[str, Stored], fresh: Sequence[str], made: Embeddings
    ) -> None:
        vectors = {text: stored.vector for text, stored in known.items()} | dict(zip(fresh, made.vectors, strict=True))
        points = [Point(x.pk, vectors[text], self._generation, doc_pk, x.metadata) for text, doc_pk, x in batch]
        self._index.vectors.upsert(points)
        self._index.keywords.add(self._generation, [x.pk for _, _, x in batch], [x.indexed_text for _, _, x in batch])
        old = {chunk.pk: known[text].tokens for text, _, chunk in batch if text in known}
        self._index.token_vectors.add_packed(self._generation, list(old), list(old.values()))
        tokens = dict(zip(fresh, made.tokens, strict=True))
        new = {chunk.pk: tokens[text] for text, _, chunk in batch if text in tokens}
        self._index.token_vectors.add(self._generation, list(new), list(new.values()))

    def _embed(self, texts: Sequence[str]) -> Embeddings:
        if not texts:
            return Embeddings(np.zeros((0, self._index.embedder.dim), np.float32))
        return self._index.embedder.embed(texts, with_tokens=True)


def restore_removed(index: Index, removed: Sequence[int]) -> None:
    """Bring chunks back that an abandoned generation removed; doing it again changes nothing."""
    for batch in batches(removed, _STORE_BATCH):
        index.vectors.set_removed(batch, REMOVED_NEVER)
    index.vectors.flush()


def erase_generation(index: Index, generation: int, added: Sequence[int], removed: Sequence[int]) -> None:
    """Take a generation out of the stores of its index; doing it again changes nothing."""
    for batch in batches(added, _STORE_BATCH):
        index.vectors.delete(batch)
    restore_removed(index, removed)
    index.keywords.discard(generation)
    index.token_vectors.discard(generation)
