"""What two splits of a set share that they should not: the same question in other words, the same cluster."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from eval.golden import Case
from rag.context.terms import content_terms

LeakKind = Literal["same question", "near-duplicate question", "same cluster"]

_NEAR = 0.8


@dataclass(frozen=True, slots=True)
class Leak:
    """Two cases that share too much; `across` says whether they stand in different splits."""

    kind: LeakKind
    first: str
    second: str
    similarity: float
    across: bool


def leaks(cases: Sequence[Case], near: float = _NEAR) -> list[Leak]:
    """Return pairs of cases with equal or nearly equal questions, and clusters that stand in two splits.

    Questions are compared by the Jaccard similarity of their stemmed content words; `near` counts as the same. Pairs
    inside a split are duplicates (they narrow intervals without cause), pairs across splits are leaks.
    """
    return [*_questions(cases, near), *_clusters(cases)]


def _questions(cases: Sequence[Case], near: float) -> Iterator[Leak]:
    terms = [frozenset(content_terms(case.question)) for case in cases]
    holders: dict[str, list[int]] = defaultdict(list)
    for i, words in enumerate(terms):
        for word in words:
            holders[word].append(i)
    for i, j in sorted(_sharing(holders)):
        first, second = cases[i], cases[j]
        similarity = len(terms[i] & terms[j]) / len(terms[i] | terms[j])
        same = _plain(first.question) == _plain(second.question)
        if first.history != second.history or not (same or similarity >= near):
            continue
        kind: LeakKind = "same question" if same else "near-duplicate question"
        yield Leak(kind, first.id, second.id, similarity, first.split != second.split)


def _sharing(holders: dict[str, list[int]]) -> set[tuple[int, int]]:
    # A word that every tenth question holds says nothing; pairs that share only such words are not the same question.
    total = len({i for held in holders.values() for i in held})
    rare = (held for held in holders.values() if len(held) <= max(20, total // 10))
    return {pair for held in rare for pair in combinations(held, 2)}


def _clusters(cases: Sequence[Case]) -> Iterator[Leak]:
    firsts: dict[str, Case] = {}
    for case in cases:
        first = firsts.setdefault(case.cluster, case)
        if first.split != case.split:
            yield Leak("same cluster", first.id, case.id, 1.0, True)


def _plain(question: str) -> str:
    return " ".join(question.casefold().split()).rstrip("?!. ")
