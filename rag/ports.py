"""The seams of the flow, as Protocols; `rag.runtime` chooses what stands behind each.

Leaf ports (index, models, stores) are synchronous and may block: the flow's parts call them in a thread. Stage ports
are asynchronous, because a member may talk to a network. Nothing else has two colours.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rag.conditions import Filter
from rag.types import (
    Answerability,
    Candidate,
    Chunk,
    Context,
    Document,
    Draft,
    Generation,
    Hit,
    Metadata,
    Piece,
    Prompt,
    Query,
    Selection,
    Span,
    Support,
    Turn,
    Vectors,
)

ReadDocument = Callable[[str], Document]
"""Reads a document of one generation by its id."""

RenderPrompt = Callable[[str, str, Context, tuple[Turn, ...]], Prompt]
"""Renders `name@version` for a question, its context and the turns before it."""

REMOVED_NEVER = 2**53
"""`removed` of a chunk that no generation has removed: larger than any generation id, exact as a JSON number."""


# --- leaf ports: synchronous ------------------------------------------------------------------------------------------


@runtime_checkable
class Tokenizer(Protocol):
    """Counts and locates tokens."""

    name: str

    def count(self, text: str) -> int:
        """Return the number of tokens of `text`, special tokens excluded."""
        ...

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Return the `[start, end)` code-point range of every token, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Sentence vectors `(n, d) float32`, L2-normalised, and, when asked for, each text's token vectors.

    `tokens[i]` is `(t_i, d) float32`, L2-normalised rows, special tokens and padding left out.
    """

    vectors: Vectors
    tokens: tuple[Vectors, ...] = ()


@runtime_checkable
class Embedder(Protocol):
    """Turns texts into vectors. `name` identifies weights and runtime: equal names mean comparable vectors."""

    name: str
    dim: int
    max_tokens: int
    tokenizer: Tokenizer

    def embed(self, texts: Sequence[str], *, with_tokens: bool = False) -> Embeddings:
        """Embed texts in the order given; text beyond `max_tokens` is not seen by the model."""
        ...


@dataclass(frozen=True, slots=True)
class Point:
    """One chunk as a vector index stores it. `fields` is the metadata that filters match."""

    pk: int
    vector: NDArray[np.float32]
    added: int
    doc_pk: int
    fields: Metadata


@runtime_checkable
class VectorIndex(Protocol):
    """Dense vectors of one index (one chunker, one embedder). A generation sees `added <= id < removed`.

    Every write may be repeated without harm: a client repeats it when the owner of the shard changes.
    """

    def upsert(self, points: Sequence[Point]) -> None:
        """Add points with `removed = REMOVED_NEVER`, or overwrite those with the same pk."""
        ...

    def set_removed(self, pks: Sequence[int], generation: int) -> None:
        """Set the generation that removed the chunks (`REMOVED_NEVER` brings them back)."""
        ...

    def delete(self, pks: Sequence[int]) -> None:
        """Erase points; unknown pks are ignored."""
        ...

    def search(
        self, vector: NDArray[np.float32], top_k: int, generation: int, filter: Filter, exact: bool = False
    ) -> list[Candidate]:
        """Return up to `top_k` visible chunks that satisfy the filter, by falling cosine similarity (-1..1).

        With `exact` every vector is compared; without it an index may leave some out that are most likely far away.
        """
        ...

    def count(self, generation: int) -> int:
        """Return how many chunks the generation sees."""
        ...

    def get(self, pks: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        """Return the stored vectors `(d,) float32`, L2-normalised, visible or not; unknown pks are left out."""
        ...

    def marks(self, after: int, limit: int) -> list[tuple[int, int, int]]:
        """Return up to `limit` stored points with a pk above `after`, by pk, as `(pk, added, removed)`."""
        ...

    def compact(self) -> None:
        """Rewrite what is stored where erased points may have left bytes behind; readers go on meanwhile."""
        ...

    def flush(self) -> None:
        """Return when everything written so far survives a crash of the machine."""
        ...


@runtime_checkable
class KeywordIndex(Protocol):
    """BM25 over one index. Term counts are written once per chunk; weights are computed once per generation."""

    def add(self, generation: int, pks: Sequence[int], texts: Sequence[str]) -> None:
        """Append the term counts of chunks that the generation adds (several calls add up)."""
        ...

    def publish(self, generation: int, visible: Iterable[tuple[int, str]]) -> None:
        """Compute and store the weights of a generation. `visible` is every `(pk, chunk_id)` it sees."""
        ...

    def search(
        self,
        text: str,
        top_k: int,
        generation: int,
        allowed: frozenset[int] | None = None,
        extra: Mapping[str, float] | None = None,
    ) -> list[Candidate]:
        """Return up to `top_k` chunks with a score above 0, best first, ties by chunk_id.

        `allowed` limits the result to those pks (None: no limit); scores equal rank_bm25's over the whole generation.
        `extra` are weighted terms, as `terms` returns them, that count on top of the text's own, which weigh 1 each.
        """
        ...

    def terms(self, text: str) -> list[str]:
        """Return the terms of a text as the index knows them, in reading order, repeated as often as they occur."""
        ...

    def held(self, terms: Collection[str], generation: int, allowed: frozenset[int] | None = None) -> frozenset[str]:
        """Return those of the terms, as `terms` returns them, that any chunk holds, whatever they weigh there.

        `allowed` limits the chunks to those pks (None: no limit).
        """
        ...

    def count(self, generation: int) -> int:
        """Return how many chunks the generation's weights cover."""
        ...

    def discard(self, generation: int) -> None:
        """Remove what `add` and `publish` stored for a generation that nobody will read."""
        ...

    def retire(self, generation: int) -> None:
        """Remove a generation's weights; the counts it added stay, for later generations hold its chunks."""
        ...

    def pks(self, generation: int) -> frozenset[int]:
        """Return the chunks that the generation's weights cover.

        Raises:
            StateError: the weights are missing or damaged.
        """
        ...

    def recount(self, generation: int, rows: Iterable[tuple[Sequence[int], Sequence[str]]]) -> None:
        """Count the terms of all chunks that the generation added anew, in place of what is stored."""
        ...

    def compact(self, generations: Collection[int], pks: Collection[int]) -> None:
        """Rewrite what is stored without the weights of other generations and the counts of other chunks.

        Counts that cannot be read go as well; `recount` brings them back. Nothing may be under construction.
        """
        ...


@runtime_checkable
class TokenVectors(Protocol):
    """Token vectors of chunks, stored at ingest, read by late-interaction rerankers."""

    def add(self, generation: int, pks: Sequence[int], vectors: Sequence[Vectors]) -> None:
        """Append the token vectors `(t_i, d)` of chunks that the generation adds (several calls add up)."""
        ...

    def publish(self, generation: int) -> None:
        """Make what the generation added durable and readable."""
        ...

    def get(self, pks: Sequence[int]) -> dict[int, Vectors]:
        """Return the stored vectors, dequantised; pks without any are left out."""
        ...

    def packed(self, pks: Sequence[int]) -> dict[int, NDArray[np.uint8]]:
        """Return the vectors as they are stored `(t, ceil(d / 2)) uint8`, unpublished generations included."""
        ...

    def add_packed(self, generation: int, pks: Sequence[int], packed: Sequence[NDArray[np.uint8]]) -> None:
        """Append vectors that `packed` returned, so that a text that was embedded before is not embedded again."""
        ...

    def discard(self, generation: int) -> None:
        """Remove what a generation added."""
        ...

    def held(self, pks: Sequence[int]) -> set[int]:
        """Return those of `pks` whose vectors are stored whole and published; damaged files hold none."""
        ...

    def compact(self, pks: Collection[int]) -> None:
        """Rewrite what is stored without other chunks, and without rows whose vectors are cut off."""
        ...


@dataclass(frozen=True, slots=True)
class Index:
    """Everything that answers for one index: the model it was embedded with and its three stores.

    The model and term settings are those the index was built with, whatever the settings say now. `questions` reads
    questions for its token vectors, where an encoder was trained to do that.
    """

    id: int
    embedder: Embedder
    vectors: VectorIndex
    keywords: KeywordIndex
    token_vectors: TokenVectors
    questions: Embedder | None = None


class Indexes(Protocol):
    """Opens indexes by id and keeps them open."""

    def __call__(self, index_id: int) -> Index:
        """Return the index.

        Raises:
            StateError: the catalogue does not know it.
        """
        ...


@runtime_checkable
class Catalogue(Protocol):
    """The catalogue as readers see it. All reads are of one generation, whole."""

    def live(self, corpus: str) -> Generation:
        """Return the live generation.

        Raises:
            CorpusNotFoundError: nothing was published under that name.
        """
        ...

    def chunks(self, pks: Sequence[int]) -> dict[int, Chunk]:
        """Return the chunks that exist, by pk."""
        ...

    def document(self, generation: Generation, doc_id: str) -> Document:
        """Return a document as the generation sees it.

        Raises:
            DocumentNotFoundError: the generation does not hold it.
        """
        ...

    def document_chunks(self, generation: Generation, doc_id: str) -> list[Chunk]:
        """Return the chunks of a document that the generation sees, in reading order; none if it does not hold it."""
        ...

    def children(self, generation: Generation, doc_id: str, parents: Sequence[Span]) -> list[Chunk]:
        """Return the chunks of a document whose parent is one of these ranges, in reading order."""
        ...

    def matching(self, generation: Generation, filter: Filter) -> frozenset[int]:
        """Return the pks of visible chunks whose document's metadata satisfies the filter."""
        ...

    def field_values(self, generation: Generation, field: str) -> frozenset[str]:
        """Return every value that a metadata field has in the documents of a generation, items of lists included."""
        ...

    def texts(self, generation: Generation, filter: Filter) -> Iterator[str]:
        """Yield the id, title and clean text of every document that satisfies the filter, as one string each."""
        ...

    def chunk_count(self, generation: Generation) -> int:
        """Return how many chunks the generation sees."""
        ...


# --- stage ports: asynchronous ----------------------------------------------------------------------------------------


@runtime_checkable
class QueryStep(Protocol):
    """Something that is done to a question before the first stage. `name` is its key in QUERY_STEPS."""

    name: str

    async def apply(self, query: Query) -> Query:
        """Return the query as it is to be searched, with one more trace in `steps` that says what was done."""
        ...


@runtime_checkable
class Retriever(Protocol):
    """A first stage. `name` is its key in `Hit.stages`."""

    name: str

    async def retrieve(self, query: Query) -> list[Candidate]:
        """Return up to `query.top_k` candidates, best first."""
        ...


@runtime_checkable
class Reranker(Protocol):
    """Reorders hits by a closer look."""

    name: str

    async def rerank(self, query: Query, hits: Sequence[Hit]) -> list[Hit]:
        """Return the same hits in a new order, with `stages["reranked"]` set on those that were scored."""
        ...


@runtime_checkable
class Compressor(Protocol):
    """Keeps the part of each hit that the question needs."""

    name: str

    async def compress(self, query: Query, hits: Sequence[Hit]) -> list[Selection]:
        """Return one selection for every hit that keeps anything, in the order of `hits`."""
        ...


@runtime_checkable
class Generator(Protocol):
    """Writes an answer from a prompt and the context that the prompt was made of.

    A model's text has `[n]` tags. A generator that takes sentences from passages says so in their place: such a draft
    is never searched for tags, for a source has brackets of its own.
    """

    model: str

    async def generate(self, question: str, context: Context, prompt: Prompt) -> Draft:
        """Return the draft.

        Raises:
            GeneratorError: the model refused or failed.
        """
        ...

    def stream(self, question: str, context: Context, prompt: Prompt) -> AsyncIterator[Piece]:
        """Yield the draft piece by piece: text that a model wrote, or else sentences taken from passages.

        The usage comes last, where it is known. `draft_of` makes of the pieces what `generate` returns.

        Raises:
            GeneratorError: the model refused or failed.
        """
        ...


@runtime_checkable
class Verifier(Protocol):
    """Judges whether evidence supports a claim."""

    name: str

    async def verify(self, claims: Sequence[tuple[str, str]]) -> list[Support]:
        """Return one finding for each `(claim, evidence)` pair, in order."""
        ...


@runtime_checkable
class AnswerGate(Protocol):
    """Decides before generation whether the context can carry an answer."""

    name: str

    async def judge(self, query: Query, hits: Sequence[Hit], context: Context) -> Answerability:
        """Return whether to go on, or the reason to abstain."""
        ...
