"""What the runs of one explanation share: stages that remember what no lever changes, and a bound on their work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from rag.conditions import Filter
from rag.pipeline import Stages
from rag.ports import Catalogue, QueryStep, ReadDocument, Retriever, Tokenizer
from rag.types import Candidate, Chunk, Document, Generation, Query, Span


class Kept:
    """Remembers what was read of one generation for one request; not to be shared between requests."""

    def __init__(self, generation: Generation) -> None:
        self._generation = generation
        self._documents: dict[str, Document] = {}
        self._chunks: dict[int, Chunk] = {}
        self._applied: dict[tuple[str, str], Query] = {}
        self._found: dict[tuple[str, str], list[Candidate]] = {}
        self._sizes: dict[tuple[str, str], int] = {}

    def documents(self, catalogue: Catalogue) -> ReadDocument:
        """Return a function that reads each document of the generation once."""
        return partial(self._catalogue(catalogue).document, self._generation)

    def stages(self, stages: Stages) -> Stages:
        """Return the stages over what is remembered; those that a setting changes are left as they are."""
        return replace(
            stages,
            catalogue=self._catalogue(stages.catalogue),
            query_steps=tuple(_Step(step, self._applied) for step in stages.query_steps),
            retrievers=tuple(_Retriever(retriever, self._found) for retriever in stages.retrievers),
            tokenizer=lambda generation: _Tokenizer(stages.tokenizer(generation), self._sizes),
        )

    def _catalogue(self, catalogue: Catalogue) -> _Catalogue:
        return _Catalogue(catalogue, self._generation, self._documents, self._chunks)


class _Catalogue:
    """A catalogue in which one generation is live, and that reads each document and each chunk once."""

    def __init__(
        self, catalogue: Catalogue, generation: Generation, documents: dict[str, Document], chunks: dict[int, Chunk]
    ) -> None:
        self._catalogue = catalogue
        self._generation = generation
        self._documents = documents
        self._chunks = chunks

    def live(self, corpus: str) -> Generation:
        return self._generation

    def chunks(self, pks: Sequence[int]) -> dict[int, Chunk]:
        unknown = [pk for pk in pks if pk not in self._chunks]
        if unknown:
            self._chunks.update(self._catalogue.chunks(unknown))
        return {pk: self._chunks[pk] for pk in pks if pk in self._chunks}

    def document(self, generation: Generation, doc_id: str) -> Document:
        if doc_id not in self._documents:
            self._documents[doc_id] = self._catalogue.document(generation, doc_id)
        return self._documents[doc_id]

    def document_chunks(self, generation: Generation, doc_id: str) -> list[Chunk]:
        return self._catalogue.document_chunks(generation, doc_id)

    def children(self, generation: Generation, doc_id: str, parents: Sequence[Span]) -> list[Chunk]:
        return self._catalogue.children(generation, doc_id, parents)

    def matching(self, generation: Generation, filter: Filter) -> frozenset[int]:
        return self._catalogue.matching(generation, filter)

    def field_values(self, generation: Generation, field: str) -> frozenset[str]:
        return self._catalogue.field_values(generation, field)

    def texts(self, generation: Generation, filter: Filter) -> Iterator[str]:
        return self._catalogue.texts(generation, filter)

    def chunk_count(self, generation: Generation) -> int:
        return self._catalogue.chunk_count(generation)


class _Step:
    """A query step that is asked once: how deep the search goes changes nothing of a question."""

    def __init__(self, step: QueryStep, applied: dict[tuple[str, str], Query]) -> None:
        self.name = step.name
        self._step = step
        self._applied = applied

    async def apply(self, query: Query) -> Query:
        key = (self.name, repr(replace(query, top_k=0)))
        if key not in self._applied:
            self._applied[key] = await self._step.apply(query)
        return replace(self._applied[key], top_k=query.top_k)


class _Retriever:
    """A first stage that is asked once for each form and depth of a question."""

    def __init__(self, retriever: Retriever, found: dict[tuple[str, str], list[Candidate]]) -> None:
        self.name = retriever.name
        self._retriever = retriever
        self._found = found

    async def retrieve(self, query: Query) -> list[Candidate]:
        key = (self.name, repr(query))
        if key not in self._found:
            self._found[key] = await self._retriever.retrieve(query)
        return self._found[key]


class _Tokenizer:
    """A tokenizer that counts each text once: runs with other limits pack the same sentences again."""

    def __init__(self, tokenizer: Tokenizer, sizes: dict[tuple[str, str], int]) -> None:
        self.name = tokenizer.name
        self._tokenizer = tokenizer
        self._sizes = sizes

    def count(self, text: str) -> int:
        key = (self.name, text)
        if key not in self._sizes:
            self._sizes[key] = self._tokenizer.count(text)
        return self._sizes[key]

    def offsets(self, text: str) -> list[tuple[int, int]]:
        return self._tokenizer.offsets(text)
