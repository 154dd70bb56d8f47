"""A golden-set folder as an index in memory, so that a recipe runs the shipped stages over it and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.context.terms import content_terms
from rag.ports import Embedder, Index, Point
from rag.text import sentences
from rag.types import Candidate, Chunk, Generation, Span, Vectors

GENERATION = Generation(1, "recipe", 1, "recipe")
_CHUNK_TOKENS = 200


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


def load_corpus(folder: Path, embedder: Embedder, cache: Path) -> Corpus:
    """Read and embed a golden-set folder; vectors are kept in `cache`, so a second run is quick."""
    documents = list(_documents(folder))
    chunks = [chunk for doc_id, title, text in documents for chunk in _chunks(doc_id, title, text, embedder)]
    numbered = {pk: _with_pk(chunk, pk) for pk, chunk in enumerate(chunks, 1)}
    vectors, tokens = _embedded(list(numbered.values()), embedder, cache / f"{folder.name}.npz")
    lines = (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    questions = tuple(json.loads(line) for line in lines)
    stores = (ExactVectors(vectors), ExactBm25(list(numbered.values())), MemoryTokens(tokens))
    texts = {doc_id: text for doc_id, _, text in documents}
    return Corpus(numbered, texts, questions, Index(1, embedder, *stores))


class ExactVectors:
    """`VectorIndex` by exact search; `hidden` pks are not found."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors
        self.hidden: frozenset[int] = frozenset()

    def search(
        self, vector: NDArray[np.float32], top_k: int, generation: int, filter: Mapping[str, str]
    ) -> list[Candidate]:
        """Return the nearest chunks."""
        return _top(self._vectors @ vector, top_k, self.hidden, -np.inf)

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
    """`KeywordIndex` by rank_bm25's Okapi scores; `hidden` pks are not found."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        from rank_bm25 import BM25Okapi

        self._bm25 = BM25Okapi([content_terms(chunk.indexed_text) or [""] for chunk in chunks])
        self.hidden: frozenset[int] = frozenset()

    def search(self, text: str, top_k: int, generation: int, allowed: frozenset[int] | None = None) -> list[Candidate]:
        """Return the best chunks with a score above 0."""
        return _top(np.asarray(self._bm25.get_scores(content_terms(text))), top_k, self.hidden, 0.0)

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


def _documents(folder: Path) -> Iterator[tuple[str, str, str]]:
    rows = folder / "documents.jsonl"
    if rows.exists():
        for line in rows.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            yield row["doc_id"], row.get("title") or "", row["text"]
        return
    for path in sorted((folder / "docs").rglob("*")):
        if path.suffix in (".md", ".txt"):
            text = path.read_text(encoding="utf-8-sig").replace("\r\n", "\n")
            yield path.relative_to(folder / "docs").as_posix(), "", text


def _chunks(doc_id: str, title: str, text: str, embedder: Embedder) -> Iterator[Chunk]:
    """Cut between sentences into chunks of about 200 tokens."""
    start, end, used = None, 0, 0
    for span in sentences(text):
        size = embedder.tokenizer.count(text[span.start : span.end])
        if start is not None and used + size > _CHUNK_TOKENS:
            yield _chunk(doc_id, title, text, Span(start, end))
            start, used = None, 0
        start = span.start if start is None else start
        end, used = span.end, used + size
    if start is not None:
        yield _chunk(doc_id, title, text, Span(start, end))


def _chunk(doc_id: str, title: str, text: str, span: Span) -> Chunk:
    content = text[span.start : span.end]
    digest = hashlib.sha256(f"{doc_id}\x1f{span.start}\x1f{span.end}\x1f{content}".encode()).hexdigest()
    return Chunk(digest[:16], doc_id, span, content, title)


def _with_pk(chunk: Chunk, pk: int) -> Chunk:
    return Chunk(chunk.chunk_id, chunk.doc_id, chunk.span, chunk.text, chunk.title, pk=pk)


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
