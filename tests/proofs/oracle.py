"""What must be true of a generation, told by other means than the product's own bookkeeping.

(a) its chunks are those of a from-scratch partition and chunking of the documents it should hold;
(b) its BM25 scores are rank_bm25's over these chunks; (c) the four stores hold the same chunks.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rank_bm25 import BM25Okapi

from ingest.make.workers import Job, Recipe, make
from ingest.sources import SourceItem
from rag.index.terms import Analyzer
from rag.ports import Tokenizer
from rag.settings import Bm25Settings, Settings
from rag.types import Chunk, Generation, indexed_text

Documents = Mapping[str, bytes]
"""What a corpus should hold: doc_id -> the bytes of its source."""


@dataclass(frozen=True, slots=True, order=True)
class Piece:
    """A chunk without what the catalogue gives it."""

    doc_id: str
    start: int
    end: int
    text: str
    header: str

    @classmethod
    def of(cls, chunk: Chunk) -> Piece:
        return cls(chunk.doc_id, chunk.span.start, chunk.span.end, chunk.text, chunk.header)


class Scratch:
    """Cuts documents from scratch, each content once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[tuple[str, str, bytes], tuple[Piece, ...]] = {}

    def pieces(self, documents: Documents, tokenizer: Tokenizer, settings: Settings) -> list[Piece]:
        """Return every chunk that the documents have, in order."""
        recipe = Recipe(tokenizer, settings.ingest.chunker, settings.ingest.partition)
        cut = (self._cut(doc_id, documents[doc_id], recipe) for doc_id in sorted(documents))
        return sorted(piece for pieces in cut for piece in pieces)

    def _cut(self, doc_id: str, content: bytes, recipe: Recipe) -> tuple[Piece, ...]:
        key = (doc_id, f"{recipe.tokenizer.name} {recipe.chunker!r}", content)
        if key not in self._known:
            path = self._folder / hashlib.sha256(content).hexdigest()[:16] / doc_id
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            outcome = make(Job(doc_id, SourceItem(doc_id, path)), recipe)
            self._known[key] = tuple(Piece.of(chunk) for chunk in outcome.chunks)
        return self._known[key]


class Oracle:
    """Judges the generations of one home."""

    def __init__(self, folder: Path, questions: Sequence[str]) -> None:
        self.scratch = Scratch(folder)
        self._questions = questions
        self._judges: dict[tuple[Bm25Settings, tuple[Piece, ...]], list[NDArray[np.float64]]] = {}

    def check(self, runtime: Any, generation: Generation, expected: Sequence[Piece]) -> None:
        """Check all three clauses of one generation, given what it should hold, sorted.

        Raises:
            AssertionError: one is broken; its letter comes first in the message.
        """
        pks = sorted(pk for pk, _ in runtime.catalogue.visible_chunks(generation))
        chunks = runtime.catalogue.chunks(pks)
        check_chunks(generation, chunks.values(), expected)
        self._check_scores(runtime, generation, chunks, expected)
        check_stores(runtime, generation, chunks)

    def _check_scores(
        self, runtime: Any, generation: Generation, chunks: Mapping[int, Chunk], expected: Sequence[Piece]
    ) -> None:
        """(b): what the keyword index scores is what rank_bm25 scores on the same chunks."""
        keywords = runtime.indexes(generation.index_id).keywords
        wanted = self._wanted(runtime.catalogue.index(generation.index_id).bm25, tuple(expected))
        for question, theirs in zip(self._questions, wanted, strict=False):
            found = keywords.search(question, len(expected) + 10, generation.id)
            strange = [candidate.pk for candidate in found if candidate.pk not in chunks]
            assert not strange, f"(b) generation {generation.id}: {question!r} finds chunks that it does not hold"
            ours = {Piece.of(chunks[candidate.pk]): candidate.score for candidate in found}
            scores = np.array([ours.get(piece, 0.0) for piece in expected])
            drift = float(np.abs(scores - np.maximum(theirs, 0.0)).max())
            assert drift <= 1e-5, f"(b) generation {generation.id}: scores of {question!r} are off by {drift:g}"

    def _wanted(self, bm25: Bm25Settings, expected: tuple[Piece, ...]) -> list[NDArray[np.float64]]:
        """Return rank_bm25's scores of every question; none where no chunk has a term."""
        if (bm25, expected) not in self._judges:
            analyzer = Analyzer(bm25)
            terms = [analyzer.terms(indexed_text(piece.header, piece.text)) for piece in expected]
            scores: list[NDArray[np.float64]] = []
            if any(terms):
                judge = BM25Okapi(terms, k1=bm25.k1, b=bm25.b, epsilon=bm25.epsilon)
                scores = [judge.get_scores(analyzer.terms(question)) for question in self._questions]
            self._judges[bm25, expected] = scores
        return self._judges[bm25, expected]


def check_chunks(generation: Generation, chunks: Iterable[Chunk], expected: Sequence[Piece]) -> None:
    """(a): no chunk is missing, stale, doubled or cut in another way."""
    found, wanted = Counter(map(Piece.of, chunks)), Counter(expected)
    assert found == wanted, f"(a) generation {generation.id}: lost {wanted - found}, stale or doubled {found - wanted}"


def check_stores(runtime: Any, generation: Generation, chunks: Mapping[int, Chunk]) -> None:
    """(c): catalogue, vectors, keywords and token vectors hold the same chunks, and the vectors are those chunks'."""
    pks = sorted(chunks)
    index = runtime.indexes(generation.index_id)
    counts = {"vectors": index.vectors.count(generation.id), "keywords": index.keywords.count(generation.id)}
    assert set(counts.values()) == {len(pks)}, f"(c) generation {generation.id}: catalogue {len(pks)}, {counts}"
    probe = index.embedder.embed(["probe"]).vectors[0]
    near = [candidate.pk for candidate in index.vectors.search(probe, len(pks) + 10, generation.id, ())]
    assert sorted(near) == pks, f"(c) generation {generation.id}: vectors {sorted(near)}, catalogue {pks}"
    dense, tokens = index.vectors.get(pks), index.token_vectors.get(pks)
    assert sorted(dense) == sorted(tokens) == pks, f"(c) generation {generation.id}: vectors are missing"
    fresh = index.embedder.embed([chunks[pk].indexed_text for pk in pks], with_tokens=True)
    for pk, vector, rows in zip(pks, fresh.vectors, fresh.tokens, strict=True):
        close = float(dense[pk] @ vector)
        assert close > 0.97, f"(c) generation {generation.id}: chunk {pk} has another text's vector ({close:.3f})"
        assert tokens[pk].shape == rows.shape, f"(c) generation {generation.id}: chunk {pk} has other token vectors"
        close = float((tokens[pk] * rows).sum(1).mean()) if len(rows) else 1.0
        assert close > 0.9, f"(c) generation {generation.id}: chunk {pk} has another text's tokens ({close:.3f})"
