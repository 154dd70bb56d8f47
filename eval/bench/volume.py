"""Corpora of any number of chunks, made of a few thousand real ones in a hundredth of the time that embedding takes.

The first chunks are the real ones, as they were ingested. Every other one is a variation of one of them: a fifth of its
words are drawn from the corpus' own stream of words, so that rare words stay rare and posting lists grow as they do in
language; its vector is mixed with that of another chunk and with noise. What is stored of it goes through the same
ports as what ingestion makes. Only the embedder is left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from eval.bench.own import BENCH_CORPUS, OwnIngestion
from ingest.chunkers.assemble import chunk_id
from ingest.pipeline import create_index
from ingest.store.catalogue import CatalogueWriter
from ingest.store.index_writer import IndexWriter
from ingest.store.reuse import StoredEmbeddings
from ingest.store.rows import MadeDocument
from rag.ports import Index, Point
from rag.runtime import Runtime
from rag.types import Chunk, Document, Span, Vectors

_BLOCK = 2000  # chunks that are made and stored at once
_DOCUMENT = 10  # chunks of one document
_DRAWN = 0.2  # share of the words that are replaced
_NOISE = 0.3  # length of the noise beside a mixture of length 1
_BETWEEN = "\n\n"


@dataclass(frozen=True, slots=True)
class Base:
    """Real chunks: their texts, sentence vectors `(n, d)` and token vectors as they are stored."""

    texts: tuple[str, ...]
    vectors: Vectors
    tokens: tuple[NDArray[np.uint8], ...]


@dataclass(frozen=True, slots=True)
class Block:
    """Chunks in a row, real or made."""

    texts: list[str]
    vectors: Vectors
    tokens: list[NDArray[np.uint8]]


def base_of(own: OwnIngestion, at_most: int) -> Base:
    """Return up to `at_most` chunks of an ingested corpus."""
    chunks = own.chunks()[:at_most]
    index = own.runtime.indexes(own.runtime.catalogue.live(BENCH_CORPUS).index_id)
    pks = [chunk.pk for chunk in chunks]
    vectors, tokens = index.vectors.get(pks), index.token_vectors.packed(pks)
    return Base(
        texts=tuple(chunk.indexed_text for chunk in chunks),
        vectors=np.array([vectors[pk] for pk in pks], np.float32),
        tokens=tuple(np.array(tokens[pk]) for pk in pks),
    )


class Volume:
    """Any number of chunks made of a base; the same seed makes the same ones, and more of them begin with the same.

    At most `kept_tokens` token vectors of each chunk are stored: all of a million chunks would take 23 GB.
    """

    def __init__(self, base: Base, kept_tokens: int, seed: int = 0) -> None:
        self._base = base
        self._kept = kept_tokens
        self._seed = seed
        self._words = [np.array(text.split(" "), object) for text in base.texts]
        self._stream = np.concatenate(self._words)

    def blocks(self, count: int) -> Iterator[Block]:
        """Yield `count` chunks, the real ones first."""
        for number, start in enumerate(range(0, count, _BLOCK)):
            rng = np.random.default_rng([self._seed, number])
            yield self._block(np.arange(start, start + _BLOCK), rng, min(_BLOCK, count - start))

    def _block(self, places: NDArray[np.int64], rng: np.random.Generator, size: int) -> Block:
        base, real = self._base, places < len(self._base.texts)
        rows = places % len(base.texts)
        vectors = np.where(real[:, None], base.vectors[rows], _mixed(base.vectors, rows, rng))
        texts = [base.texts[row] if same else self._varied(row, rng) for row, same in zip(rows, real, strict=True)]
        tokens = [base.tokens[row][: self._kept] for row in rows[:size]] if base.tokens else []
        return Block(texts[:size], vectors[:size], tokens)

    def _varied(self, row: int, rng: np.random.Generator) -> str:
        words = self._words[row]
        drawn = self._stream[rng.integers(0, len(self._stream), len(words))]
        return " ".join(np.where(rng.random(len(words)) < _DRAWN, drawn, words))


def _mixed(vectors: Vectors, rows: NDArray[np.int64], rng: np.random.Generator) -> Vectors:
    """Return each row mixed with another one, three parts to two or more, and with noise; L2-normalised."""
    others = vectors[rng.integers(0, len(vectors), len(rows))]
    share = rng.uniform(0.6, 1.0, (len(rows), 1)).astype(np.float32)
    mixed = _unit(share * vectors[rows] + (1 - share) * others)
    return _unit(mixed + _NOISE * _unit(rng.standard_normal(mixed.shape, np.float32)))


def _unit(rows: Vectors) -> Vectors:
    lengths: Vectors = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / lengths


def fill(runtime: Runtime, volume: Volume, count: int) -> None:
    """Publish `count` chunks as a corpus of a home that has none of that name."""
    writer = CatalogueWriter(runtime.engine, BENCH_CORPUS)
    writer.create_corpus()
    index = runtime.indexes(create_index(writer, runtime))
    settings = runtime.settings.fingerprint()
    live = writer.live()
    generation = writer.begin(index.id, settings)
    stored = 0
    for block in volume.blocks(count):
        _store(writer, index, generation, block, stored)
        stored += len(block.texts)
    known = StoredEmbeddings(runtime.catalogue, runtime.indexes, index.embedder.dim, index.id)
    IndexWriter(writer, index, generation, known).seal(runtime.catalogue, BENCH_CORPUS, settings)
    writer.publish(generation, {"added": stored}, base=live.id if live else None)


def _store(writer: CatalogueWriter, index: Index, generation: int, block: Block, before: int) -> None:
    starts = range(0, len(block.texts), _DOCUMENT)
    made = [_document(f"made/{before + start:08}", block.texts[start : start + _DOCUMENT]) for start in starts]
    stored = [(doc_pk, chunk) for doc_pk, chunks in writer.add(index.id, generation, made) for chunk in chunks]
    pks = [chunk.pk for _, chunk in stored]
    rows = zip(stored, block.vectors, strict=True)
    index.vectors.upsert([Point(chunk.pk, vector, generation, doc_pk, {}) for (doc_pk, chunk), vector in rows])
    index.keywords.add(generation, pks, block.texts)
    index.token_vectors.add_packed(generation, pks, block.tokens)


def _document(doc_id: str, texts: Sequence[str]) -> MadeDocument:
    document = Document(doc_id, doc_id, _BETWEEN.join(texts), (), hashlib.sha256(doc_id.encode()).hexdigest())
    chunks, start = [], 0
    for text in texts:
        span = Span(start, start + len(text))
        chunk = Chunk(chunk_id(doc_id, span, text), doc_id, span, text)
        chunks.append(replace(chunk, title=document.title, tokens=len(text.split())))
        start = span.end + len(_BETWEEN)
    return MadeDocument(document, chunks)
