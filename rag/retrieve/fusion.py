"""Fusion of several retrievers' rankings into one; pure, deterministic, ties broken by chunk_id."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from rag.errors import ConfigError, UnknownKeyError
from rag.scaling import min_max
from rag.settings import RetrievalSettings
from rag.types import Candidate, Chunk, Hit, StageScore

_VARIANT = "#"

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


def convex_z(rankings: Rankings, weights: Mapping[str, float] | None = None) -> dict[int, float]:
    """Score each candidate by the weighted mean of its standard scores; one that a ranking lacks has its lowest there.

    Scores are unbounded, 0 is average. Section 3 of Bruch, Gai and Ingber, https://arxiv.org/abs/2210.11934.
    """
    return _weighted_mean(rankings, _standard_scores, weights)


def convex_theoretical(rankings: Rankings, weights: Mapping[str, float] | None = None) -> dict[int, float]:
    """Score each candidate by the weighted mean of its scores, scaled from the retriever's lowest possible score.

    Unlike with min-max, the last of many good candidates is not made worthless. The lowest possible scores are those
    of LOWEST, that of another retriever is the lowest of its ranking; a ranking without the candidate counts 0.
    Scores lie in 0..1. TM2C2 of Bruch, Gai and Ingber, https://arxiv.org/abs/2210.11934.
    """
    return _weighted_mean(rankings, _from_lowest, weights)


def distribution_based(rankings: Rankings, weights: Mapping[str, float] | None = None) -> dict[int, float]:
    """Score each candidate by the weighted mean of its scores normalised between mean - 3 sd and mean + 3 sd.

    Scores lie in 0..1; a ranking without the candidate counts 0. Mazzeschi, "Distribution-Based Score Fusion" (2023);
    https://qdrant.tech/documentation/concepts/hybrid-queries/.
    """
    return _weighted_mean(rankings, _three_sigma, weights)


def contenders(scores: Mapping[int, float], first: int | None) -> list[int]:
    """Return the pks that may be among the `first` best, in order: all that do as well as the last of them."""
    if first is None or first >= len(scores):
        return sorted(scores)
    least = heapq.nlargest(first, scores.values())[-1] if first else math.inf
    return sorted(pk for pk, score in scores.items() if score >= least)


def fuse(
    rankings: Rankings, scores: Mapping[int, float], chunk_ids: Mapping[int, str], first: int | None = None
) -> list[Fused]:
    """Order candidates by fused score, best first, ties by chunk_id, and return the `first` with their `stages`.

    `scores` is what a fusion made of the rankings. Candidates without a chunk_id (no contenders, or removed meanwhile)
    are left out.
    """
    ordered = sorted((pk for pk in scores if pk in chunk_ids), key=lambda pk: (-scores[pk], chunk_ids[pk]))[:first]
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
    """Return the fusion that the settings name; a retriever of weight 0 is left out, as if it had not been asked.

    Raises:
        UnknownKeyError: `settings.fusion` is no key of FUSIONS.
        ConfigError: no retriever has a weight above 0.
    """
    if settings.fusion not in FUSIONS:
        raise UnknownKeyError("fusion", settings.fusion, FUSIONS)
    if not any(_weight(settings.weights, name) for name in settings.retrievers):
        raise ConfigError("retrieval.weights leaves every retriever out; give one of them a weight above 0")
    fusion = FUSIONS[settings.fusion](settings)
    return lambda rankings: fusion({name: r for name, r in rankings.items() if _weight(settings.weights, name)})


def variant(name: str, number: int) -> str:
    """Return the name of a retriever's ranking for the n-th further form of the question; it has the same weight."""
    return f"{name}{_VARIANT}{number}"


def _min_max(name: str, ranking: Sequence[Candidate]) -> dict[int, float]:
    return _scaled(ranking, min_max([candidate.score for candidate in ranking]))


def _from_lowest(name: str, ranking: Sequence[Candidate]) -> dict[int, float]:
    scores = [candidate.score for candidate in ranking]
    # one below what should be the lowest must still come out last
    lowest = min(LOWEST.get(_retriever(name), math.inf), *scores)
    return _scaled(ranking, min_max([*scores, lowest])[:-1])


def _standard_scores(name: str, ranking: Sequence[Candidate]) -> dict[int, float]:
    mean, sd = _moments(ranking)
    return {c.pk: (c.score - mean) / sd if sd > 0 else 0.0 for c in ranking}


def _three_sigma(name: str, ranking: Sequence[Candidate]) -> dict[int, float]:
    mean, sd = _moments(ranking)
    if sd <= 0:
        return {c.pk: 0.5 for c in ranking}
    return {c.pk: min(1.0, max(0.0, 0.5 + (c.score - mean) / (6 * sd))) for c in ranking}


def _scaled(ranking: Sequence[Candidate], scores: Sequence[float]) -> dict[int, float]:
    return {candidate.pk: score for candidate, score in zip(ranking, scores, strict=True)}


def _moments(ranking: Sequence[Candidate]) -> tuple[float, float]:
    n = len(ranking)
    mean = math.fsum(c.score for c in ranking) / n
    return mean, math.sqrt(math.fsum((c.score - mean) ** 2 for c in ranking) / n)


def _weighted_mean(
    rankings: Rankings,
    normalise: Callable[[str, Sequence[Candidate]], dict[int, float]],
    weights: Mapping[str, float] | None,
) -> dict[int, float]:
    """Return the weighted mean over the rankings; where one lacks a candidate it counts as its lowest, 0 at most."""
    total = math.fsum(_weight(weights, name) for name in sorted(rankings)) or 1.0
    pks = {candidate.pk for ranking in rankings.values() for candidate in ranking}
    parts = {}
    for name, ranking in rankings.items():
        share = _weight(weights, name) / total
        scores = normalise(name, ranking) if ranking else {}
        absent = min(0.0, *scores.values()) if scores else 0.0
        parts[name] = {pk: share * scores.get(pk, absent) for pk in pks}
    return _sums(parts)


def _sums(parts: Mapping[str, Mapping[int, float]]) -> dict[int, float]:
    """Add up exactly, so that the order of the rankings cannot change a single bit."""
    terms: dict[int, list[float]] = {}
    for part in parts.values():
        for pk, score in part.items():
            terms.setdefault(pk, []).append(score)
    return {pk: math.fsum(scores) for pk, scores in terms.items()}


def _weight(weights: Mapping[str, float] | None, name: str) -> float:
    return 1.0 if weights is None else weights.get(_retriever(name), 1.0)


def _retriever(name: str) -> str:
    return name.partition(_VARIANT)[0]


LOWEST: dict[str, float] = {"dense": -1.0, "bm25": 0.0}
"""The lowest score that a retriever can give, for theoretical min-max."""

FUSIONS: dict[str, Callable[[RetrievalSettings], Fusion]] = {
    "rrf": lambda settings: lambda rankings: reciprocal_rank(rankings, settings.rrf_k, settings.weights),
    "weighted": lambda settings: lambda rankings: convex(rankings, settings.weights),
    "weighted-z": lambda settings: lambda rankings: convex_z(rankings, settings.weights),
    "weighted-theoretical": lambda settings: lambda rankings: convex_theoretical(rankings, settings.weights),
    "dbsf": lambda settings: lambda rankings: distribution_based(rankings, settings.weights),
}
"""`retrieval.fusion` -> how rankings become one."""
