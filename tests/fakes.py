"""Fakes of every port: small, deterministic, in memory, so that a test drives the flow without models or files."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rag.conditions import Filter, OneOf, matches
from rag.context.terms import content_terms
from rag.errors import CorpusNotFoundError, DocumentNotFoundError
from rag.index.token_vectors import pack, unpack
from rag.llm import ChatRequest, Completion, Delta
from rag.models.late_interaction import QueryEncoder
from rag.ports import Embeddings, Index, Point
from rag.retrieve.retrievers import Stores
from rag.types import (
    Answerability,
    Candidate,
    Chunk,
    Context,
    Document,
    Draft,
    Generation,
    Hit,
    Piece,
    Prompt,
    Query,
    ScoredSpan,
    Selection,
    Span,
    StageScore,
    Support,
    Usage,
    Vectors,
)

GENERATION = Generation(1, "fake", 1, "fake-settings")


class FakeTokenizer:
    """A token is a run of word characters or one other mark."""

    name = "fake-words"

    def count(self, text: str) -> int:
        return len(self.offsets(text))

    def offsets(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in re.finditer(r"\w+|[^\w\s]", text)]


class FakeEmbedder:
    """Gives every word stem a fixed random direction; a text's vector is the normalised sum of its words'."""

    name = "fake-embedder"
    max_tokens = 256

    def __init__(self, dim: int = 32) -> None:
        self.dim = dim
        self.tokenizer = FakeTokenizer()
        self.calls: list[list[str]] = []

    def embed(self, texts: Sequence[str], *, with_tokens: bool = False) -> Embeddings:
        self.calls.append(list(texts))
        tokens = [self._tokens(text) for text in texts]
        sums = [rows.sum(0) if len(rows) else np.ones(self.dim, np.float32) for rows in tokens]
        vectors = np.array([_unit(row) for row in sums], np.float32).reshape(len(texts), self.dim)
        return Embeddings(vectors, tuple(tokens) if with_tokens else ())

    def _tokens(self, text: str) -> Vectors:
        spans = self.tokenizer.offsets(text)[: self.max_tokens]
        rows = [self._direction(text[start:end]) for start, end in spans]
        return np.array(rows, np.float32).reshape(len(rows), self.dim)

    def _direction(self, word: str) -> NDArray[np.float32]:
        stem = (content_terms(word) or [word.lower()])[0]
        seed = int.from_bytes(hashlib.sha256(stem.encode()).digest()[:8], "big")
        return _unit(np.random.default_rng(seed).standard_normal(self.dim).astype(np.float32))


class FakeVectorIndex:
    """Exact search over points in a dict."""

    def __init__(self) -> None:
        self.points: dict[int, Point] = {}
        self.removed: dict[int, int] = {}
        self.asked_exactly: list[bool] = []

    def upsert(self, points: Sequence[Point]) -> None:
        for point in points:
            self.points[point.pk] = point
            self.removed.pop(point.pk, None)

    def set_removed(self, pks: Sequence[int], generation: int) -> None:
        self.removed.update(dict.fromkeys(pks, generation))

    def delete(self, pks: Sequence[int]) -> None:
        for pk in pks:
            self.points.pop(pk, None)

    def search(
        self, vector: NDArray[np.float32], top_k: int, generation: int, filter: Filter, exact: bool = False
    ) -> list[Candidate]:
        self.asked_exactly.append(exact)
        found = [
            Candidate(point.pk, float(point.vector @ vector))
            for point in self._visible(generation)
            if matches(point.fields, filter)
        ]
        return sorted(found, key=lambda c: (-c.score, c.pk))[:top_k]

    def count(self, generation: int) -> int:
        return len(self._visible(generation))

    def get(self, pks: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        return {pk: self.points[pk].vector for pk in pks if pk in self.points}

    def flush(self) -> None:
        pass

    def _visible(self, generation: int) -> list[Point]:
        points = self.points.values()
        return [p for p in points if p.added <= generation < self.removed.get(p.pk, generation + 1)]


class FakeKeywordIndex:
    """Counts shared word stems."""

    def __init__(self) -> None:
        self.texts: dict[int, str] = {}

    def add(self, generation: int, pks: Sequence[int], texts: Sequence[str]) -> None:
        self.texts.update(zip(pks, texts, strict=True))

    def publish(self, generation: int, visible: Iterable[tuple[int, str]]) -> None:
        pass

    def search(
        self,
        text: str,
        top_k: int,
        generation: int,
        allowed: frozenset[int] | None = None,
        extra: Mapping[str, float] | None = None,
    ) -> list[Candidate]:
        wanted = {**dict.fromkeys(self.terms(text), 1.0), **(extra or {})}
        held = {pk: set(self.terms(body)) for pk, body in self.texts.items()}
        scores = {pk: sum(weight for term, weight in wanted.items() if term in terms) for pk, terms in held.items()}
        found = [Candidate(pk, s) for pk, s in scores.items() if s > 0 and (allowed is None or pk in allowed)]
        return sorted(found, key=lambda c: (-c.score, c.pk))[:top_k]

    def terms(self, text: str) -> list[str]:
        return content_terms(text)

    def held(self, terms: Collection[str], generation: int, allowed: frozenset[int] | None = None) -> frozenset[str]:
        seen = (set(self.terms(body)) for pk, body in self.texts.items() if allowed is None or pk in allowed)
        return frozenset(terms).intersection(set().union(*seen))

    def count(self, generation: int) -> int:
        return len(self.texts)

    def discard(self, generation: int) -> None:
        self.texts.clear()

    def retire(self, generation: int) -> None:
        """Keep everything: a fake has one generation."""


class FakeTokenVectors:
    """Keeps token vectors in a dict."""

    def __init__(self) -> None:
        self.vectors: dict[int, Vectors] = {}

    def add(self, generation: int, pks: Sequence[int], vectors: Sequence[Vectors]) -> None:
        self.vectors.update(zip(pks, vectors, strict=True))

    def publish(self, generation: int) -> None:
        pass

    def get(self, pks: Sequence[int]) -> dict[int, Vectors]:
        return {pk: self.vectors[pk] for pk in pks if pk in self.vectors}

    def packed(self, pks: Sequence[int]) -> dict[int, NDArray[np.uint8]]:
        return {pk: pack(vectors) for pk, vectors in self.get(pks).items()}

    def add_packed(self, generation: int, pks: Sequence[int], packed: Sequence[NDArray[np.uint8]]) -> None:
        self.add(generation, pks, [unpack(rows, rows.shape[1] * 2) for rows in packed])

    def discard(self, generation: int) -> None:
        self.vectors.clear()


class FakeCatalogue:
    """One published generation of the documents and chunks it is given."""

    def __init__(self, documents: Sequence[Document], chunks: Sequence[Chunk]) -> None:
        self.documents = {document.doc_id: document for document in documents}
        self.by_pk = {chunk.pk: chunk for chunk in chunks}

    def live(self, corpus: str) -> Generation:
        if corpus != GENERATION.corpus:
            raise CorpusNotFoundError(f"there is no corpus {corpus!r}")
        return GENERATION

    def chunks(self, pks: Sequence[int]) -> dict[int, Chunk]:
        return {pk: self.by_pk[pk] for pk in pks if pk in self.by_pk}

    def document(self, generation: Generation, doc_id: str) -> Document:
        if doc_id not in self.documents:
            raise DocumentNotFoundError(f"no document {doc_id!r}")
        return self.documents[doc_id]

    def document_chunks(self, generation: Generation, doc_id: str) -> list[Chunk]:
        return sorted((c for c in self.by_pk.values() if c.doc_id == doc_id), key=lambda chunk: chunk.span)

    def children(self, generation: Generation, doc_id: str, parents: Sequence[Span]) -> list[Chunk]:
        mine = [chunk for chunk in self.by_pk.values() if chunk.doc_id == doc_id and chunk.parent in parents]
        return sorted(mine, key=lambda chunk: chunk.span)

    def matching(self, generation: Generation, filter: Filter) -> frozenset[int]:
        return frozenset(pk for pk, chunk in self.by_pk.items() if matches(chunk.metadata, filter))

    def texts(self, generation: Generation, filter: Filter) -> Iterator[str]:
        for document in self.documents.values():
            if matches(document.metadata, filter):
                yield f"{document.doc_id}\n{document.title}\n{document.text}"

    def field_values(self, generation: Generation, field: str) -> frozenset[str]:
        found = (document.metadata.get(field, ()) for document in self.documents.values())
        return frozenset(item for value in found for item in ((value,) if isinstance(value, str) else value))

    def chunk_count(self, generation: Generation) -> int:
        return len(self.by_pk)


class FakeRetriever:
    """Returns the candidates it was made with."""

    def __init__(self, name: str, candidates: Sequence[Candidate]) -> None:
        self.name = name
        self.candidates = list(candidates)

    async def retrieve(self, query: Query) -> list[Candidate]:
        return self.candidates[: query.top_k]


class FakeReranker:
    """Turns the order around."""

    name = "reversed"

    async def rerank(self, query: Query, hits: Sequence[Hit]) -> list[Hit]:
        return [Hit(hit.chunk, rank, hit.score, hit.stages) for rank, hit in enumerate(reversed(hits), 1)]


class FakeCompressor:
    """Keeps every hit whole, as one unit of score 1."""

    name = "whole"

    async def compress(self, query: Query, hits: Sequence[Hit]) -> list[Selection]:
        return [Selection(hit, (hit.chunk.span,), (ScoredSpan(hit.chunk.span, 1.0),)) for hit in hits]


class FakeGate:
    """Refuses with the reason it was made with, or never."""

    name = "fixed"

    def __init__(self, reason: str | None = None) -> None:
        self.reason = reason

    async def judge(self, query: Query, hits: Sequence[Hit], context: Context) -> Answerability:
        return Answerability(self.reason)


@dataclass
class FakeGenerator:
    """Answers with a fixed text and remembers what it was asked."""

    text: str = "An answer [1]."
    model: str = "fake-model"
    prompts: list[Prompt] = field(default_factory=list)
    usage: Usage = Usage()

    async def generate(self, question: str, context: Context, prompt: Prompt) -> Draft:
        self.prompts.append(prompt)
        return Draft(self.text, self.model, self.usage)

    async def stream(self, question: str, context: Context, prompt: Prompt) -> AsyncIterator[Piece]:
        self.prompts.append(prompt)
        for word in re.findall(r"\S+\s*", self.text):
            await asyncio.sleep(0)
            yield word
        yield self.usage


@dataclass
class FakeChatModel:
    """Replies with a fixed text, word by word in a stream, and remembers what it was asked."""

    text: str = "An answer [1]."
    model: str = "fake-model"
    usage: Usage | None = None
    requests: list[ChatRequest] = field(default_factory=list)

    async def complete(self, request: ChatRequest) -> Completion:
        self.requests.append(request)
        return Completion(self.text, finish_reason="stop", usage=self.usage)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        self.requests.append(request)
        for word in re.findall(r"\S+\s*", self.text):
            await asyncio.sleep(0)
            yield Delta(word)
        yield Delta("", finish_reason="stop", usage=self.usage)


class FakeVerifier:
    """Supports a claim when its evidence holds it literally."""

    name = "literal"

    async def verify(self, claims: Sequence[tuple[str, str]]) -> list[Support]:
        return [Support(float(claim in evidence), claim in evidence) for claim, evidence in claims]


@dataclass
class FakeWorld:
    """Documents behind every leaf port: each paragraph (parted by blank lines) is a chunk."""

    documents: list[Document]
    chunks: list[Chunk]
    catalogue: FakeCatalogue
    index: Index
    embedder: FakeEmbedder

    def indexes(self, index_id: int) -> Index:
        assert index_id == GENERATION.index_id
        return self.index

    def stores(self) -> Stores:
        return Stores(self.indexes, self.catalogue, QueryEncoder(self.indexes))


def make_world(texts: Mapping[str, str], *, store_tokens: bool = True) -> FakeWorld:
    """Build a world from `{doc_id: text}`; every document has the metadata `name = doc_id`."""
    documents = [make_document(doc_id, text) for doc_id, text in texts.items()]
    chunks = [chunk for document in documents for chunk in _paragraphs(document)]
    chunks = [make_chunk(c.text, c.doc_id, c.span.start, pk) for pk, c in enumerate(chunks, 1)]
    embedder = FakeEmbedder()
    embedded = embedder.embed([chunk.indexed_text for chunk in chunks], with_tokens=True)
    embedder.calls.clear()
    vectors, keywords, tokens = FakeVectorIndex(), FakeKeywordIndex(), FakeTokenVectors()
    pks = [chunk.pk for chunk in chunks]
    vectors.upsert([Point(c.pk, v, 1, 1, c.metadata) for c, v in zip(chunks, embedded.vectors, strict=True)])
    keywords.add(1, pks, [chunk.indexed_text for chunk in chunks])
    if store_tokens:
        tokens.add(1, pks, embedded.tokens)
    index = Index(GENERATION.index_id, embedder, vectors, keywords, tokens)
    return FakeWorld(documents, chunks, FakeCatalogue(documents, chunks), index, embedder)


def make_document(doc_id: str, text: str) -> Document:
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Document(doc_id, doc_id, text, (), digest, metadata={"name": doc_id})


def make_chunk(text: str, doc_id: str = "doc", start: int = 0, pk: int = 1, title: str = "") -> Chunk:
    digest = hashlib.sha256(f"{doc_id}\x1f{start}\x1f{text}".encode()).hexdigest()[:16]
    span = Span(start, start + len(text))
    return Chunk(digest, doc_id, span, text, title, metadata={"name": doc_id}, pk=pk)


def make_hit(text: str, doc_id: str = "doc", start: int = 0, rank: int = 1, score: float | None = None) -> Hit:
    chunk = make_chunk(text, doc_id, start, rank)
    value = 1.0 / rank if score is None else score
    return Hit(chunk, rank, value, {"fused": StageScore(rank, value)})


def make_query(text: str, top_k: int = 10, **filter: str) -> Query:
    return Query(text, GENERATION, top_k, equal_to(**filter))


def equal_to(**fields: str) -> Filter:
    return tuple(OneOf(field, (value,)) for field, value in fields.items())


def _paragraphs(document: Document) -> list[Chunk]:
    return [
        make_chunk(match.group(), document.doc_id, match.start())
        for match in re.finditer(r"\S(?:.*?\S)??(?=\n\n|\s*\Z)", document.text, re.DOTALL)
    ]


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    norm = float(np.linalg.norm(vector))
    return vector / norm if norm else vector
