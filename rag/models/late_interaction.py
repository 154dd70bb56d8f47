"""Late interaction: questions and passages compared token by token, with token vectors stored at ingest.

The one place where query-time stages meet the embedder: a question is embedded once however many stages ask, and a
sentence's token vectors are a slice of its chunk's, so sentences are scored without a further model run.
Khattab and Zaharia, https://arxiv.org/abs/2004.12832.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from rag.cache.recent import Recent
from rag.models.term_coverage import ChunkTerms, terms_of
from rag.ports import Embedder, Embeddings, Indexes, Tokenizer
from rag.types import Chunk, Query, Reading, Span, Vectors

_SCORED = 1024
_KNOWN_CHUNKS = 8192  # about 20 MB of terms and places of tokens
_HEADER = 0.85  # of what a question token is worth in a sentence, it is worth in the title and headings above
_ONE_THREAD = 2**18  # multiplications up to which OpenBLAS takes one thread


class QueryEncoder:
    """Embeds questions with the model of the index they go to, each once; blocking, so call it in a thread."""

    def __init__(self, indexes: Indexes, size: int = 512) -> None:
        self._indexes = indexes
        self._recent: Recent[tuple[str, str], Embeddings] = Recent(size)

    def encode(self, query: Query) -> Embeddings:
        """Return the question's sentence vector `(1, d)` and its token vectors `(t, d)`."""
        return self._encode(self._indexes(query.generation.index_id).embedder, query.text)

    def tuned(self, query: Query) -> Vectors:
        """Return the question's token vectors `(t, d)` as the encoder trained for them reads it; else the embedder."""
        index = self._indexes(query.generation.index_id)
        return self._encode(index.questions or index.embedder, query.text).tokens[0]

    def _encode(self, embedder: Embedder, text: str) -> Embeddings:
        key = (embedder.name, text)
        found = self._recent.get(key)
        if found is None:
            found = embedder.embed([text], with_tokens=True)
            self._recent.put(key, found)
        return found


class LateInteraction:
    """Scores chunks, and sentences of chunks, against a question; blocking, so call it in a thread."""

    def __init__(self, indexes: Indexes, encoder: QueryEncoder, size: int = 128, scored: int = _SCORED) -> None:
        """Keep the token vectors of `size` chunks that have none stored, and the readings of `scored` chunks."""
        self.indexes = indexes
        self.encoder = encoder
        self._computed: Recent[tuple[str, str], Vectors] = Recent(size)
        self._scored: Recent[Hashable, list[Reading]] = Recent(scored)
        self._terms: Recent[Hashable, ChunkTerms] = Recent(_KNOWN_CHUNKS)
        self._places: Recent[Hashable, NDArray[np.int32]] = Recent(_KNOWN_CHUNKS)

    def chunks(self, query: Query, chunks: Sequence[Chunk]) -> list[float]:
        """Return the MaxSim of the question to each chunk (-1..1, higher is closer)."""
        return maxsims(self.closeness(query, chunks))

    def tuned(self, query: Query, chunks: Sequence[Chunk]) -> tuple[list[float], list[float]]:
        """Return the MaxSim of each chunk (-1..1) to the question as embedded, and as its own encoder reads it."""
        plain, tuned = self.encoder.encode(query).tokens[0], self.encoder.tuned(query)
        found = closest(np.concatenate([plain, tuned]), self._tokens(query, chunks))
        return maxsims(found[: len(plain)]), maxsims(found[len(plain) :])

    def terms(self, query: Query, chunks: Sequence[Chunk]) -> list[ChunkTerms]:
        """Return the keyword index' terms of each chunk; what was hit lately is not split again."""
        index_id = query.generation.index_id
        terms = self.indexes(index_id).keywords.terms
        return [self._terms.of((index_id, c.pk, c.chunk_id), partial(terms_of, c, terms)) for c in chunks]

    def closeness(self, query: Query, chunks: Sequence[Chunk]) -> Vectors:
        """Return `(t, n)`: how close each of the question's tokens comes to any token of each chunk (-1..1)."""
        return closest(self.encoder.encode(query).tokens[0], self._tokens(query, chunks))

    def units(self, query: Query, pieces: Sequence[tuple[Chunk, Sequence[Span]]]) -> list[list[float]]:
        """Return, per chunk, the MaxSim of the question to each of its ranges (document offsets).

        A range's token vectors are a slice of its chunk's. One that the model did not see (beyond its window)
        scores 0. The ranges of the last few questions are remembered.
        """
        return [[reading.close for reading in found] for found in self.readings(query, pieces)]

    def readings(self, query: Query, pieces: Sequence[tuple[Chunk, Sequence[Span]]]) -> list[list[Reading]]:
        """Return the same with both readings of the question, as it is embedded and as its own encoder reads it.

        Without an encoder of its own the embedder's is read twice; the title and headings count in the second only.
        """
        embedder = self.indexes(query.generation.index_id).embedder
        keys = [(embedder.name, query.text, chunk.pk, chunk.chunk_id, tuple(spans)) for chunk, spans in pieces]
        found = {key: self._scored.get(key) for key in keys}
        missing = [(key, piece) for key, piece in zip(keys, pieces, strict=True) if found[key] is None]
        if missing:
            scores = self._score_units(query, [piece for _, piece in missing])
            for (key, _), values in zip(missing, scores, strict=True):
                found[key] = values
                self._scored.put(key, values)
        return [list(found[key] or ()) for key in keys]

    def _score_units(self, query: Query, pieces: Sequence[tuple[Chunk, Sequence[Span]]]) -> list[list[Reading]]:
        plain, tuned = self.encoder.encode(query).tokens[0], self.encoder.tuned(query)
        question = np.concatenate([plain, tuned])
        embedder = self.indexes(query.generation.index_id).embedder
        vectors = self._tokens(query, [chunk for chunk, _ in pieces])
        return [
            _readings(
                _similarities(question, tokens), len(plain), tokens, self._offsets(embedder, chunk, tokens), spans
            )
            for (chunk, spans), tokens in zip(pieces, vectors, strict=True)
        ]

    def _offsets(self, embedder: Embedder, chunk: Chunk, tokens: Vectors) -> NDArray[np.int32]:
        """Return the places of the chunk's tokens that have a vector; those of what was hit lately are known."""
        key = (embedder.name, chunk.pk, chunk.chunk_id, len(tokens))
        return self._places.of(key, partial(_offsets, embedder.tokenizer, chunk, len(tokens)))

    def _tokens(self, query: Query, chunks: Sequence[Chunk]) -> list[Vectors]:
        index = self.indexes(query.generation.index_id)
        stored = index.token_vectors.get([chunk.pk for chunk in chunks])
        missing = [chunk for chunk in chunks if chunk.pk not in stored]
        computed = self._compute(index.embedder, missing)
        return [stored[c.pk] if c.pk in stored else computed[c.chunk_id] for c in chunks]

    def _compute(self, embedder: Embedder, chunks: Sequence[Chunk]) -> dict[str, Vectors]:
        found = {c.chunk_id: self._computed.get((embedder.name, c.chunk_id)) for c in chunks}
        missing = [c for c in chunks if found[c.chunk_id] is None]
        if missing:
            embedded = embedder.embed([c.indexed_text for c in missing], with_tokens=True).tokens
            for chunk, vectors in zip(missing, embedded, strict=True):
                found[chunk.chunk_id] = vectors
                self._computed.put((embedder.name, chunk.chunk_id), vectors)
        return {chunk_id: vectors for chunk_id, vectors in found.items() if vectors is not None}


def closest(question: Vectors, passages: Sequence[Vectors]) -> Vectors:
    """Return `(q, n)`: the best similarity of each question token to any token of each passage, 0 where it has none.

    Inputs are `(q, d)` and `(t_i, d)`, rows L2-normalised; the result lies in -1..1.
    """
    best = np.zeros((len(question), len(passages)), np.float32)
    filled = [i for i, passage in enumerate(passages) if len(passage)]
    if len(question) and filled:
        similarity = _similarities(question, np.concatenate([passages[i] for i in filled]))
        starts = np.cumsum([0] + [len(passages[i]) for i in filled[:-1]])
        best[:, filled] = np.maximum.reduceat(similarity, starts, axis=1)
    return best


def maxsims(closeness: Vectors) -> list[float]:
    """Return, per column of what `closest` returns, the mean over question tokens (-1..1); 0 without any token."""
    return [float(score) for score in closeness.mean(axis=0)] if len(closeness) else [0.0] * closeness.shape[1]


def _similarities(question: Vectors, rows: Vectors) -> Vectors:
    """Return `question @ rows.T`, in pieces so small that BLAS wakes no second thread.

    Waking one costs more than it saves here, ten times as much while other questions keep the cores busy.
    """
    size = max(1, _ONE_THREAD // max(1, question.size))
    whole = len(rows) - len(rows) % size
    turned = np.ascontiguousarray(question.T)
    found = np.empty((len(rows), len(question)), np.float32)
    if whole:  # a stack of matrices is multiplied one by one
        np.matmul(
            rows[:whole].reshape(-1, size, rows.shape[1]), turned, out=found[:whole].reshape(-1, size, len(question))
        )
    np.matmul(rows[whole:], turned, out=found[whole:])
    return found.T


def _offsets(tokenizer: Tokenizer, chunk: Chunk, seen: int) -> NDArray[np.int32]:
    """Return `(t, 2)` document offsets of the chunk's first `seen` tokens; those of the header lie before the chunk."""
    header = len(chunk.indexed_text) - len(chunk.text)
    offsets = np.array(tokenizer.offsets(chunk.indexed_text)[:seen], dtype=np.int32).reshape(-1, 2)
    inside = offsets[:, 1] > header
    return np.where(inside[:, None], np.maximum(offsets - header, 0) + chunk.span.start, -1)


def _readings(
    similarity: Vectors, plain: int, tokens: Vectors, offsets: NDArray[np.int32], spans: Sequence[Span]
) -> list[Reading]:
    """Return, per range, the mean over question tokens of the best token inside; nothing where no token is.

    The first `plain` rows of `similarity` `(q, t)` are the question as it is embedded, the others as its own encoder
    reads it; `tokens` are `(t, d)`, their `offsets` `(t, 2)` in order, those of the header -1.
    """
    if not 0 < plain < len(similarity):
        return [Reading()] * len(spans)
    first = np.searchsorted(offsets[:, 1], [span.start for span in spans], side="right")
    last = np.searchsorted(offsets[:, 0], [span.end for span in spans], side="left")
    seen = np.flatnonzero(first < last)
    if not seen.size:
        return [Reading()] * len(spans)
    edges = np.stack([first[seen], last[seen]], axis=1).ravel()
    # reduceat takes no index behind the last column
    padded = np.concatenate([similarity, similarity[:, -1:]], axis=1)
    best = np.maximum.reduceat(padded, edges, axis=1)[:, ::2]
    above = np.searchsorted(offsets[:, 1], 0)
    floor = _HEADER * similarity[plain:, :above].max(axis=1, keepdims=True) if above else np.float32(-1)
    close, chosen = best[:plain].mean(axis=0), np.maximum(best[plain:], floor).mean(axis=0)
    sums = np.stack([tokens[first[i] : last[i]].sum(axis=0, dtype=np.float32) for i in seen])
    sums /= np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
    found = [Reading()] * len(spans)
    for n, i in enumerate(seen):
        found[i] = Reading(float(close[n]), float(chosen[n]), sums[n])
    return found
