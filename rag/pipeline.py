"""THE FLOW: question -> retrieve -> fuse -> rerank -> compress -> pack -> prompt -> answer -> verify citations."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Literal, TypeVar

from rag.answer.check import checked_sentences, cited_text, verified
from rag.conditions import Condition, Filter, as_conditions, resolve
from rag.context.citations import CitedText
from rag.context.compress import compressed_away
from rag.context.dedupe import collapse, drop_near_duplicates
from rag.context.diversity import cap_documents, diversify
from rag.context.knapsack import packing_of
from rag.context.order import order_of
from rag.context.pack import pack
from rag.context.parents import expand, merge_children
from rag.context.releases import prefer_newest
from rag.context.sections import sectioned
from rag.errors import ConfigError
from rag.ports import (
    AnswerGate,
    Catalogue,
    Compressor,
    Generator,
    QueryStep,
    Reranker,
    Retriever,
    Tokenizer,
    Verifier,
)
from rag.prompts import REFUSAL
from rag.retrieve.fusion import Fusion, contenders, fuse, to_hits, variant
from rag.settings import Settings
from rag.types import (
    Answer,
    Answerability,
    Block,
    Chunk,
    Context,
    ContextResult,
    Document,
    Draft,
    Dropped,
    Generation,
    Hit,
    Prompt,
    Provenance,
    Query,
    SearchResult,
    Selection,
    Sentence,
    Turn,
    Usage,
    draft_of,
)

_Found = TypeVar("_Found")
_READS = 3  # of one question at most, when generations go live one after the other while it is read

_ReadDocument = Callable[[str], Document]
RenderPrompt = Callable[[str, str, Context, tuple[Turn, ...]], Prompt]
"""Renders `name@version` for a question, its context and the turns before it."""


@dataclass(frozen=True, slots=True)
class Request:
    """One question to one corpus; None means the setting's value.

    `filter` is a mapping of fields to the values they must have, or a list of conditions (`rag.conditions`).
    `top_k` is how many hits are returned; the context is packed from the best `context.max_hits`, whatever it is.
    """

    question: str
    corpus: str
    top_k: int | None = None
    budget_tokens: int | None = None
    filter: Mapping[str, str] | Sequence[Condition] = ()
    history: tuple[Turn, ...] = ()
    prompt: str | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """The whole ranking of a question, best first, and the context packed from its head."""

    query: Query
    hits: tuple[Hit, ...]
    context: ContextResult


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What an answer is made of: the context, whether it answers, and the blocks of its documents that have pages."""

    result: ContextResult
    judged: Answerability
    blocks: Mapping[str, tuple[Block, ...]]


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """A step of a streamed answer: the context, then text as it comes, then the checked answer."""

    kind: Literal["context", "delta", "answer"]
    text: str = ""
    context: ContextResult | None = None
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Stages:
    """What the flow is made of; `rag.runtime` fills it."""

    catalogue: Catalogue
    retrievers: tuple[Retriever, ...]
    fusion: Fusion
    reranker: Reranker
    compressor: Compressor
    tokenizer: Callable[[Generation], Tokenizer]
    render: RenderPrompt
    gate: AnswerGate
    generator: Generator
    verifier: Verifier
    query_steps: tuple[QueryStep, ...] = ()


class RagPipeline:
    """Answers questions from the live generation of a corpus; safe to share between tasks."""

    def __init__(self, stages: Stages, settings: Settings, access: Sequence[Condition] = ()) -> None:
        self._stages = stages
        self._settings = settings
        self._access = tuple(access)
        self._fingerprint = settings.fingerprint()
        self._choose = packing_of(settings.context.packing)
        self._order = order_of(settings.context.order)

    def restricted(self, access: Sequence[Condition], catalogue: Catalogue) -> RagPipeline:
        """Return the same flow for a caller who may see only what satisfies `access`, read through `catalogue`."""
        return RagPipeline(replace(self._stages, catalogue=catalogue), self._settings, (*self._access, *access))

    async def search(self, request: Request) -> SearchResult:
        """Return the ranked hits.

        Raises:
            CorpusNotFoundError: the corpus was never ingested.
            ConfigError: the question is empty.
        """
        clock = _Clock()

        async def read(generation: Generation) -> SearchResult:
            query, hits = await self._retrieve(request, generation, clock, packed=0)
            return self._found(request, query, hits, clock)

        return await self._of_one_generation(request.corpus, clock, read)

    async def context(self, request: Request) -> ContextResult:
        """Return the hits and the context packed from them, with the prompt that would be sent."""
        return (await self._read(request, _Clock())).context

    async def trace(self, request: Request) -> Trace:
        """Return the context with the ranking it comes from, whole: every candidate of every first stage."""
        return await self._read(request, _Clock(), whole=True)

    async def assemble(self, request: Request, hits: Sequence[Hit]) -> ContextResult:
        """Return the context packed from hits that were retrieved elsewhere, best first."""
        clock = _Clock()
        query = await self._query(request, await self._live(request.corpus, clock), clock)
        return await self._assemble(request, query, tuple(hits), clock, self._reader(query.generation))

    async def answer(self, request: Request) -> Answer:
        """Return an answer whose every citation was resolved to source characters and checked, or an abstention."""
        clock = _Clock()
        evidence = await self._evidence(request, clock)
        result = evidence.result
        draft = self._refusal(evidence.judged)
        if draft is None:
            with clock.measure("generate"):
                draft = await self._stages.generator.generate(request.question, result.context, result.prompt)
        return await self._checked(draft, request, evidence, clock)

    async def stream(self, request: Request) -> AsyncIterator[StreamEvent]:
        """Yield the context, the answer's text as it is written, and at last the checked answer."""
        clock = _Clock()
        evidence = await self._evidence(request, clock)
        result = evidence.result
        yield StreamEvent("context", context=result)
        draft = self._refusal(evidence.judged)
        if draft is None:
            pieces = []
            with clock.measure("generate"):
                async for piece in self._stages.generator.stream(request.question, result.context, result.prompt):
                    pieces.append(piece)
                    if isinstance(piece, Usage):
                        continue
                    yield StreamEvent("delta", text=piece if isinstance(piece, str) else piece.gap + piece.text)
            draft = draft_of(pieces, self._stages.generator.model)
        yield StreamEvent("answer", answer=await self._checked(draft, request, evidence, clock))

    async def _evidence(self, request: Request, clock: _Clock) -> _Evidence:
        """Return all that an answer needs of a generation, which may go while a model writes."""

        async def read(generation: Generation) -> _Evidence:
            query, hits = await self._retrieve(request, generation, clock)
            documents = self._reader(generation)
            result = await self._assemble(request, query, hits, clock, documents)
            with clock.measure("gate"):
                judged = await self._stages.gate.judge(query, hits[: self._settings.context.max_hits], result.context)
            blocks = await asyncio.to_thread(_blocks_with_boxes, result, documents)
            return _Evidence(result, judged, blocks)

        return await self._of_one_generation(request.corpus, clock, read)

    async def _read(self, request: Request, clock: _Clock, whole: bool = False) -> Trace:
        """Return the ranking, all of it if it is wanted `whole`, and the context packed from it."""

        async def read(generation: Generation) -> Trace:
            query, hits = await self._retrieve(request, generation, clock, whole)
            return Trace(query, hits, await self._assemble(request, query, hits, clock, self._reader(generation)))

        return await self._of_one_generation(request.corpus, clock, read)

    async def _of_one_generation(
        self, corpus: str, clock: _Clock, read: Callable[[Generation], Awaitable[_Found]]
    ) -> _Found:
        """Return what is read of the live generation; read anew if another one has gone live meanwhile.

        What was rolled back from is taken apart by the next ingest, what is old by a vacuum, whoever still reads it.
        """
        for _ in range(_READS - 1):
            generation = await self._live(corpus, clock)
            try:
                found = await read(generation)
            except Exception:  # whatever a generation says that is taken apart; of one that is live it is raised
                if await self._live(corpus, clock) == generation:
                    raise
            else:
                if await self._live(corpus, clock) == generation:
                    return found
        return await read(await self._live(corpus, clock))

    async def _live(self, corpus: str, clock: _Clock) -> Generation:
        with clock.measure("generation"):
            return await asyncio.to_thread(self._stages.catalogue.live, corpus)

    async def _retrieve(
        self, request: Request, generation: Generation, clock: _Clock, whole: bool = False, packed: int | None = None
    ) -> tuple[Query, tuple[Hit, ...]]:
        """Return the best hits, as many as later stages look at; all candidates where the `whole` ranking is wanted.

        `packed` is how many of them go into a context, None the setting's number.
        """
        stages = self._stages
        query = await self._query(request, generation, clock)
        with clock.measure("retrieve"):
            asked = forms(query, stages.retrievers)
            found = await asyncio.gather(*(retriever.retrieve(form) for _, retriever, form in asked))
        with clock.measure("fuse"):
            rankings = {name: ranking for (name, _, _), ranking in zip(asked, found, strict=True)}
            scores, first = stages.fusion(rankings), None if whole else self._looked_at(request, packed)
            chunks = await asyncio.to_thread(self._contending, scores, first)
            chunk_ids = {pk: chunk.chunk_id for pk, chunk in chunks.items()}
            hits = to_hits(fuse(rankings, scores, chunk_ids, first), chunks)
        with clock.measure("rerank"):
            hits = await stages.reranker.rerank(query, hits)
        return query, tuple(hits)

    def _contending(self, scores: Mapping[int, float], first: int | None) -> dict[int, Chunk]:
        """Return the chunks that may be among the first; a chunk that nobody looks at is not read."""
        chunks = self._stages.catalogue.chunks(contenders(scores, first))
        if first is not None and len(chunks) < min(first, len(scores)):  # some are gone, others move up
            chunks = self._stages.catalogue.chunks(sorted(scores))
        return chunks

    def _looked_at(self, request: Request, packed: int | None) -> int | None:
        """Return how many fused candidates later stages may look at, None for all."""
        settings = self._settings
        if settings.retrieval.collapse:
            return None
        into_context = settings.context.max_hits if packed is None else packed
        return max(request.top_k or settings.retrieval.top_k, settings.rerank.top_n, into_context)

    def _found(self, request: Request, query: Query, hits: Sequence[Hit], clock: _Clock) -> SearchResult:
        top_k = request.top_k or self._settings.retrieval.top_k
        shown = tuple(hits[:top_k])
        if self._settings.retrieval.collapse:
            shown = collapse(hits, self._settings.context.near_duplicate, top_k)
        return SearchResult(request.question, query.generation, self._fingerprint, shown, clock.total(), query.steps)

    async def _query(self, request: Request, generation: Generation, clock: _Clock) -> Query:
        if not request.question.strip():
            raise ConfigError("the question is empty; ask one")
        settings = self._settings.retrieval
        depth = max(settings.candidates, request.top_k or settings.top_k)
        chosen = await self._filter(request, generation)
        query = Query(request.question, generation, depth, chosen, request.history, typed=request.question)
        for step in self._stages.query_steps:
            with clock.measure(f"query.{step.name}"):
                query = await step.apply(query)
        return query

    async def _filter(self, request: Request, generation: Generation) -> Filter:
        conditions = (*as_conditions(request.filter), *self._access)
        if not conditions:
            return ()
        values = partial(self._stages.catalogue.field_values, generation)
        return await asyncio.to_thread(resolve, conditions, values)

    async def _assemble(
        self, request: Request, query: Query, hits: tuple[Hit, ...], clock: _Clock, read: _ReadDocument
    ) -> ContextResult:
        settings, stages = self._settings.context, self._stages
        search = self._found(request, query, hits, clock)
        with clock.measure("compress"):
            kept, dropped = await asyncio.to_thread(self._chosen, query.generation, hits[: settings.max_hits], read)
            selections = await stages.compressor.compress(replace(query, text=query.question), kept)
            dropped += compressed_away(kept, selections)
        with clock.measure("pack"):
            budget = request.budget_tokens or settings.budget_tokens
            tokenizer = stages.tokenizer(query.generation)
            context = await asyncio.to_thread(self._packed, selections, budget, tokenizer, dropped, read)
            name = request.prompt or self._settings.answer.prompt
            prompt = await asyncio.to_thread(stages.render, name, request.question, context, request.history)
        return ContextResult(search, context, prompt, clock.total(), min(settings.max_hits, len(hits)))

    def _chosen(
        self, generation: Generation, hits: Sequence[Hit], read: _ReadDocument
    ) -> tuple[list[Hit], list[Dropped]]:
        """Return the hits that the context is made of, parents in place of children, and those that were left out."""
        settings = self._settings.context
        found = merge_children(hits, settings.merge_share, partial(self._stages.catalogue.children, generation))
        shown = expand(found, lambda doc_id: read(doc_id).text)
        if settings.prefer_newest:
            shown = prefer_newest(shown)
        kept, repeats = drop_near_duplicates(shown, settings.near_duplicate)
        kept, surplus = cap_documents(kept, settings.max_per_document)
        return diversify(kept, settings.diversity), [*repeats, *surplus]

    def _packed(
        self,
        selections: Sequence[Selection],
        budget_tokens: int,
        tokenizer: Tokenizer,
        dropped: Sequence[Dropped],
        read: _ReadDocument,
    ) -> Context:
        """Return the context in the order of the prompt; `dropped` is the ledger so far."""
        chosen, left = self._choose(selections, budget_tokens, tokenizer)
        limit = self._settings.context.max_passages
        context = pack(chosen, budget_tokens, tokenizer, limit, lambda doc_id: read(doc_id).text, [*dropped, *left])
        # An answer must not take what stands below one heading for what stands below another.
        passages = [sectioned(passage, read(passage.doc_id).blocks) for passage in context.passages]
        return replace(context, passages=self._order(passages))

    def _reader(self, generation: Generation) -> _ReadDocument:
        """Return what reads a document, each once: packing asks for the same one again and again."""
        return cache(partial(self._stages.catalogue.document, generation))

    def _refusal(self, judged: Answerability) -> Draft | None:
        if judged.reason is None:
            return None
        return Draft("", self._stages.generator.model, abstained=True, reason=judged.reason)

    async def _checked(self, draft: Draft, request: Request, evidence: _Evidence, clock: _Clock) -> Answer:
        result, draft = evidence.result, _refused(draft)
        cited = CitedText("", (), ())
        sentences: tuple[Sentence, ...] = ()
        if not draft.abstained:
            with clock.measure("verify"):
                passages, verifier = result.context.passages, self._stages.verifier
                cited = await cited_text(draft, passages, request.history, verifier)
                if not cited.sentences:  # tags and nothing else
                    draft, cited = _abstained(draft), CitedText("", (), ())
                found = await verified(cited, passages, verifier)
                sentences = await asyncio.to_thread(checked_sentences, cited, found, evidence.blocks)
        return Answer(
            text=cited.text,
            sentences=sentences,
            abstained=draft.abstained,
            reason=draft.reason,
            context=result,
            provenance=Provenance(
                generation=result.search.generation.id,
                settings=self._fingerprint,
                prompt_name=result.prompt.name,
                prompt_version=result.prompt.version,
                model=draft.model,
            ),
            usage=_total_usage([draft.usage, *(step.usage for step in result.search.steps)]),
            timings_ms=clock.total(),
            answerability=evidence.judged.probability,
        )


def forms(query: Query, retrievers: Sequence[Retriever]) -> list[tuple[str, Retriever, Query]]:
    """Return who is asked what: every retriever the query, and its variants under names of their own."""
    asked = [(retriever.name, retriever, query) for retriever in retrievers]
    for number, other in enumerate(query.variants, 1):
        form = replace(query, text=other.text, terms={})
        chosen = [retriever for retriever in retrievers if other.retriever in ("", retriever.name)]
        asked += [(variant(retriever.name, number), retriever, form) for retriever in chosen]
    return asked


def _blocks_with_boxes(result: ContextResult, read: _ReadDocument) -> dict[str, tuple[Block, ...]]:
    """Return the blocks of the passages' documents that have pages; a document whose hits have no boxes is not read."""
    boxed = {hit.chunk.doc_id for hit in result.search.hits if hit.chunk.boxes}
    plain = {hit.chunk.doc_id for hit in result.search.hits} - boxed
    return {doc_id: read(doc_id).blocks for doc_id in {item.doc_id for item in result.context.passages} - plain}


def _total_usage(parts: Sequence[Usage]) -> Usage:
    """Return the sum; the cost is unknown when that of any part that used tokens is."""
    used = [part for part in parts if part.input_tokens or part.output_tokens]
    costs = [part.cost_usd for part in used]
    known = [cost for cost in costs if cost is not None]
    cost = math.fsum(known) if costs and len(known) == len(costs) else None
    return Usage(sum(part.input_tokens for part in used), sum(part.output_tokens for part in used), cost)


def _refused(draft: Draft) -> Draft:
    """Turn a draft without text, or one that is the refusal the prompt asks for, into an abstention."""
    if draft.abstained or (draft.text.strip() and REFUSAL not in draft.text):
        return draft
    return _abstained(draft)


def _abstained(draft: Draft) -> Draft:
    return replace(draft, text="", abstained=True, reason=REFUSAL, taken=())


class _Clock:
    """Collects how long each stage took, all its turns together."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._stages: dict[str, float] = {}

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self._stages[stage] = self._stages.get(stage, 0.0) + _milliseconds(start)

    def total(self) -> dict[str, float]:
        return {**self._stages, "total": _milliseconds(self._start)}


def _milliseconds(since: float) -> float:
    return round((time.perf_counter() - since) * 1000, 3)
