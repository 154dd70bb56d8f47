"""The shortlist of a search against the default, on questions that the search never saw. Pure.

A search looks at hundreds of points and takes the luckiest, so its own estimate of the gain is too good (overfitting in
model selection: Cawley & Talbot 2010, https://jmlr.org/papers/v11/cawley10a.html). Here the few that are left are
measured anew. The claim is one-sided, "better than the default", so its error is one-sided as well: over all candidates
and objectives a sweep whose points are all no better than the default claims a winner in at most 5 of 100 cases.

- The p-value of a candidate is the chance that a mean of at most 0 shows such differences: `eval.stats.bounds`
  (Gaffke 2005), which holds for rare and for skewed differences too, where a sign flip would want symmetric ones.
- Holm's correction goes over candidates and objectives. A shortlist of two lets a gain of the size that a single test
  can detect through in 8 of 10 cases; a third candidate would cost more power than it finds.
- `at_least` is the bound that decides: the gain that is left at the level at which Holm tests the candidate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from eval.stats import (
    Difference,
    Estimate,
    Limits,
    cases_to_detect,
    holm,
    mean_interval,
    minimal_detectable_effect,
)
from eval.stats.bounds import chance_below, lower_bound
from eval.stats.strata import Stratum, stratified_difference
from eval.tune.fronts import front
from eval.tune.points import DEFAULT, Floats, Point
from eval.tune.searches.asked import weighted_means

SHORTLIST = 2
"""Points that go into a confirmation: with more of them each is tested at a smaller level."""

LEVEL = 0.05
"""How often a sweep without any better point may claim one."""

_DRAWS = 2000
_FLIPS = 400
_SHARES = 1.0 + 1e-9  # what shares cannot pass


class Check(Protocol):
    """A constraint on the mean of a metric."""

    def holds(self, mean: float) -> bool:
        """Say whether a mean keeps it."""
        ...

    def text(self) -> str:
        """Return it as it was written."""
        ...


@dataclass(frozen=True, slots=True)
class Measured:
    """What points scored on one split.

    `scores[point]` is `(questions, objectives)`, higher is better. `checks[point]` is `(questions, constraints)`, as
    the metrics say. NaN is unmeasured. `strata` and `clusters` say for each question its set and what it belongs to.
    """

    scores: Mapping[Point, Floats]
    strata: tuple[int, ...]
    clusters: tuple[str, ...]
    checks: Mapping[Point, Floats] = field(default_factory=dict)

    def means(self, point: Point) -> Floats:
        """Return the mean of each objective, every set weighing the same."""
        return weighted_means(self.scores[point], self.strata)

    def against_default(self, point: Point, column: int) -> Difference | None:
        """Return how much better a point is than the default in one objective; None where no question has both."""
        ours, base = self.scores[point][:, column], self.scores[DEFAULT][:, column]
        both = np.isfinite(ours) & np.isfinite(base)
        if not both.any():
            return None
        labels, top = np.asarray(self.strata), float(np.abs(np.concatenate([ours[both], base[both]])).max())
        limits: Limits = (-1.0, 1.0) if top <= _SHARES else (-top, top)
        parts = [np.flatnonzero(both & (labels == label)) for label in np.unique(labels[both])]
        strata = [Stratum(base[p].tolist(), ours[p].tolist(), [self.clusters[q] for q in p]) for p in parts]
        return stratified_difference(strata, even=True, limits=limits, draws=0)


@dataclass(frozen=True, slots=True)
class Gain:
    """How much better than the default a candidate is in one objective, in the objective's unit, up is better.

    `difference` is what the confirmation saw, with its 95 % interval; `in_sample` what the search saw. `p` is one-sided
    and `p_holm` corrected over the whole confirmation; `at_least` is the gain that is sure at that level. `mde` is the
    effect that 8 of 10 such confirmations would see; `more_cases` would be needed to see the difference that was seen.
    """

    difference: Difference
    in_sample: float
    p: float
    p_holm: float
    at_least: float
    mde: float
    more_cases: int | None

    @property
    def confirmed(self) -> bool:
        """Whether the gain is surely above 0."""
        return self.p_holm < LEVEL and self.difference.value > 0

    @property
    def optimism(self) -> float:
        """By how much the search believed too much."""
        return self.in_sample - self.difference.value


@dataclass(frozen=True, slots=True)
class Kept:
    """A constraint on a candidate: its mean on both splits. It holds by the point estimates; the interval is shown."""

    text: str
    searched: float
    estimate: Estimate | None
    holds: bool


@dataclass(frozen=True, slots=True)
class Candidate:
    """A point of the shortlist: its gain in every objective, its constraints, and why it did or did not win."""

    point: Point
    gains: tuple[Gain, ...]
    constraints: tuple[Kept, ...]
    on_front: bool

    @property
    def beats(self) -> bool:
        """Whether it is surely better in one objective, is not seen to be worse in another, and keeps all constraints.

        Better in one and worse in another is a trade, which no test can decide.
        """
        sure = any(gain.confirmed for gain in self.gains)
        worse = any(gain.difference.value < 0 for gain in self.gains)
        return sure and not worse and all(kept.holds for kept in self.constraints)


@dataclass(frozen=True, slots=True)
class Noise:
    """How much of a difference is luck, in the first objective.

    `default` is the default against itself on other questions: 95 of 100 such A/A differences are smaller. `lucky` is
    the gain over the default that the best of all points that the search tried shows in the middle if none is better.
    """

    default: float
    lucky: float | None


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the confirmation says. `winner` is None where no candidate beats the default, which is a valid ending."""

    winner: Point | None
    candidates: tuple[Candidate, ...]
    default: tuple[Kept, ...]
    noise: Noise
    questions: int

    def ending(self) -> str:
        """Return the result in one sentence."""
        if self.winner is not None:
            return f"{self.winner.text()} beats the default."
        if not self.candidates:
            return "No setting beats the default: the search found nothing to confirm."
        best = max(self.candidates, key=lambda item: item.gains[0].difference.value).gains[0]
        seen = best.difference.value
        if seen <= 0:
            return f"No setting beats the default: the best candidate is {seen:+.4g} beside it."
        if best.confirmed:
            return f"No setting beats the default: the best candidate gains {seen:+.4g} and fails elsewhere."
        if not best.more_cases:
            return f"No setting beats the default: {seen:+.4g} is too little for any number of questions to show."
        return f"No setting beats the default; {best.more_cases} more questions would be needed to see {seen:+.4g}."


def confirm(
    shortlist: Sequence[Point],
    searched: Measured,
    fresh: Measured,
    checks: Sequence[Check] = (),
    *,
    seed: int = 0,
) -> Confirmation:
    """Compare the shortlist, best first, with the default on `fresh` questions; `searched` is what the search saw.

    Each of both has the scores of the default and of the shortlist; `searched` may have those of all points tried.
    """
    points = [point for point in dict.fromkeys(shortlist) if point != DEFAULT and point in fresh.scores]
    objectives = fresh.scores[DEFAULT].shape[1]
    seen = {(p, c): d for p in points for c in range(objectives) if (d := fresh.against_default(p, c)) is not None}
    chances = {pair: _chance(difference) for pair, difference in seen.items()}
    adjusted = dict(zip(chances, holm(list(chances.values())), strict=True))
    gains = {pair: _gain(searched, pair, seen[pair], chances[pair], adjusted[pair]) for pair in seen}
    best = set(front([fresh.means(point) for point in points]))
    candidates = tuple(
        Candidate(
            point,
            tuple(gains[point, c] for c in range(objectives) if (point, c) in gains),
            _kept(point, searched, fresh, checks),
            i in best,
        )
        for i, point in enumerate(points)
        if any((point, c) in gains for c in range(objectives))
    )
    winners = [item for item in candidates if item.beats]
    winner = max(winners, key=lambda item: item.gains[0].difference.value).point if winners else None
    noise = Noise(_resampled(fresh, seed), _lucky(searched, seed))
    return Confirmation(winner, candidates, _kept(DEFAULT, searched, fresh, checks), noise, len(fresh.strata))


def _chance(difference: Difference) -> float:
    """Return the one-sided p-value that the true difference is at most 0."""
    return 1.0 if difference.sample is None or difference.value <= 0 else chance_below(difference.sample, 0.0)


def _gain(searched: Measured, pair: tuple[Point, int], seen: Difference, p: float, p_holm: float) -> Gain:
    before = searched.against_default(*pair) if pair[0] in searched.scores else None
    factor = p_holm / p if p > 0 else 1.0
    sure = lower_bound(seen.sample, tail=LEVEL / max(1.0, factor)) if seen.sample is not None else -math.inf
    mde, more = minimal_detectable_effect(seen), cases_to_detect(seen)
    return Gain(seen, math.nan if before is None else before.value, p, p_holm, sure, mde, more)


def _kept(point: Point, searched: Measured, fresh: Measured, checks: Sequence[Check]) -> tuple[Kept, ...]:
    found = []
    for column, check in enumerate(checks):
        means = [float(weighted_means(split.checks[point], split.strata)[column]) for split in (searched, fresh)]
        now = fresh.checks[point][:, column]
        values = now[np.isfinite(now)]
        limits: Limits | None = (0.0, 1.0) if len(values) and 0 <= values.min() and values.max() <= 1 else None
        estimate = mean_interval(values.tolist(), limits=limits) if len(values) else None
        found.append(Kept(check.text(), means[0], estimate, all(check.holds(mean) for mean in means)))
    return tuple(found)


def _resampled(fresh: Measured, seed: int) -> float:
    """Return below which difference 95 of 100 pairs of draws of the questions lie, both answered by the default."""
    rng = np.random.default_rng(seed)
    labels, column = np.asarray(fresh.strata), fresh.scores[DEFAULT][:, 0]
    means = np.zeros((_DRAWS, 2))
    names = np.unique(labels)
    for label in names:
        values = column[(labels == label) & np.isfinite(column)]
        if len(values):
            means += values[rng.integers(0, len(values), (_DRAWS, 2, len(values)))].mean(axis=2) / len(names)
    return float(np.quantile(np.abs(means[:, 0] - means[:, 1]), 0.95))


def _lucky(searched: Measured, seed: int) -> float | None:
    """Return the middle of the best gain over all points when the signs of the questions' differences are flipped."""
    base = searched.scores[DEFAULT][:, 0]
    apart = [scores[:, 0] - base for point, scores in searched.scores.items() if point != DEFAULT]
    asked = [values for values in apart if np.isfinite(values).sum() > len(base) / 2]
    if not asked:
        return None
    table = np.stack(asked)
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], (len(base), _FLIPS))
    means = np.nan_to_num(table) @ signs / np.isfinite(table).sum(axis=1, keepdims=True)
    return float(np.median(means.max(axis=0)))
