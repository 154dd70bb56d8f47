"""Follows one passage through the flow of one question."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from rag.conditions import Condition, Filter, matches
from rag.errors import DocumentNotFoundError, PassageError
from rag.explain.gates import fate, reason
from rag.explain.levers import Changes, changes
from rag.explain.ranks import first_stages
from rag.explain.rehearsal import MAX_WORK, Rehearsal
from rag.explain.support import without
from rag.explain.values import Explanation, Fate, PassageRef, SupportChange, Target
from rag.pipeline import RagPipeline, Request, Stages, Trace
from rag.ports import Catalogue
from rag.retrieve.demote import matching
from rag.retrieve.live import LiveReader
from rag.settings import Settings
from rag.telemetry import Spans
from rag.types import Answer, Chunk, Context, Document, Generation, Query, Span, StageScore


class Explainer:
    """Says why a passage reached the context of a question, or why not; safe to share between tasks.

    Every change that it suggests was run. `variant` makes the stages that other settings ask for, over the same stores
    and models. `most` bounds the work of one explanation, see `MAX_WORK`.
    """

    def __init__(
        self,
        stages: Stages,
        settings: Settings,
        variant: Callable[[Settings], Stages],
        access: Sequence[Condition] = (),
        most: int = MAX_WORK,
    ) -> None:
        self._stages = stages
        self._settings = settings
        self._variant = variant
        self._access = tuple(access)
        self._most = most

    def restricted(self, access: Filter, catalogue: Catalogue) -> Explainer:
        """Return the same for a caller who may see only what satisfies `access`, read through `catalogue`."""
        stages = replace(self._stages, catalogue=catalogue)
        both = (*self._access, *access)
        return Explainer(
            stages, self._settings, lambda made: replace(self._variant(made), catalogue=catalogue), both, self._most
        )

    async def explain(self, request: Request, passage: PassageRef) -> Explanation:
        """Follow a passage through every stage; a budget in the request counts as the setting.

        Raises:
            CorpusNotFoundError: the corpus was never ingested.
            DocumentNotFoundError: the generation has no such document, or the request's filter hides it.
            PassageError: the range lies outside the document or holds only white space.
            ConfigError: the question is empty.
        """
        start = time.perf_counter()
        settings = self._settings
        if request.budget_tokens is not None:
            settings = settings.changed({"context.budget_tokens": request.budget_tokens})
            request = replace(request, budget_tokens=None)

        async def read(generation: Generation) -> Explanation:
            rehearsal = Rehearsal(request, generation, settings, self._variant, self._access, self._most)
            return await self._followed(rehearsal, request, passage, settings)

        found = await LiveReader(self._stages.catalogue).of_one_generation(request.corpus, Spans(), read)
        answer, sentences = await self._answer(request, settings, found)
        return replace(
            found,
            answer=answer,
            sentences=sentences,
            timings_ms={"total": round((time.perf_counter() - start) * 1000, 3)},
        )

    async def _followed(
        self, rehearsal: Rehearsal, request: Request, passage: PassageRef, settings: Settings
    ) -> Explanation:
        """Return the explanation without an answer."""
        trace = await rehearsal.trace()
        target = await asyncio.to_thread(self._target, trace.query, passage, settings)
        context = trace.context.context
        found = fate(trace.hits, trace.context.packed_from, context, target)
        chunk, stages = await self._ranks(trace, target, found)
        changed = await self._changes(rehearsal, target, settings, found)
        shown = {hit.chunk.chunk_id for hit in trace.context.search.hits}
        return Explanation(
            question=request.question,
            generation=trace.query.generation,
            settings=settings.fingerprint(),
            target=target,
            chunk=chunk,
            stages=stages,
            rank=found.hit.rank if found.hit else None,
            in_hits=not shown.isdisjoint(target.chunk_ids),
            gate=found.gate,
            reason=reason(found, target, stages, settings),
            share=sum(len(span) for span in found.held) / len(target.span),
            tags=_tags(context, target),
            left_out=found.left_out,
            suggestions=changed.suggestions,
            tried=changed.tried,
            not_tried=changed.not_tried,
            answer=None,
            sentences=(),
            timings_ms={},
        )

    def _target(self, query: Query, passage: PassageRef, settings: Settings) -> Target:
        document = self._document(query, passage.doc_id)
        span = _range(document, passage.span)
        chunks = self._stages.catalogue.document_chunks(query.generation, document.doc_id)
        return Target(
            doc_id=document.doc_id,
            title=document.title,
            span=span,
            text=document.text[span.start : span.end],
            chunks=tuple(chunk for chunk in chunks if span.overlaps(chunk.parent or chunk.span)),
            metadata=document.metadata,
            left_out=matching(document.metadata, settings.retrieval.leave_out),
        )

    def _document(self, query: Query, doc_id: str) -> Document:
        """Return a document; one that the caller's filter hides is as unknown as one that is not there."""
        asked = tuple(condition for condition in query.filter if condition not in query.left_out)
        try:
            document = self._stages.catalogue.document(query.generation, doc_id)
        except DocumentNotFoundError:
            document = None
        if document is None or not matches(document.metadata, asked):
            seen = " that the filter lets through" if asked else ""
            raise DocumentNotFoundError(
                f"generation {query.generation.id} of {query.generation.corpus!r} has no document {doc_id!r}{seen};"
                " ids are those of search hits, percent-encoded on the command line"
            )
        return document

    async def _ranks(
        self, trace: Trace, target: Target, found: Fate
    ) -> tuple[Chunk | None, dict[str, StageScore | None]]:
        """Return the chunk that came furthest, and where each stage put it."""
        pks = [found.hit.chunk.pk] if found.hit else [chunk.pk for chunk in target.chunks]
        pk, first = await first_stages(self._stages.retrievers, trace.query, pks)
        chunk = next((chunk for chunk in target.chunks if chunk.pk == pk), None)
        later = found.hit.stages if found.hit else {}
        names = dict.fromkeys([*first, *later, "fused", "reranked"])
        return chunk, {name: later.get(name) or first.get(name) for name in names}

    async def _changes(self, rehearsal: Rehearsal, target: Target, settings: Settings, now: Fate) -> Changes:
        if now.gate is None or not target.chunks:
            return Changes()
        return await changes(partial(rehearsal.fate, target), settings, now)

    async def _answer(
        self, request: Request, settings: Settings, found: Explanation
    ) -> tuple[Answer | None, tuple[SupportChange, ...]]:
        """Answer the question where the passage can have a part in it."""
        if found.gate is not None:
            return None, ()
        answer = await RagPipeline(self._variant(settings), settings, self._access).answer(request)
        return answer, await without(answer, found.target, self._stages.verifier)


def _range(document: Document, span: Span | None) -> Span:
    """Return the range without white space around it."""
    start, end = (span.start, span.end) if span else (0, len(document.text))
    if end > len(document.text):
        raise PassageError(
            f"the passage [{start}:{end}) reaches beyond the {len(document.text)} characters of {document.doc_id!r}"
        )
    text = document.text[start:end]
    if not text.strip():
        raise PassageError(f"the passage [{start}:{end}) of {document.doc_id!r} holds no text; name another range")
    first = start + len(text) - len(text.lstrip())
    return Span(first, first + len(text.strip()))


def _tags(context: Context, target: Target) -> tuple[int, ...]:
    passages = (p for p in context.passages if p.doc_id == target.doc_id)
    return tuple(p.tag for p in passages if any(span.overlaps(target.span) for span in p.spans))
