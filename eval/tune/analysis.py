"""What a search teaches beside its winner: the Pareto front, which settings matter, what a change costs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eval.tune.fronts import dominates, front
from eval.tune.points import DEFAULT, Candidates, Floats, Point, Value, Work
from eval.tune.searches.asked import question_weights, weighted_means
from eval.tune.searches.pool import pool_of_candidates
from eval.tune.surrogate import Belief, Kernels, believe

_BINS = 6  # levels that the values of a range are counted in
_TELLING = 0.25  # of the questions a point must have answered before it can be the best so far


@dataclass(frozen=True, slots=True)
class Dominated:
    """A point that another is at least as good as in every objective and better in one; `by` is how much in each."""

    point: Point
    rival: Point
    by: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Importance:
    """How much a setting matters: the share, 0..1, of the variance over the space that its values alone explain.

    `best` is its value with the highest mean over all values of the others, `spread` how far that lies above the
    lowest. `points` were tried, with `values` different values of the setting among them, on which it rests.
    """

    key: str
    share: float
    best: Value
    spread: float
    points: int
    values: int


@dataclass(frozen=True, slots=True)
class Neighbour:
    """The winner with one setting changed. `change` is in the first objective, up is better.

    It is measured on the `questions` that both answered, or predicted by the model where `questions` is 0.
    """

    key: str
    value: Value
    change: float
    questions: int


@dataclass(frozen=True, slots=True)
class Analysis:
    """All of it. `curve` has, after so many question evaluations, how much better than the default the best was."""

    front: tuple[Point, ...]
    dominated: tuple[Dominated, ...]
    importance: tuple[Importance, ...]
    sensitivity: tuple[Neighbour, ...]
    curve: tuple[tuple[int, float], ...]


def analyse(
    scores: Mapping[Point, Floats],
    strata: Sequence[int],
    candidates: Candidates,
    winner: Point,
    works: Sequence[Work] = (),
    *,
    seed: int = 0,
) -> Analysis:
    """Return the analysis of what a search asked.

    Args:
        scores: `(questions, objectives)` of every point that was tried, higher is better, NaN where it was not asked.
        strata: the set of every question; sets weigh the same.
        candidates: the space.
        winner: the point whose neighbours are looked at, with all of its values; the default has none to change.
        works: what was asked, in its order, for the learning curve.
        seed: of the points that a model of a large space looks at.
    """
    telling = np.isfinite(scores[DEFAULT])
    whole = {point: values for point, values in scores.items() if np.isfinite(values[telling]).all()}
    best, beaten = pareto({point: weighted_means(values, strata) for point, values in whole.items()})
    pool, belief = _modelled(scores, strata, candidates, seed, winner)
    return Analysis(
        best,
        beaten,
        importance(pool, belief, [point for point in scores if point != DEFAULT]),
        sensitivity(winner, scores, strata, pool, belief),
        learning_curve(scores, strata, works),
    )


def pareto(means: Mapping[Point, Floats]) -> tuple[tuple[Point, ...], tuple[Dominated, ...]]:
    """Return the points that no other beats, and for every other one the point that beats it by the most."""
    points = list(means)
    best = [points[i] for i in front([means[point] for point in points])]
    beaten = []
    for point in points:
        rivals = [rival for rival in best if dominates(means[rival], means[point])]
        if rivals:
            rival = max(rivals, key=lambda other: float(means[other][0]))
            beaten.append(Dominated(point, rival, tuple((means[rival] - means[point]).tolist())))
    return tuple(best), tuple(beaten)


def importance(pool: Sequence[Point], belief: Belief, tried: Sequence[Point]) -> tuple[Importance, ...]:
    """Return the settings by falling importance: a functional ANOVA of the fitted model's means over the space.

    Hutter, Hoos & Leyton-Brown 2014, "An efficient approach for assessing hyperparameter importance". The rest of the
    variance is that of settings together. A range's values are taken in six levels.
    """
    inside = [i for i, point in enumerate(pool) if point != DEFAULT]
    means = belief.mean[inside]
    variance = float(means.var()) if inside else 0.0
    found = []
    for key in sorted({key for i in inside for key, _ in pool[i].values}):
        levels = _levels([dict(pool[i].values).get(key) for i in inside])
        groups = {level: means[[j for j, other in enumerate(levels) if other == level]] for level in set(levels)}
        centre = float(means.mean())
        between = sum(len(group) * (float(group.mean()) - centre) ** 2 for group in groups.values()) / len(means)
        top = max(groups, key=lambda level: (float(groups[level].mean()), str(level)))
        spread = float(groups[top].mean()) - min(float(group.mean()) for group in groups.values())
        seen = {dict(point.values).get(key) for point in tried}
        share = between / variance if variance > 0 else 0.0
        found.append(Importance(key, share, top, spread, len(tried), len(seen)))
    return tuple(sorted(found, key=lambda item: (-item.share, item.key)))


def sensitivity(
    winner: Point, scores: Mapping[Point, Floats], strata: Sequence[int], pool: Sequence[Point], belief: Belief
) -> tuple[Neighbour, ...]:
    """Return the winner with one setting changed, the greatest loss first; measured where it was tried."""
    place = {point: i for i, point in enumerate(pool)}
    found = []
    for point in dict.fromkeys((*scores, *pool)):
        changed = [item for item in point.values if item not in winner.values]
        if len(changed) != 1 or {key for key, _ in point.values} != {key for key, _ in winner.values}:
            continue
        key, value = changed[0]
        apart = scores[point][:, 0] - scores[winner][:, 0] if point in scores and winner in scores else np.array([])
        asked = int(np.isfinite(apart).sum())
        if asked:
            change = float(weighted_means(apart[:, None], strata)[0])
        else:
            change = float(belief.mean[place[point]] - belief.mean[place[winner]])
        found.append(Neighbour(key, value, change, asked))
    return tuple(sorted(found, key=lambda item: (item.change, item.key, str(item.value))))


def learning_curve(
    scores: Mapping[Point, Floats], strata: Sequence[int], works: Sequence[Work]
) -> tuple[tuple[int, float], ...]:
    """Return (evaluations so far, best gain over the default so far) whenever the best changes, and at the end.

    A gain is the paired one in the first objective, of points that have answered a quarter of the questions. The best
    so far is what the search would have ended with, so it may fall when more questions tell more.
    """
    asked = {point: np.zeros(len(strata), bool) for point in scores}
    gains, spent, curve = {DEFAULT: 0.0}, 0, list[tuple[int, float]]()
    for work in works:
        spent += len(work.questions)
        asked[work.point][list(work.questions)] = True
        if work.point != DEFAULT and asked[work.point].mean() >= _TELLING:
            apart = np.where(asked[work.point], scores[work.point][:, 0] - scores[DEFAULT][:, 0], np.nan)
            gains[work.point] = float(np.nan_to_num(weighted_means(apart[:, None], strata)[0], nan=-np.inf))
        best = max(gains.values())
        if not curve or curve[-1][1] != best:
            curve.append((spent, best))
    return (*curve, (spent, curve[-1][1])) if curve and curve[-1][0] != spent else tuple(curve)


def _modelled(
    scores: Mapping[Point, Floats], strata: Sequence[int], candidates: Candidates, seed: int, winner: Point
) -> tuple[tuple[Point, ...], Belief]:
    """Return the points of the space, or draws of them, with what the scores say of each in the first objective."""
    pool = pool_of_candidates(candidates, (DEFAULT, winner, *scores), np.random.default_rng(seed))
    table = np.full((len(pool), len(strata)), np.nan)
    for i, point in enumerate(pool):
        if point in scores:
            table[i] = scores[point][:, 0]
    return pool, believe(Kernels(pool), table, question_weights(strata))


def _levels(values: Sequence[Value | None]) -> list[Value | None]:
    """Return the values, those of a range by the middle of the level that they fall into."""
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(set(numbers)) <= _BINS:
        return list(values)
    edges = np.quantile(numbers, np.linspace(0, 1, _BINS + 1))
    middles = (edges[:-1] + edges[1:]) / 2

    def level(value: Value | None) -> Value | None:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return value
        return float(middles[min(_BINS - 1, int(np.searchsorted(edges[1:-1], value, side="right")))])

    return [level(value) for value in values]
