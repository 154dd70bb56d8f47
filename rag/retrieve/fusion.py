"""Fusion of several retrievers' rankings into one; pure, deterministic, ties broken by chunk_id."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from rag.errors import UnknownKeyError
from rag.scaling import min_max
from rag.settings import RetrievalSettings
from rag.types import Candidate, Chunk, Hit, StageScore

Rankings = Mapping[str, Sequence[Candidate]]
"""Each retriever's candidates, best first, by the retriever's name."""

Fusion = Callable[[Rankings], dict[int, float]]
"""Gives every candidate of any ranking one score, by pk; higher is better."""


@dataclass(frozen=True, slots=True)
class Fused:
    """A fused candidate with the rank (from 1) and score that each stage so far gave it."""

    pk: int
    score: float
    stages: Mapping[str, StageScore]


def reciprocal_rank(
    rankings: Rankings, k: float = 60.0, weights: Mapping[str, float] | None = None
) -> dict[int, float]:
    """Score each candidate by the sum of `weight / (k + rank)` over the rankings that hold it; ranks count from 1.

    Scores lie in `(0, sum of weights / (k + 1)]`. Cormack, Clarke and Buettcher, SIGIR 2009.
    """
    parts = {
        name: {c.pk: _weight(weights, name) / (k + rank) for rank, c in enumerate(ranking, 1)}
        for name, ranking in rankings.items()
    }
    return _sums(parts)


def convex(rankings: Rankings, weights: Mapping[str, float] | None = None) -> dict[int, float]:
    """Score each candidate by the weighted mean of its min-max normalised scores; a ranking without it counts 0.

    Scores lie in 0..1. Bruch, Gai and Ingber, https://arxiv.org/abs/2210.11934.
    """
    return _weighted_mean(rankings, _min_max, weights)


def distribution_based(rankings: Rankings, weights: Mapping[str, float] | None = None) -> dict[int, float]:
    """Score each candidate by the weighted mean of its scores normalised between mean - 3 sd and mean + 3 sd.

    Scores lie in 0..1; a ranking without the candidate counts 0. Known as DBSF.
    """
    return _weighted_mean(rankings, _three_sigma, weights)


def fuse(rankings: Rankings, fusion: Fusion, chunk_ids: Mapping[int, str]) -> list[Fused]:
    """Order all candidates by fused score, best first, ties by chunk_id, each with its `stages`.

    Candidates without a chunk_id (removed meanwhile) are left out.
    """
    scores = {pk: score for pk, score in fusion(rankings).items() if pk in chunk_ids}
    ordered = sorted(scores, key=lambda pk: (-scores[pk], chunk_ids[pk]))
    traces: dict[int, dict[str, StageScore]] = {pk: {} for pk in ordered}
    for name in sorted(rankings):
        for rank, candidate in enumerate(rankings[name], 1):
            if candidate.pk in traces:
                traces[candidate.pk][name] = StageScore(rank, candidate.score)
    for rank, pk in enumerate(ordered, 1):
        traces[pk]["fused"] = StageScore(rank, scores[pk])
    return [Fused(pk, scores[pk], traces[pk]) for pk in ordered]


def to_hits(fused: Iterable[Fused], chunks: Mapping[int, Chunk]) -> list[Hit]:
    """Attach the chunks to fused candidates; ranks count from 1 in the order given."""
    present = [item for item in fused if item.pk in chunks]
    return [Hit(chunks[item.pk], rank, item.score, item.stages) for rank, item in enumerate(present, 1)]


def fusion_of(settings: RetrievalSettings) -> Fusion:
    """Return the fusion that the settings name.

    Raises:
        UnknownKeyError: `settings.fusion` is no key of FUSIONS.
    """
    if settings.fusion not in FUSIONS:
        raise UnknownKeyError("fusion", settings.fusion, FUSIONS)
    return FUSIONS[settings.fusion](settings)


def _min_max(ranking: Sequence[Candidate]) -> dict[int, float]:
    scaled = min_max([candidate.score for candidate in ranking])
    return {candidate.pk: score for candidate, score in zip(ranking, scaled, strict=True)}


def _three_sigma(ranking: Sequence[Candidate]) -> dict[int, float]:
    n = len(ranking)
    mean = math.fsum(c.score for c in ranking) / n
    spread = 6 * math.sqrt(math.fsum((c.score - mean) ** 2 for c in ranking) / n)
    if spread <= 0:
        return {c.pk: 0.5 for c in ranking}
    return {c.pk: min(1.0, max(0.0, 0.5 + (c.score - mean) / spread)) for c in ranking}


def _weighted_mean(
    rankings: Rankings,
    normalise: Callable[[Sequence[Candidate]], dict[int, float]],
    weights: Mapping[str, float] | None,
) -> dict[int, float]:
    total = math.fsum(_weight(weights, name) for name in sorted(rankings)) or 1.0
    parts = {}
    for name, ranking in rankings.items():
        share = _weight(weights, name) / total
        parts[name] = {pk: share * score for pk, score in normalise(ranking).items()} if ranking else {}
    return _sums(parts)


def _sums(parts: Mapping[str, Mapping[int, float]]) -> dict[int, float]:
    """Add up exactly, so that the order of the rankings cannot change a single bit."""
    terms: dict[int, list[float]] = {}
    for part in parts.values():
        for pk, score in part.items():
            terms.setdefault(pk, []).append(score)
    return {pk: math.fsum(scores) for pk, scores in terms.items()}


def _weight(weights: Mapping[str, float] | None, name: str) -> float:
    return 1.0 if weights is None else weights.get(name, 1.0)


FUSIONS: dict[str, Callable[[RetrievalSettings], Fusion]] = {
    "rrf": lambda settings: lambda rankings: reciprocal_rank(rankings, settings.rrf_k, settings.weights),
    "weighted": lambda settings: lambda rankings: convex(rankings, settings.weights),
    "dbsf": lambda settings: lambda rankings: distribution_based(rankings, settings.weights),
}
