"""The JSON of an explanation, for HTTP and `--json`; offsets and ranks as in `rag.shapes`."""

from __future__ import annotations

from urllib.parse import quote

from rag.explain import values
from rag.shapes.convert import dropped_json
from rag.shapes.shapes import DroppedJson, JsonShape, StageScoreJson
from rag.types import Chunk
from rag.types.loss import Gate


class ExplainedPassageJson(JsonShape):
    """The passage that was asked about, without white space around it; `ref` is how `--passage` names it."""

    doc_id: str
    title: str
    start: int
    end: int
    text: str
    ref: str


class ExplainedChunkJson(JsonShape):
    """The chunk through which the passage came furthest."""

    chunk_id: str
    start: int
    end: int


class SuggestionJson(JsonShape):
    """A change of settings that was run and admits the passage.

    `set` are the `--set` options that make it, `tokens` the size of the context that it gives, `changed_chars` how
    many characters are in one of the two contexts only.
    """

    settings: dict[str, str | int | float]
    set: list[str]
    tokens: int
    changed_chars: int


class TriedJson(JsonShape):
    """A setting that does not admit the passage alone, and the values that were run; of a limit the largest."""

    key: str
    values: list[str | int | float]


class ExplainedSentenceJson(JsonShape):
    """A sentence of the answer and how well its best citation supports it, with the passage and without it."""

    text: str
    start: int
    end: int
    supported: bool
    support_score: float
    supported_without: bool
    support_score_without: float
    loses_support: bool


class ExplainedAnswerJson(JsonShape):
    """The answer, which the passage had a chance to be part of."""

    answer: str
    abstained: bool
    reason: str | None
    sentences: list[ExplainedSentenceJson]


class ExplainJson(JsonShape):
    """Why a passage is in the context of a question, or why not.

    `stages` has null where a stage gave the passage no rank; `rank` is its place in the final ranking; `share` (0..1)
    is how much of it the context holds, in the passages `tags`; `gate` is what removed it, null if nothing did.
    """

    question: str
    corpus: str
    generation: int
    settings: str
    passage: ExplainedPassageJson
    chunk: ExplainedChunkJson | None
    stages: dict[str, StageScoreJson | None]
    rank: int | None
    in_hits: bool
    in_context: bool
    share: float
    tags: list[int]
    gate: Gate | None
    reason: str
    left_out: list[DroppedJson]
    suggestions: list[SuggestionJson]
    tried: list[TriedJson]
    not_tried: list[str]
    answer: ExplainedAnswerJson | None
    timings_ms: dict[str, float]


def explain_json(found: values.Explanation) -> ExplainJson:
    """Convert an explanation."""
    return ExplainJson(
        question=found.question,
        corpus=found.generation.corpus,
        generation=found.generation.id,
        settings=found.settings,
        passage=_passage_json(found.target),
        chunk=_chunk_json(found.chunk) if found.chunk else None,
        stages={
            name: StageScoreJson(rank=at.rank, score=at.score) if at else None for name, at in found.stages.items()
        },
        rank=found.rank,
        in_hits=found.in_hits,
        in_context=found.gate is None,
        share=round(found.share, 4),
        tags=list(found.tags),
        gate=found.gate,
        reason=found.reason,
        left_out=[dropped_json(item) for item in found.left_out],
        suggestions=[_suggestion_json(item) for item in found.suggestions],
        tried=[TriedJson(key=item.key, values=list(item.values)) for item in found.tried],
        not_tried=list(found.not_tried),
        answer=_answer_json(found),
        timings_ms=dict(found.timings_ms),
    )


def options(suggestion: values.Suggestion) -> list[str]:
    """Return a suggestion as the values of `--set` options."""
    return [f"{key}={value}" for key, value in suggestion.settings.items()]


def reference(target: values.Target) -> str:
    """Return a passage as `--passage` takes it: the document percent-encoded, and its characters."""
    return f"{quote(target.doc_id, safe='/')}#{target.span.start}-{target.span.end}"


def _passage_json(target: values.Target) -> ExplainedPassageJson:
    span = target.span
    return ExplainedPassageJson(
        doc_id=target.doc_id,
        title=target.title,
        start=span.start,
        end=span.end,
        text=target.text,
        ref=reference(target),
    )


def _chunk_json(chunk: Chunk) -> ExplainedChunkJson:
    return ExplainedChunkJson(chunk_id=chunk.chunk_id, start=chunk.span.start, end=chunk.span.end)


def _suggestion_json(item: values.Suggestion) -> SuggestionJson:
    return SuggestionJson(
        settings=dict(item.settings), set=options(item), tokens=item.tokens, changed_chars=item.changed_chars
    )


def _answer_json(found: values.Explanation) -> ExplainedAnswerJson | None:
    answer = found.answer
    if answer is None:
        return None
    sentences = [_sentence_json(change) for change in found.sentences]
    return ExplainedAnswerJson(
        answer=answer.text, abstained=answer.abstained, reason=answer.reason, sentences=sentences
    )


def _sentence_json(change: values.SupportChange) -> ExplainedSentenceJson:
    sentence = change.sentence
    return ExplainedSentenceJson(
        text=sentence.text,
        start=sentence.start,
        end=sentence.end,
        supported=change.before.supported,
        support_score=change.before.score,
        supported_without=change.after.supported,
        support_score_without=change.after.score,
        loses_support=change.loses_support,
    )
