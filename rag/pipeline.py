"""THE FLOW: question -> search -> assemble -> write -> check -> answer; each stage is an object of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from rag.answer.check import CUT_SHORT, Checked, Checker, blocks_with_boxes
from rag.answer.write import Writer
from rag.cache.stages import UNKEPT, StageResults
from rag.conditions import Condition
from rag.context.assemble import Assembler, Selected
from rag.context.dedupe import collapse
from rag.ports import (
    AnswerGate,
    Catalogue,
    Compressor,
    Generator,
    QueryStep,
    ReadDocument,
    RenderPrompt,
    Reranker,
    Retriever,
    Tokenizer,
    Verifier,
)
from rag.retrieve.fusion import Fusion
from rag.retrieve.live import LiveReader
from rag.retrieve.search import Searcher
from rag.settings import Settings
from rag.telemetry import Spans
from rag.types import (
    Answer,
    Answerability,
    Block,
    Context,
    ContextResult,
    Generation,
    Hit,
    Piece,
    Provenance,
    Query,
    Ranking,
    Request,
    SearchResult,
    StreamEvent,
    Taken,
    Trace,
    text_of,
    total_usage,
)

__all__ = ["RagPipeline", "Request", "Stages", "StreamEvent", "Trace"]


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What an answer is made of: the context, whether it answers, and the blocks of its documents that have pages."""

    result: ContextResult
    judged: Answerability
    blocks: Mapping[str, tuple[Block, ...]]


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

    def __init__(
        self, stages: Stages, settings: Settings, access: Sequence[Condition] = (), kept: StageResults = UNKEPT
    ) -> None:
        """`kept` may have results of stages from before; a sweep asks the same questions under many settings."""
        self._stages = stages
        self._kept = kept
        self._settings = settings
        self._access = tuple(access)
        self._fingerprint = settings.fingerprint()
        self._reader = LiveReader(stages.catalogue)
        self._search = Searcher(
            stages.catalogue,
            stages.query_steps,
            stages.retrievers,
            stages.fusion,
            stages.reranker,
            settings.retrieval,
            settings.rerank,
            self._access,
            settings.query,
            (settings.answer, *settings.models.values()) if settings.query.steps != ("history",) else (),
            kept,
        )
        self._assemble = Assembler(stages.catalogue, stages.compressor, stages.tokenizer, settings.context, kept)
        self._write = Writer(stages.gate, stages.generator, stages.render, settings.answer)
        self._check = Checker(stages.verifier)

    def restricted(self, access: Sequence[Condition], catalogue: Catalogue) -> RagPipeline:
        """Return the same flow for a caller who may see only what satisfies `access`, read through `catalogue`."""
        stages = replace(self._stages, catalogue=catalogue)
        return RagPipeline(stages, self._settings, (*self._access, *access), self._kept)

    async def search(self, request: Request) -> SearchResult:
        """Return the ranked hits.

        Raises:
            CorpusNotFoundError: the corpus was never ingested.
            ConfigError: the question is empty.
        """
        spans = Spans()

        async def read(generation: Generation) -> SearchResult:
            return self._shown(request, await self._search.best(request, generation, 0, spans), spans)

        return await self._reader.of_one_generation(request.corpus, spans, read)

    async def context(self, request: Request) -> ContextResult:
        """Return the hits and the context packed from them, with the prompt that would be sent."""
        spans = Spans()

        async def read(generation: Generation) -> ContextResult:
            found = await self._best(request, generation, spans)
            return await self._packed(request, found, self._reader.documents(generation), spans)

        return await self._reader.of_one_generation(request.corpus, spans, read)

    async def trace(self, request: Request) -> Trace:
        """Return the context with the ranking it comes from, whole: every candidate of every first stage."""
        spans = Spans()

        async def read(generation: Generation) -> Trace:
            found = await self._search.whole(request, generation, spans)
            return Trace(
                found.query, found.hits, await self._packed(request, found, self._reader.documents(generation), spans)
            )

        return await self._reader.of_one_generation(request.corpus, spans, read)

    async def ranking(self, request: Request, generation: Generation) -> Ranking:
        """Return the whole ranking of a question in one generation: every candidate of every first stage."""
        return await self._search.whole(request, generation, Spans())

    async def selected(self, found: Ranking, read: ReadDocument) -> Selected:
        """Return what the head of a ranking has to offer to a context."""
        return await self._assemble.selected(found.query, found.hits, read)

    async def packed(self, request: Request, query: Query, selected: Selected, read: ReadDocument) -> Context:
        """Return the context packed from what was selected; no prompt is made of it."""
        return await self._assemble.packed(query, selected, request.budget_tokens, read)

    async def assemble(self, request: Request, hits: Sequence[Hit]) -> ContextResult:
        """Return the context packed from hits that were retrieved elsewhere, best first."""
        spans = Spans()
        query = await self._search.query(request, await self._reader.live(request.corpus, spans), spans)
        found, read = Ranking(query, tuple(hits)), self._reader.documents(query.generation)
        return await self._packed(request, found, read, spans, foreign=True)

    async def answer(self, request: Request) -> Answer:
        """Return an answer whose every citation was resolved to source characters and checked, or an abstention.

        It is the stream, collected.
        """
        found: Answer | None = None
        async for event in self.stream(request):
            found = event.answer
        assert found is not None, "a stream ends in its answer"
        return found

    async def stream(self, request: Request) -> AsyncIterator[StreamEvent]:
        """Yield the context, the answer's text as it is written, and at last the checked answer."""
        spans = Spans()
        evidence = await self._evidence(request, spans)
        result, judged = evidence.result, evidence.judged
        yield StreamEvent("context", context=result)
        pieces: list[Piece] = []
        written = self._write.pieces(request.question, result.context, result.prompt, judged, spans)
        async with aclosing(written):
            async for piece in written:
                pieces.append(piece)
                if isinstance(piece, str | Taken):
                    yield StreamEvent("delta", text=text_of(piece))
        draft, passages = self._write.draft(pieces, judged), result.context.passages
        checked = await self._check.checked(draft, passages, request.history, evidence.blocks, spans)
        yield StreamEvent("answer", answer=self._answer(checked, evidence, spans))

    async def _evidence(self, request: Request, spans: Spans) -> _Evidence:
        """Return all that an answer needs of a generation, which may go while a model writes."""

        async def read(generation: Generation) -> _Evidence:
            found = await self._best(request, generation, spans)
            documents = self._reader.documents(generation)
            result = await self._packed(request, found, documents, spans)
            hits = found.hits[: self._settings.context.max_hits]
            judged = await self._write.judged(found.query, hits, result.context, spans)
            return _Evidence(result, judged, await asyncio.to_thread(blocks_with_boxes, result, documents))

        return await self._reader.of_one_generation(request.corpus, spans, read)

    async def _best(self, request: Request, generation: Generation, spans: Spans) -> Ranking:
        return await self._search.best(request, generation, self._settings.context.max_hits, spans)

    def _shown(self, request: Request, found: Ranking, spans: Spans) -> SearchResult:
        """Return the hits that a caller sees of a ranking."""
        settings = self._settings.retrieval
        top_k = request.top_k or settings.top_k
        hits = found.hits[:top_k]
        if settings.collapse:
            hits = collapse(found.hits, self._settings.context.near_duplicate, top_k)
        query = found.query
        return SearchResult(
            request.question, query.generation, self._fingerprint, hits, spans.timings_ms(), query.steps
        )

    async def _packed(
        self, request: Request, found: Ranking, read: ReadDocument, spans: Spans, *, foreign: bool = False
    ) -> ContextResult:
        shown = self._shown(request, found, spans)
        context = await self._assemble.context(found, request.budget_tokens, read, spans, foreign=foreign)
        prompt = await self._write.prompt(request, context, spans)
        packed_from = min(self._settings.context.max_hits, len(found.hits))
        return ContextResult(shown, context, prompt, spans.timings_ms(), packed_from)

    def _answer(self, checked: Checked, evidence: _Evidence, spans: Spans) -> Answer:
        result, draft = evidence.result, checked.draft
        return Answer(
            text=checked.text,
            sentences=checked.sentences,
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
            usage=total_usage([draft.usage, *(step.usage for step in result.search.steps)]),
            timings_ms=spans.timings_ms(),
            answerability=evidence.judged.probability,
            warnings=(CUT_SHORT[draft.cut],) if draft.cut else (),
        )
