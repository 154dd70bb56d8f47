"""When a point leaves a race: it is surely worse than another, whatever was looked at and how often. Pure.

The test is a paired one on the questions that both were asked: the one-sided bound of `eval.stats.bounds` (Gaffke 2005)
over the questions that told the first points apart, each set a stratum. Its p-value is multiplied by all that could
have dropped a point by chance: with L the number of the look and K the points in the race, by K L (L + 1), whose
inverses sum to 1 / K over all looks (the union bound of Even-Dar, Mannor & Mansour 2006, "Action elimination and
stopping conditions for the multi-armed bandit"). So the best point is dropped by chance in at most 5 of 100 races.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eval.stats import Sample
from eval.stats.bounds import chance_below
from eval.tune.points import Floats

LEVEL = 0.05
_FEWEST = 8  # shared questions before anything is tested
_UNLIKELY = 2.0  # standard errors: nothing closer can pass, so the bound is not computed


@dataclass(frozen=True, slots=True)
class Strata:
    """The set of every question that is tested, as a label, -1 for one that is not, and the weight of each label.

    Silent questions are left out: they are asked where they may tell something, and not at random. On them the probes,
    which lie far apart, all scored the same. A weight is what the tested questions of a set weigh among all questions.
    """

    labels: NDArray[np.intp]
    weights: Floats

    @staticmethod
    def of(sets: Sequence[int], silent: NDArray[np.bool_]) -> Strata:
        """Return the strata of sets that weigh alike, without their silent questions."""
        every = np.asarray(sets)
        names = [label for label in np.unique(every) if (~silent[every == label]).any()]
        labels = np.full(len(every), -1)
        for i, label in enumerate(names):
            labels[(every == label) & ~silent] = i
        shares = [float((~silent[every == label]).mean()) for label in names]
        return Strata(labels, np.array(shares) / len(np.unique(every)))


@dataclass(frozen=True, slots=True)
class Worse:
    """How far a point is behind in the first objective, and the p-value, everything paid for."""

    behind: float
    p: float


def surely_worse(scores: Floats, rival: Floats, strata: Strata, pay: float) -> Worse | None:
    """Say whether a point is surely worse than a rival in one objective and better in none; scores `(n, objectives)`.

    `pay` is what the p-value is multiplied by.
    """
    behind = [_behind(rival[:, c] - scores[:, c], strata) for c in range(scores.shape[1])]
    if any(item is None or item.value < 0 for item in behind):
        return None
    reach = np.nanmax(np.abs(np.concatenate([scores, rival])), axis=0)
    found = [_chance(item, float(top)) for item, top in zip(behind, reach, strict=True) if item is not None]
    p = min(1.0, min(found) * pay * len(found))
    first = behind[0]
    return Worse(first.value, p) if p < LEVEL and first is not None else None


@dataclass(frozen=True, slots=True)
class _Behind:
    """A stratified mean of differences, and its units: each moved by its own stratum's weight."""

    value: float
    units: Floats
    factors: Floats
    means: Floats


def _behind(apart: Floats, strata: Strata) -> _Behind | None:
    """Return the weighted mean of differences; None where a stratum was not looked at, or too little in all."""
    measured = np.isfinite(apart) & (strata.labels >= 0)
    counts = np.bincount(strata.labels[measured], minlength=len(strata.weights))
    if measured.sum() < _FEWEST or not len(counts) or not counts.all():
        return None
    labels = strata.labels[measured]
    means = np.bincount(labels, weights=apart[measured], minlength=len(counts)) / counts
    value = float(strata.weights @ means)
    factors = strata.weights * len(labels) / counts
    return _Behind(value, value + (apart[measured] - means[labels]) * factors[labels], factors, means)


def _chance(behind: _Behind, reach: float) -> float:
    """Return the p-value of "the point is no worse"; a difference lies within -+ `reach`."""
    error = float(behind.units.std(ddof=1)) / np.sqrt(len(behind.units))
    if behind.value <= _UNLIKELY * error or behind.value <= 0:
        return 1.0
    limits = behind.value + np.concatenate(
        [(side * reach - behind.means) * behind.factors for side in (-2.0, 2.0)]  # two scores of opposite sign
    )
    low = min(float(limits.min()), float(behind.units.min()))
    high = max(float(limits.max()), float(behind.units.max()))
    return chance_below(Sample(behind.units, (low, high), "question"), 0.0)
