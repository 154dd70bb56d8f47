"""The words of a question that carry its meaning, and how much each of them tells hits apart."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping

import Stemmer

from rag.text import words

STOP_WORDS = frozenset(
    """a about after all also am an and any anyone are aren't as at be because been before being between both but
    by can can't could couldn't did do does doesn't doing don't each either else few for from get gets getting
    had has have having he her here hers him his how i i'm if in into is isn't it it's its just let me more most
    much my no nor not of off on once one only or other our ours out over please same she should so some such
    tell than that that's the their theirs them then there these they this those through to too under until up
    us very was wasn't we were weren't what what's when where which while who whom whose why will with within
    won't would you your yours""".split()
)


def content_terms(text: str) -> list[str]:
    """Return the English stems of the words of `text` that are no stop words, in order."""
    # a stemmer is cheap to make and not safe to share between threads
    stems: list[str] = Stemmer.Stemmer("english").stemWords([w for w in words(text) if w not in STOP_WORDS])
    return stems


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
