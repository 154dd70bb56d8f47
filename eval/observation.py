"""What one case of a run produced: the only thing that metrics look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from eval.golden import Case
from rag.types import Answer, ContextResult, Dropped, Hit, Passage, Provenance, SearchResult, Sentence, Usage

Status = Literal["ok", "error", "abstained", "not_applicable"]


@dataclass(frozen=True, slots=True)
class Range:
    """`[start, end)` of one document; for a hit, `score` is that of the last stage (higher is better)."""

    doc_id: str
    start: int
    end: int
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class SupportFinding:
    """A verifier's findings on one sentence: by all its citations, by each alone, and by all but each."""

    joint: bool
    alone: tuple[bool, ...] = ()
    without: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Part of a document's clean text that begins at `start`: what a reader needs to see gold and citations in."""

    doc_id: str
    start: int
    text: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the catalogue and a verifier say about an answer; None where nobody was there to ask.

    `cited` is the clean text at each citation's range, in reading order (None: no such document or range).
    `touching` is every chunk of the generation that shares a character with a gold span; `ingested` says whether the
    generation holds anything of the gold at all. `sources` shows gold and cited passages where they stand.
    """

    cited: tuple[str | None, ...] | None = None
    touching: tuple[Range, ...] | None = None
    findings: tuple[SupportFinding, ...] | None = None
    ingested: bool | None = None
    sources: tuple[Excerpt, ...] = ()


@dataclass(frozen=True, slots=True)
class Observation:
    """One case with what the system did about it. `abstained` is None where no answer was asked for or it failed.

    `hits` is the ranking in order, of which the context was packed from the first `hits_used` (None: no answer was
    asked for); `fused_ranks` says where each of them stood before reranking. `dropped` is the context's ledger.
    `top_scores` is the best score per stage among those, the features of abstention baselines.
    """

    case: Case
    status: Status
    error: str | None = None
    generation: int | None = None
    settings: str | None = None
    hits: tuple[Range, ...] = ()
    fused_ranks: tuple[int, ...] = ()
    hits_used: int | None = None
    passages: tuple[Passage, ...] | None = None
    context_tokens: int | None = None
    dropped: tuple[Dropped, ...] = ()
    answer: str = ""
    sentences: tuple[Sentence, ...] = ()
    abstained: bool | None = None
    reason: str | None = None
    answerability: float | None = None
    provenance: Provenance | None = None
    usage: Usage | None = None
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    top_scores: Mapping[str, float] = field(default_factory=dict)
    evidence: Evidence = Evidence()


def failed(case: Case, error: str, timings_ms: Mapping[str, float]) -> Observation:
    """Return the observation of a case that raised."""
    return Observation(case, "error", error=error, timings_ms=timings_ms)


def searched(case: Case, result: SearchResult, timings_ms: Mapping[str, float]) -> Observation:
    """Return the observation of a case that was only searched; without gold there is nothing to score."""
    return Observation(
        case,
        "ok" if case.doc_ids else "not_applicable",
        generation=result.generation.id,
        settings=result.settings,
        hits=_ranges(result.hits),
        fused_ranks=_fused_ranks(result.hits),
        timings_ms=timings_ms,
        top_scores=_top_scores(result.hits),
    )


def packed(case: Case, result: ContextResult, timings_ms: Mapping[str, float]) -> Observation:
    """Return the observation of a case for which a context was packed and nothing was answered."""
    return replace(
        searched(case, result.search, timings_ms),
        hits_used=result.packed_from,
        passages=result.context.passages,
        context_tokens=result.context.tokens,
        dropped=result.context.dropped,
    )


def answered(
    case: Case, answer: Answer, ranking: Sequence[Hit], timings_ms: Mapping[str, float], evidence: Evidence
) -> Observation:
    """Return the observation of a case that was answered or refused; `ranking` may be deeper than the answer's own."""
    return Observation(
        case,
        "abstained" if answer.abstained else "ok",
        generation=answer.provenance.generation,
        settings=answer.provenance.settings,
        hits=_ranges(ranking),
        fused_ranks=_fused_ranks(ranking),
        hits_used=answer.context.packed_from,
        passages=answer.context.context.passages,
        context_tokens=answer.context.context.tokens,
        dropped=answer.context.context.dropped,
        answer=answer.text,
        sentences=answer.sentences,
        abstained=answer.abstained,
        reason=answer.reason,
        answerability=answer.answerability,
        provenance=answer.provenance,
        usage=answer.usage,
        timings_ms=timings_ms,
        top_scores=_top_scores(answer.context.search.hits),
        evidence=evidence,
    )


def _ranges(hits: Sequence[Hit]) -> tuple[Range, ...]:
    return tuple(Range(hit.chunk.doc_id, hit.chunk.span.start, hit.chunk.span.end, hit.score) for hit in hits)


def _fused_ranks(hits: Sequence[Hit]) -> tuple[int, ...]:
    return tuple(hit.stages["fused"].rank if "fused" in hit.stages else hit.rank for hit in hits)


def _top_scores(hits: Sequence[Hit]) -> dict[str, float]:
    best: dict[str, float] = {}
    for hit in hits:
        for stage, score in [("final", hit.score), *((name, seen.score) for name, seen in hit.stages.items())]:
            best[stage] = max(score, best.get(stage, score))
    return best
