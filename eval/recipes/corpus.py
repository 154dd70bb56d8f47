"""A golden-set folder as an index in memory, so that a recipe runs the shipped stages over it and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rank_bm25 import BM25Okapi

from ingest.chunkers import chunk
from ingest.partition import document_from_row, partition_file
from rag.context.terms import content_terms
from rag.errors import DocumentError
from rag.ports import Embedder, Index, Point
from rag.settings import ChunkerSettings
from rag.types import Candidate, Chunk, Document, Generation, Vectors

GENERATION = Generation(1, "recipe", 1, "recipe")


@dataclass(frozen=True, slots=True)
class Corpus:
    """A golden set's documents, their chunks and vectors, and its questions as they stand in the file."""

    chunks: Mapping[int, Chunk]
    texts: Mapping[str, str]
    questions: tuple[Mapping[str, Any], ...]
    index: Index

    def indexes(self, index_id: int) -> Index:
        """`rag.ports.Indexes` with one index."""
        return self.index

    def without(self, doc_ids: Collection[str]) -> Corpus:
        """Return the corpus as if these documents had never been ingested."""
        hidden = frozenset(pk for pk, chunk in self.chunks.items() if chunk.doc_id in doc_ids)
        vectors, keywords = self.index.vectors, self.index.keywords
        if not isinstance(vectors, ExactVectors) or not isinstance(keywords, ExactBm25):
            raise TypeError("only a corpus in memory can hide documents")
        stores = (vectors.hiding(hidden), keywords.hiding(hidden), self.index.token_vectors)
        return replace(self, index=Index(self.index.id, self.index.embedder, *stores))


def load_corpus(folder: Path, embedder: Embedder, cache: Path) -> Corpus:
    """Read and embed a golden-set folder; vectors are kept in `cache`, so a second run is quick."""
    documents = list(_documents(folder))
    settings = ChunkerSettings()
    chunks = [piece for document in documents for piece in chunk(document, embedder.tokenizer, settings)]
    numbered = {pk: replace(piece, pk=pk) for pk, piece in enumerate(chunks, 1)}
    vectors, tokens = _embedded(list(numbered.values()), embedder, cache / f"{folder.name}.npz")
    lines = (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    questions = tuple(json.loads(line) for line in lines)
    bm25 = BM25Okapi([content_terms(piece.indexed_text) or [""] for piece in chunks])
    stores = (ExactVectors(vectors), ExactBm25(bm25), MemoryTokens(tokens))
    texts = {document.doc_id: document.text for document in documents}
    return Corpus(numbered, texts, questions, Index(1, embedder, *stores))


class ExactVectors:
    """`VectorIndex` by exact search."""

    def __init__(self, vectors: Vectors, hidden: frozenset[int] = frozenset()) -> None:
        self._vectors = vectors
        self._hidden = hidden

    def hiding(self, pks: frozenset[int]) -> ExactVectors:
        """Return the same index without these chunks."""
        return ExactVectors(self._vectors, pks)

    def search(
        self, vector: NDArray[np.float32], top_k: int, generation: int, filter: Mapping[str, str]
    ) -> list[Candidate]:
        """Return the nearest chunks."""
        return _top(self._vectors @ vector, top_k, self._hidden, -np.inf)

    def upsert(self, points: Sequence[Point]) -> None:
        """Refuse: a recipe's index is read-only."""
        raise NotImplementedError

    def set_removed(self, pks: Sequence[int], generation: int) -> None:
        """Refuse: a recipe's index is read-only."""
        raise NotImplementedError

    def delete(self, pks: Sequence[int]) -> None:
        """Refuse: a recipe's index is read-only."""
        raise NotImplementedError

    def count(self, generation: int) -> int:
        """Return the number of chunks."""
        return len(self._vectors)

    def flush(self) -> None:
        """Do nothing: there is no file."""


class ExactBm25:
    """`KeywordIndex` by rank_bm25's Okapi scores."""

    def __init__(self, bm25: BM25Okapi, hidden: frozenset[int] = frozenset()) -> None:
        self._bm25 = bm25
        self._hidden = hidden

    def hiding(self, pks: frozenset[int]) -> ExactBm25:
        """Return the same index without these chunks; its statistics stay."""
        return ExactBm25(self._bm25, pks)

    def search(self, text: str, top_k: int, generation: int, allowed: frozenset[int] | None = None) -> list[Candidate]:
        """Return the best chunks with a score above 0."""
        return _top(np.asarray(self._bm25.get_scores(content_terms(text))), top_k, self._hidden, 0.0)

    def add(self, generation: int, pks: Sequence[int], texts: Sequence[str]) -> None:
        """Refuse: a recipe's index is read-only."""
        raise NotImplementedError

    def publish(self, generation: int, visible: Sequence[tuple[int, str]]) -> None:
        """Refuse: a recipe's index is read-only."""
        raise NotImplementedError

    def count(self, generation: int) -> int:
        """Return the number of chunks."""
        return int(self._bm25.corpus_size)

    def discard(self, generation: int) -> None:
        """Refuse: a recipe's index is read-only."""
        raise NotImplementedError

    def retire(self, generation: int) -> None:
        """Refuse: a recipe's index is read-only."""
        raise NotImplementedError


class MemoryTokens:
    """`TokenVectors` in memory."""

    def __init__(self, tokens: Mapping[int, Vectors]) -> None:
        self._tokens = tokens

    def get(self, pks: Sequence[int]) -> dict[int, Vectors]:
        """Return the vectors."""
        return {pk: self._tokens[pk].astype(np.float32) for pk in pks}

    def add(self, generation: int, pks: Sequence[int], vectors: Sequence[Vectors]) -> None:
        """Refuse: a recipe's index is read-only."""
        raise NotImplementedError

    def publish(self, generation: int) -> None:
        """Refuse: a recipe's index is read-only."""
        raise NotImplementedError

    def discard(self, generation: int) -> None:
        """Refuse: a recipe's index is read-only."""
        raise NotImplementedError


def _top(scores: NDArray[Any], top_k: int, hidden: frozenset[int], above: float) -> list[Candidate]:
    ranked = (int(i) for i in np.argsort(-scores, kind="stable")[: top_k + len(hidden)])
    found = [Candidate(i + 1, float(scores[i])) for i in ranked if scores[i] > above and i + 1 not in hidden]
    return found[:top_k]


def _documents(folder: Path) -> Iterator[Document]:
    rows = folder / "documents.jsonl"
    if rows.exists():
        for line in rows.read_text(encoding="utf-8").splitlines():
            yield document_from_row(json.loads(line), "")
        return
    for path in sorted(path for path in (folder / "docs").rglob("*") if path.is_file()):
        try:
            yield partition_file(path, path.relative_to(folder / "docs").as_posix())
        except DocumentError:
            continue  # broken files are part of some sets; ingest names them as failures


def _embedded(chunks: Sequence[Chunk], embedder: Embedder, path: Path) -> tuple[Vectors, dict[int, Vectors]]:
    key = hashlib.sha256("".join([embedder.name, *(c.chunk_id for c in chunks)]).encode()).hexdigest()
    if path.exists():
        with np.load(path) as stored:
            if str(stored["key"]) == key:
                return stored["vectors"], _split(stored["tokens"], stored["lengths"])
    result = embedder.embed([chunk.indexed_text for chunk in chunks], with_tokens=True)
    lengths = np.array([len(rows) for rows in result.tokens])
    tokens = np.concatenate(result.tokens).astype(np.float16)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, key=key, vectors=result.vectors, tokens=tokens, lengths=lengths)
    return result.vectors, _split(tokens, lengths)


def _split(tokens: NDArray[np.float16], lengths: NDArray[np.int64]) -> dict[int, Any]:
    parts = np.split(tokens, np.cumsum(lengths)[:-1])
    return dict(enumerate(parts, 1))
