"""Counts what an index writer would do with documents, and writes nothing: for a dry run."""

from __future__ import annotations

from ingest.store.catalogue import batches
from ingest.store.reuse import StoredEmbeddings
from ingest.store.rows import MadeDocument
from rag.state.migrations import text_hash

_BATCH_TEXTS = 256


class TrialWriter:
    """Takes documents as `IndexWriter` does; its counts are those that the run would have.

    `hashes` are the source hashes of the documents, `signatures` what near-duplicates are found by. `anew` names the
    documents with a chunk that the model would see.
    """

    def __init__(self, known: StoredEmbeddings) -> None:
        self._known = known
        self._seen: set[str] = set()
        self.hashes: dict[str, str] = {}
        self.signatures: dict[str, bytes] = {}
        self.anew: set[str] = set()
        self.chunks = 0
        self.embedded = 0

    @property
    def reused(self) -> int:
        """How many chunks would get vectors that are stored."""
        return self.chunks - self.embedded

    def add(self, made: MadeDocument) -> None:
        """Count a document."""
        doc_id = made.document.doc_id
        self.hashes[doc_id] = made.document.source_hash
        self.signatures[doc_id] = made.signature
        self.chunks += len(made.chunks)
        texts = {text_hash(chunk.header, chunk.text) for chunk in made.chunks} - self._seen
        self._seen |= texts
        for batch in batches(sorted(texts), _BATCH_TEXTS):
            fresh = len(batch) - len(self._known.fetch(self._known.places(batch)))
            self.embedded += fresh
            self.anew |= {doc_id} if fresh else set()
