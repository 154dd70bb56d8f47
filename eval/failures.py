"""The first stage that broke in a bad case (`rag.types.loss.FAILURES`), told from gold alone, without a model."""

from __future__ import annotations

from collections.abc import Iterable

from eval.metrics.citations import citations
from eval.metrics.spans import context_ranges
from eval.observation import Observation, Range
from rag.types.loss import Failure, furthest


def first_broken_stage(seen: Observation) -> Failure | None:
    """Return the stage's name, or None for a case that went well or has nothing to go by."""
    if seen.status == "error":
        return "error"
    if not seen.case.answerable:
        return "answered_unanswerable" if seen.abstained is False else None
    if seen.case.doc_ids and not _cites_gold(seen):
        broken = _before_the_answer(seen)
        if broken:
            return broken
    if seen.abstained:
        return "wrongly_abstained"
    return _in_the_answer(seen)


def _before_the_answer(seen: Observation) -> Failure | None:
    if not _touches_gold(seen, seen.hits):
        return "not_ingested" if seen.evidence.ingested is False else "not_retrieved"
    if not _touches_gold(seen, seen.hits[: seen.hits_used]):
        return _lost_in_ranking(seen)
    if seen.passages is not None and not _touches_gold(seen, context_ranges(seen)):
        return _lost_in_packing(seen)
    return None


def _lost_in_ranking(seen: Observation) -> Failure:
    used = seen.hits_used or 0
    before = [hit for hit, rank in zip(seen.hits, seen.fused_ranks, strict=False) if rank <= used]
    return "reranked_away" if _touches_gold(seen, before) else "ranked_too_low"


def _lost_in_packing(seen: Observation) -> Failure:
    """Return the failure of the latest loss that the ledger names for gold: it may be in several hits."""
    gone = [(item.reason, Range(item.doc_id, item.span.start, item.span.end)) for item in seen.dropped]
    loss = furthest({reason for reason, place in gone if _touches_gold(seen, [place])})
    return loss.failure if loss else "not_in_context"


def _in_the_answer(seen: Observation) -> Failure | None:
    if seen.abstained is None:
        return None
    if seen.case.doc_ids and not _cites_gold(seen):
        return "not_cited"
    return "unsupported" if _has_unsupported_sentence(seen) else None


def _has_unsupported_sentence(seen: Observation) -> bool:
    """Say whether a sentence with citations goes beyond what they say together."""
    findings = seen.evidence.findings
    if findings is None:
        return False
    pairs = zip(seen.sentences, findings, strict=True)
    return any(sentence.citations and not finding.joint for sentence, finding in pairs)


def _cites_gold(seen: Observation) -> bool:
    cited = [Range(item.doc_id, item.span.start, item.span.end) for item in citations(seen)]
    return seen.abstained is False and _touches_gold(seen, cited)


def _touches_gold(seen: Observation, ranges: Iterable[Range]) -> bool:
    if not seen.case.spans:
        return any(item.doc_id in seen.case.doc_ids for item in ranges)
    return any(
        item.doc_id == gold.doc_id and item.start < gold.span.end and gold.span.start < item.end
        for item in ranges
        for gold in seen.case.spans
    )
