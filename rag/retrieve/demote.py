"""Puts hits of documents that count less further down; pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from rag.conditions import parse_condition, satisfied
from rag.types import Hit, StageScore

BEFORE = "before_demotion"
"""The stage that says where a demoted hit would stand without `retrieval.demote`."""


def demoted(hits: Sequence[Hit], factors: Mapping[str, float]) -> list[Hit]:
    """Return the hits by their weighted reciprocal ranks; of two that are as good, the undemoted one comes first.

    `factors` gives conditions what the reciprocal rank of a hit that satisfies them is multiplied by (0..1): at 0.5 a
    hit in place 4 counts as one in place 8. Ranks have the same meaning behind every fusion and reranker, scores do
    not. A demoted hit has no higher score than the hit before it.

    >>> demoted([], {"kind=release-notes": 0.5})
    []
    """
    rules = [(parse_condition(text), factor) for text, factor in factors.items()]
    weights = [math.prod(by for where, by in rules if satisfied(hit.chunk.metadata, where)) for hit in hits]
    order = sorted(range(len(hits)), key=lambda i: (hits[i].rank / weights[i], weights[i] < 1, i))
    found: list[Hit] = []
    for rank, i in enumerate(order, 1):
        score = min(hits[i].score, found[-1].score) if found else hits[i].score
        was = {BEFORE: StageScore(hits[i].rank, hits[i].score)} if weights[i] < 1 else {}
        found.append(replace(hits[i], rank=rank, score=score, stages={**hits[i].stages, **was}))
    return found


def matching(metadata: Mapping[str, str | tuple[str, ...]], conditions: Sequence[str]) -> tuple[str, ...]:
    """Return those of the conditions that a document's metadata satisfies, as they are written."""
    return tuple(text for text in conditions if satisfied(metadata, parse_condition(text)))
