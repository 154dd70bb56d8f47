"""The search stage: question -> query steps -> retrievers -> fusion -> reranker -> ranking."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from pydantic import BaseModel

from rag.cache.stages import UNKEPT, StageResults, stage_key
from rag.conditions import Condition, Filter, as_conditions, hiding, parse_condition, resolve
from rag.errors import ConfigError
from rag.ports import Catalogue, QueryStep, Reranker, Retriever
from rag.retrieve.demote import demoted
from rag.retrieve.fusion import Fusion, contenders, fuse, to_hits, variant
from rag.settings import QuerySettings, RerankSettings, RetrievalSettings
from rag.telemetry import Spans
from rag.types import Chunk, Generation, Hit, Query, Ranking, Request


@dataclass(frozen=True, slots=True)
class Searcher:
    """Finds hits in one generation; a caller sees only documents that satisfy `access`."""

    catalogue: Catalogue
    query_steps: Sequence[QueryStep]
    retrievers: Sequence[Retriever]
    fusion: Fusion
    reranker: Reranker
    retrieval: RetrievalSettings
    rerank: RerankSettings
    access: tuple[Condition, ...] = ()
    steps: QuerySettings = QuerySettings()
    writers: tuple[BaseModel, ...] = ()
    kept: StageResults = UNKEPT

    async def best(self, request: Request, generation: Generation, packed: int, spans: Spans) -> Ranking:
        """Return the best hits, as many as later stages look at; `packed` of them go into a context.

        Raises:
            ConfigError: the question is empty.
        """
        key = None if self.kept is UNKEPT else self._key(request, generation, packed)

        async def make() -> Ranking:
            query = await self.query(request, generation, spans)
            return Ranking(query, await self._hits(query, self._looked_at(request, packed), spans), key)

        return await self.kept.of("rank", key, make)

    async def whole(self, request: Request, generation: Generation, spans: Spans) -> Ranking:
        """Return every candidate of every first stage.

        Raises:
            ConfigError: the question is empty.
        """
        query = await self.query(request, generation, spans)
        return Ranking(query, await self._hits(query, None, spans))

    async def query(self, request: Request, generation: Generation, spans: Spans) -> Query:
        """Return the question as it is to be searched.

        Raises:
            ConfigError: the question is empty.
        """
        if not request.question.strip():
            raise ConfigError("the question is empty; ask one")
        depth = max(self.retrieval.candidates, request.top_k or self.retrieval.top_k)
        chosen, left_out = await self._filter(request, generation)
        query = Query(
            request.question,
            generation,
            depth,
            (*chosen, *left_out),
            request.history,
            typed=request.question,
            left_out=left_out,
        )
        for step in self.query_steps:
            with spans.stage(f"query.{step.name}"):
                query = await step.apply(query)
        return query

    def _key(self, request: Request, generation: Generation, packed: int) -> Hashable:
        """Return what decides the ranking of a question."""
        asked = (request.question, request.history, request.top_k, as_conditions(request.filter), self.access)
        return stage_key((self.steps, self.retrieval, self.rerank, *self.writers), (generation, *asked, packed))

    async def _filter(self, request: Request, generation: Generation) -> tuple[Filter, Filter]:
        """Return what the caller asks for and may see, and what the settings leave out."""
        conditions = (*as_conditions(request.filter), *self.access)
        left_out = tuple(map(parse_condition, self.retrieval.leave_out))
        if not conditions and not left_out:
            return (), ()
        values = partial(self.catalogue.field_values, generation)
        return await asyncio.to_thread(lambda: (resolve(conditions, values), hiding(left_out, values)))

    async def _hits(self, query: Query, first: int | None, spans: Spans) -> tuple[Hit, ...]:
        """Return the `first` hits, all if it is None."""
        with spans.stage("retrieve"):
            asked = forms(query, self.retrievers)
            found = await asyncio.gather(*(retriever.retrieve(form) for _, retriever, form in asked))
        with spans.stage("fuse"):
            rankings = {name: ranking for (name, _, _), ranking in zip(asked, found, strict=True)}
            scores = self.fusion(rankings)
            chunks = await asyncio.to_thread(self._contending, scores, first)
            chunk_ids = {pk: chunk.chunk_id for pk, chunk in chunks.items()}
            hits = to_hits(fuse(rankings, scores, chunk_ids, first), chunks)
        with spans.stage("rerank"):
            ranked = await self.reranker.rerank(query, hits)
        return tuple(demoted(ranked, self.retrieval.demote) if self.retrieval.demote else ranked)

    def _contending(self, scores: Mapping[int, float], first: int | None) -> dict[int, Chunk]:
        """Return the chunks that may be among the first; a chunk that nobody looks at is not read."""
        chunks = self.catalogue.chunks(contenders(scores, first))
        if first is not None and len(chunks) < min(first, len(scores)):  # some are gone, others move up
            chunks = self.catalogue.chunks(sorted(scores))
        return chunks

    def _looked_at(self, request: Request, packed: int) -> int | None:
        """Return how many fused candidates later stages may look at, None for all."""
        if self.retrieval.collapse or self.retrieval.demote:  # hits from further down move up
            return None
        return max(request.top_k or self.retrieval.top_k, self.rerank.top_n, packed)


def forms(query: Query, retrievers: Sequence[Retriever]) -> list[tuple[str, Retriever, Query]]:
    """Return who is asked what: every retriever the query, and its variants under names of their own."""
    asked = [(retriever.name, retriever, query) for retriever in retrievers]
    for number, other in enumerate(query.variants, 1):
        form = replace(query, text=other.text, terms={})
        chosen = [retriever for retriever in retrievers if other.retriever in ("", retriever.name)]
        asked += [(variant(retriever.name, number), retriever, form) for retriever in chosen]
    return asked
