"""From the flow's values to the JSON's shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rag import types
from rag.shapes.shapes import (
    AnswerJson,
    BoxJson,
    CitationJson,
    ContextJson,
    CorpusJson,
    DocumentJson,
    DroppedJson,
    HitJson,
    MessageJson,
    PassageJson,
    PromptJson,
    PromptRefJson,
    ProvenanceJson,
    QueryStepJson,
    QuotedJson,
    SearchJson,
    SentenceJson,
    StageScoreJson,
    UsageJson,
    VerdictJson,
)

if TYPE_CHECKING:
    from rag.answer.batch import Verdict
    from rag.pipeline import StreamEvent


def hit_json(hit: types.Hit) -> HitJson:
    """Convert a hit."""
    chunk = hit.chunk
    return HitJson(
        rank=hit.rank,
        score=hit.score,
        doc_id=chunk.doc_id,
        chunk_id=chunk.chunk_id,
        start=chunk.span.start,
        end=chunk.span.end,
        text=chunk.text,
        title=chunk.title,
        headings=list(chunk.headings),
        page=chunk.page,
        boxes=_boxes_json(chunk.boxes),
        stages={name: StageScoreJson(rank=stage.rank, score=stage.score) for name, stage in hit.stages.items()},
    )


def search_json(result: types.SearchResult) -> SearchJson:
    """Convert the result of a search."""
    return SearchJson(
        question=result.question,
        corpus=result.generation.corpus,
        generation=result.generation.id,
        settings=result.settings,
        hits=[hit_json(hit) for hit in result.hits],
        query_steps=[_step_json(step) for step in result.steps],
        timings_ms=dict(result.timings_ms),
    )


def context_json(result: types.ContextResult) -> ContextJson:
    """Convert a packed context; its timings replace those of its search."""
    context = result.context
    search = search_json(result.search).model_copy(update={"timings_ms": dict(result.timings_ms)})
    return ContextJson(
        **dict(search),
        passages=[passage_json(passage) for passage in context.passages],
        tokens=context.tokens,
        budget_tokens=context.budget_tokens,
        tokenizer=context.tokenizer,
        dropped=[dropped_json(item) for item in context.dropped],
        prompt=PromptJson(
            name=result.prompt.name,
            version=result.prompt.version,
            messages=[MessageJson(role=m.role, content=m.content) for m in result.prompt.messages],
        ),
    )


def dropped_json(item: types.Dropped) -> DroppedJson:
    """Convert an entry of a context's ledger."""
    return DroppedJson(
        doc_id=item.doc_id,
        start=item.span.start,
        end=item.span.end,
        reason=item.reason,
        tokens=item.tokens,
        value=item.value,
    )


def answer_json(answer: types.Answer) -> AnswerJson:
    """Convert an answer."""
    made_by = answer.provenance
    return AnswerJson(
        answer=answer.text,
        sentences=[_sentence_json(sentence) for sentence in answer.sentences],
        abstained=answer.abstained,
        reason=answer.reason,
        context=context_json(answer.context),
        provenance=ProvenanceJson(
            generation=made_by.generation,
            settings=made_by.settings,
            prompt=PromptRefJson(name=made_by.prompt_name, version=made_by.prompt_version),
            model=made_by.model,
            release=made_by.release,
        ),
        usage=usage_json(answer.usage),
        timings_ms=dict(answer.timings_ms),
        warnings=list(answer.warnings),
    )


def event_json(event: StreamEvent) -> dict[str, Any]:
    """Convert a stream's event: `{"event": "context"|"delta"|"answer", ...}` with the part it carries."""
    document: dict[str, Any] = {"event": event.kind}
    if event.kind == "delta":
        document["text"] = event.text
    if event.context is not None:
        document["context"] = context_json(event.context).model_dump(mode="json")
    if event.answer is not None:
        document["answer"] = answer_json(event.answer).model_dump(mode="json")
    return document


def corpus_json(generation: types.Generation) -> CorpusJson:
    """Convert a corpus' live generation."""
    return CorpusJson(
        name=generation.corpus,
        generation=generation.id,
        settings=generation.settings,
        published_at=generation.published_at,
    )


def document_json(document: types.Document, generation: types.Generation) -> DocumentJson:
    """Convert a document of a generation."""
    return DocumentJson(
        doc_id=document.doc_id,
        corpus=generation.corpus,
        generation=generation.id,
        title=document.title,
        uri=document.uri,
        media_type=document.media_type,
        source_hash=document.source_hash,
        metadata=dict(document.metadata),
        warnings=list(document.warnings),
        text=document.text,
    )


def _step_json(step: types.StepTrace) -> QueryStepJson:
    return QueryStepJson(
        name=step.name,
        text=step.text,
        added=list(step.added),
        note=step.note,
        prompt=step.prompt,
        usage=usage_json(step.usage),
    )


def usage_json(usage: types.Usage) -> UsageJson:
    """Convert tokens and cost."""
    return UsageJson(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens, cost_usd=usage.cost_usd)


def _boxes_json(boxes: Sequence[types.Box]) -> list[BoxJson]:
    """Convert boxes; a header that stands for several columns is one rectangle."""
    shown = dict.fromkeys((box.page, box.left, box.top, box.right, box.bottom) for box in boxes)
    return [BoxJson(page=page, left=x0, top=y0, right=x1, bottom=y1) for page, x0, y0, x1, y1 in shown]


def passage_json(passage: types.Passage) -> PassageJson:
    """Convert a passage of a context."""
    return PassageJson(
        tag=passage.tag,
        doc_id=passage.doc_id,
        title=passage.title,
        start=passage.start,
        end=passage.end,
        text=passage.text,
        spans=[(span.start, span.end) for span in passage.spans],
        tokens=passage.tokens,
    )


def quoted_json(citation: types.Citation) -> QuotedJson:
    """Convert a citation, without the place on its page."""
    return QuotedJson(
        tag=citation.tag,
        doc_id=citation.doc_id,
        title=citation.title,
        uri=citation.uri,
        start=citation.span.start,
        end=citation.span.end,
        quote=citation.quote,
        support_score=citation.support.score,
        supported=citation.support.supported,
    )


def _sentence_json(sentence: types.Sentence) -> SentenceJson:
    return SentenceJson(
        text=sentence.text,
        start=sentence.start,
        end=sentence.end,
        citations=[citation_json(citation) for citation in sentence.citations],
    )


def citation_json(citation: types.Citation) -> CitationJson:
    """Convert a citation with the place on its page."""
    return CitationJson(
        **dict(quoted_json(citation)),
        page=citation.boxes[0].page if citation.boxes else None,
        boxes=_boxes_json(citation.boxes),
    )


def verdict_json(verdict: Verdict) -> VerdictJson:
    """Convert what a verifier said of a row."""
    return VerdictJson(id=verdict.id, score=verdict.score, supported=verdict.supported, method=verdict.method)
