"""The first stage that broke in a bad case, told from gold alone, without a model."""

from __future__ import annotations

from collections.abc import Iterable

from eval.metrics.citations import citations
from eval.metrics.spans import context_ranges
from eval.observation import Observation, Range


def first_broken_stage(seen: Observation) -> str | None:
    """Return the stage's name, or None for a case that went well or has nothing to go by.

    The names: error, answered_unanswerable, not_retrieved, ranked_too_low, not_in_context, wrongly_abstained,
    not_cited.
    """
    if seen.status == "error":
        return "error"
    if not seen.case.answerable:
        return "answered_unanswerable" if seen.abstained is False else None
    if seen.case.doc_ids:
        broken = _before_the_answer(seen)
        if broken:
            return broken
    if seen.abstained:
        return "wrongly_abstained"
    return _uncited(seen)


def _before_the_answer(seen: Observation) -> str | None:
    if seen.abstained is False and _uncited(seen) is None:
        return None  # cited gold was found, whatever the ranking looked like
    if not _touches_gold(seen, seen.hits):
        return "not_retrieved"
    if not _touches_gold(seen, seen.hits[: seen.hits_used]):
        return "ranked_too_low"
    if seen.passages is not None and not _touches_gold(seen, context_ranges(seen)):
        return "not_in_context"
    return None


def _uncited(seen: Observation) -> str | None:
    if seen.abstained is None or not seen.case.doc_ids:
        return None
    cited = [Range(item.doc_id, item.span.start, item.span.end) for item in citations(seen)]
    return None if _touches_gold(seen, cited) else "not_cited"


def _touches_gold(seen: Observation, ranges: Iterable[Range]) -> bool:
    if not seen.case.spans:
        return any(item.doc_id in seen.case.doc_ids for item in ranges)
    return any(
        item.doc_id == gold.doc_id and item.start < gold.span.end and gold.span.start < item.end
        for item in ranges
        for gold in seen.case.spans
    )
