"""The JSON that users get: one set of shapes for HTTP and for `--json` on the command line.

Offsets are `[start, end)` in Unicode code points of a document's clean text; ranks and tags count from 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from rag import types

if TYPE_CHECKING:
    from rag.pipeline import StreamEvent


# --- the shapes -------------------------------------------------------------------------------------------------------


class _Json(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StageScoreJson(_Json):
    """Where one stage put a hit; higher scores are better, each stage has its own scale."""

    rank: int
    score: float


class BoxJson(_Json):
    """A rectangle on a page, in points (1/72 inch) from its upper left corner; `page` counts from 1."""

    page: int
    left: float
    top: float
    right: float
    bottom: float


class HitJson(_Json):
    """One retrieved chunk with the trace of the stages it went through.

    `boxes` are the lines and table cells that it covers, for highlighting; empty where the format has no pages.
    """

    rank: int
    score: float
    doc_id: str
    chunk_id: str
    start: int
    end: int
    text: str
    title: str
    headings: list[str]
    page: int | None
    boxes: list[BoxJson] = []
    stages: dict[str, StageScoreJson]


class UsageJson(_Json):
    """Tokens and cost; `cost_usd` is null when the model's price is not configured."""

    input_tokens: int
    output_tokens: int
    cost_usd: float | None


class QueryStepJson(_Json):
    """What one query step did: the `text` that is searched after it, and what it added or replaced.

    `note` says why it did nothing; `prompt` and `usage` are of the language model, where one was asked.
    """

    name: str
    text: str
    added: list[str]
    note: str
    prompt: str
    usage: UsageJson


class SearchJson(_Json):
    """Ranked hits of one question, from one index generation; `query_steps` is empty unless steps are configured."""

    question: str
    corpus: str
    generation: int
    settings: str
    hits: list[HitJson]
    query_steps: list[QueryStepJson] = []
    timings_ms: dict[str, float]


class PassageJson(_Json):
    """A tagged piece of the context; `text` is its spans joined by " … " where they are not adjacent."""

    tag: int
    doc_id: str
    title: str
    start: int
    end: int
    text: str
    spans: list[tuple[int, int]]
    tokens: int


class DroppedJson(_Json):
    """What did not reach the context, and why."""

    doc_id: str
    start: int
    end: int
    reason: str


class MessageJson(_Json):
    """One chat message of the rendered prompt."""

    role: str
    content: str


class PromptJson(_Json):
    """The prompt as the model would read it."""

    name: str
    version: str
    messages: list[MessageJson]


class ContextJson(SearchJson):
    """The hits, the context packed from them and the prompt made of it."""

    passages: list[PassageJson]
    tokens: int
    budget_tokens: int
    tokenizer: str
    dropped: list[DroppedJson]
    prompt: PromptJson


class CitationJson(_Json):
    """One checked citation; `quote` equals the document's clean text at `[start, end)`.

    `page` and `boxes` say where the quote stands; null and empty where the format has no pages.
    """

    tag: int
    doc_id: str
    title: str
    uri: str
    start: int
    end: int
    quote: str
    support_score: float
    supported: bool
    page: int | None = None
    boxes: list[BoxJson] = []


class SentenceJson(_Json):
    """One sentence at `[start, end)` of the answer."""

    text: str
    start: int
    end: int
    citations: list[CitationJson]


class PromptRefJson(_Json):
    """The prompt file that was used."""

    name: str
    version: str


class ProvenanceJson(_Json):
    """What produced the answer, enough to produce it again."""

    generation: int
    settings: str
    prompt: PromptRefJson
    model: str
    release: str | None


class AnswerJson(_Json):
    """A checked answer; when `abstained`, `answer` is empty and `reason` says why."""

    answer: str
    sentences: list[SentenceJson]
    abstained: bool
    reason: str | None
    context: ContextJson
    provenance: ProvenanceJson
    usage: UsageJson
    timings_ms: dict[str, float]


class CorpusJson(_Json):
    """One corpus and its live generation."""

    name: str
    generation: int
    settings: str
    published_at: str | None


class CorporaJson(_Json):
    """Every corpus that can be asked."""

    corpora: list[CorpusJson]


class DocumentJson(_Json):
    """A document as the live generation sees it; `text` is the clean text that all offsets speak of."""

    doc_id: str
    corpus: str
    generation: int
    title: str
    uri: str
    media_type: str
    source_hash: str
    metadata: dict[str, str | tuple[str, ...]]
    warnings: list[str]
    text: str


# --- from the flow's values to the shapes -----------------------------------------------------------------------------


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
        passages=[_passage_json(passage) for passage in context.passages],
        tokens=context.tokens,
        budget_tokens=context.budget_tokens,
        tokenizer=context.tokenizer,
        dropped=[
            DroppedJson(doc_id=item.doc_id, start=item.span.start, end=item.span.end, reason=item.reason)
            for item in context.dropped
        ],
        prompt=PromptJson(
            name=result.prompt.name,
            version=result.prompt.version,
            messages=[MessageJson(role=m.role, content=m.content) for m in result.prompt.messages],
        ),
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
        usage=_usage_json(answer.usage),
        timings_ms=dict(answer.timings_ms),
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
        usage=_usage_json(step.usage),
    )


def _usage_json(usage: types.Usage) -> UsageJson:
    return UsageJson(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens, cost_usd=usage.cost_usd)


def _boxes_json(boxes: Sequence[types.Box]) -> list[BoxJson]:
    """Convert boxes; a header that stands for several columns is one rectangle."""
    shown = dict.fromkeys((box.page, box.left, box.top, box.right, box.bottom) for box in boxes)
    return [BoxJson(page=page, left=x0, top=y0, right=x1, bottom=y1) for page, x0, y0, x1, y1 in shown]


def _passage_json(passage: types.Passage) -> PassageJson:
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


def _sentence_json(sentence: types.Sentence) -> SentenceJson:
    return SentenceJson(
        text=sentence.text,
        start=sentence.start,
        end=sentence.end,
        citations=[_citation_json(citation) for citation in sentence.citations],
    )


def _citation_json(citation: types.Citation) -> CitationJson:
    return CitationJson(
        tag=citation.tag,
        doc_id=citation.doc_id,
        title=citation.title,
        uri=citation.uri,
        start=citation.span.start,
        end=citation.span.end,
        quote=citation.quote,
        support_score=citation.support.score,
        supported=citation.support.supported,
        page=citation.boxes[0].page if citation.boxes else None,
        boxes=_boxes_json(citation.boxes),
    )
