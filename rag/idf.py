"""How much each term tells the texts of a pool apart, and how much of a question's terms a text holds; pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping


def local_idf(terms: Iterable[str], pool: Collection[Collection[str]]) -> dict[str, float]:
    """Weigh each term by how few texts of the pool hold it: `ln(1 + (n - df + .5) / (df + .5))`, above 0.

    The pool is the hits of one question, so a term that all of them share says little about any of them.
    """
    n = len(pool)
    counts = {term: sum(term in text for text in pool) for term in terms}
    return {term: math.log(1 + (n - df + 0.5) / (df + 0.5)) for term, df in counts.items()}


def coverage(weights: Mapping[str, float], text: Collection[str]) -> float:
    """Return the weighted share of the terms that the text holds (0..1; 0 without any terms)."""
    total = math.fsum(weights.values())
    return math.fsum(weight for term, weight in weights.items() if term in text) / total if total else 0.0
