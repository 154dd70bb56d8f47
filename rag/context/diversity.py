"""Which hits a context is packed from, beyond their rank: not too many of one document, not too much of the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rag.context.terms import content_terms
from rag.scaling import min_max
from rag.types import Dropped, Hit


def cap_documents(hits: Sequence[Hit], limit: int) -> tuple[list[Hit], list[Dropped]]:
    """Keep the best `limit` hits of each document, in order; 0 means all."""
    if not limit:
        return list(hits), []
    kept: list[Hit] = []
    dropped = []
    counts: Counter[str] = Counter()
    for hit in hits:
        counts[hit.chunk.doc_id] += 1
        if counts[hit.chunk.doc_id] <= limit:
            kept.append(hit)
        else:
            dropped.append(Dropped(hit.chunk.doc_id, hit.chunk.span, "max_per_document"))
    return kept, dropped


def diversify(hits: Sequence[Hit], weight: float) -> list[Hit]:
    """Reorder hits by maximal marginal relevance: `(1 - weight) * relevance - weight * similarity to one before it`.

    Relevance is the min-max scaled score, similarity the Jaccard of content terms; 0 leaves the order alone, ties go to
    the better rank. Carbonell and Goldstein, SIGIR 1998.
    """
    if not weight:
        return list(hits)
    relevance = min_max([hit.score for hit in hits])
    terms = [frozenset(content_terms(hit.chunk.text)) for hit in hits]
    nearest = [0.0] * len(hits)
    rest = list(range(len(hits)))
    order: list[int] = []
    while rest:
        best = max(rest, key=lambda i: ((1 - weight) * relevance[i] - weight * nearest[i], -i))
        rest.remove(best)
        order.append(best)
        for i in rest:
            nearest[i] = max(nearest[i], _jaccard(terms[i], terms[best]))
    return [hits[i] for i in order]


def _jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / (len(a | b) or 1)
