r"""Bounds of a mean that hold whatever the distribution is, if the values have known limits.

A sample of 20 cases in which nothing broke does not show that nothing breaks: a loss that comes once in 20 cases is
not seen in a third of such samples. Normal, t and bootstrap intervals look at the values seen alone, so they have no
width there. The bound used here adds one case that was not seen and has the worst value there is (Gaffke 2005, "Three
test statistics for a nonparametric one-sided hypothesis on the mean of a nonnegative variable", Mathematical Methods of
Statistics 14(4), found again by Learned-Miller & Thomas 2020, https://arxiv.org/abs/1905.06208). With weights D spread
evenly over the simplex, as in the Bayesian bootstrap (Rubin 1981), the lower bound of the mean of x_1..x_n is, with the
least possible value a, the

    2.5 % quantile of  D_0 a + D_1 x_1 + ... + D_n x_n,    D ~ Dirichlet(1, ..., 1)

For values that are 0 or 1 it is the exact bound of Clopper & Pearson 1934. That it holds for all other values is a
conjecture that nobody has seen broken, nor have we (`tests/eval/stats/test_bounds.py`). For many cases it becomes the
t bound. Nothing is drawn: the distribution is computed by the saddlepoint approximation of Lugannani & Rice 1980, whose
bounds err by less than 0.5 % of their distance to the mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from eval.stats.values import TAIL, Floats, Sample

_FURTHEST = -300.0
"""The log of the least distance from the limit that the saddlepoint is looked for at."""


def lower_bound(sample: Sample, *, tail: float = TAIL, times: float = 1.0) -> float:
    """Return the one-sided lower bound of a mean, in the values' unit: a true mean is below it in `tail` of samples.

    With `times` other than 1 it is the bound of a sample that many times as large with the same shares of values.

        >>> from eval.stats import DIFFERENCE, Sample
        >>> round(lower_bound(Sample(np.zeros(20), DIFFERENCE, "question")), 2)  # 0 of 20 broken: up to 17 % may be
        -0.17

    Raises:
        ValueError: a value lies below the limits.
    """
    weights = _Weights(sample, times)
    if weights.span == 0:
        return weights.least
    place = _root(lambda at: weights.below(at)[0] - tail, weights.nearest)
    return weights.least + weights.below(place)[1]


def upper_bound(sample: Sample, *, tail: float = TAIL, times: float = 1.0) -> float:
    """Return the one-sided upper bound of a mean, see `lower_bound`.

    >>> from eval.stats import SHARE, Sample
    >>> round(upper_bound(Sample(np.zeros(20), SHARE, "question")), 2)
    0.17
    """
    return -lower_bound(sample.mirrored(), tail=tail, times=times)


def chance_below(sample: Sample, mean: float) -> float:
    """Return the least `tail` at which `lower_bound` is at most `mean`: the p-value of "the true mean is at most that".

    It is 1 where the sample does not speak against it at all.

        >>> from eval.stats import SHARE, Sample
        >>> round(chance_below(Sample(np.ones(59), SHARE, "question"), 0.95), 3)  # the 59 of 59 that show over 95 %
        0.049
    """
    weights = _Weights(sample, 1.0)
    distance = mean - weights.least
    if weights.span == 0 or distance >= weights.below(weights.nearest)[1]:
        return 1.0
    if distance <= 0:
        return 0.0
    place = _root(lambda at: weights.below(at)[1] - distance, weights.nearest)
    return weights.below(place)[0]


def _root(rising: Callable[[float], float], high: float) -> float:
    """Return where a function that rises to above 0 at `high` is 0."""
    from scipy.optimize import brentq

    low = high - 2.0
    while low > _FURTHEST and rising(low) > 0:
        low, high = low - 2 * (high - low), low
    return float(brentq(rising, low, high, xtol=1e-9))


class _Weights:
    """The distribution of the weighted mean, by where its saddlepoint lies.

    With standard exponential E, the mean is at most t if the sum of E_i (x_i - t) is at most 0. That sum's saddlepoint
    s solves sum (x_i - t) / (1 - s (x_i - t)) = 0. With `gap` = the least value - t - 1/s the solution for t is
    explicit: the mean of the values with weights 1 / (x_i - least + gap). So the gap is varied, and t and its tail
    follow.
    """

    def __init__(self, sample: Sample, times: float) -> None:
        self.least = sample.limits[0]
        values, counts = np.unique(sample.values, return_counts=True)
        if values[0] < self.least:
            raise ValueError(f"the value {values[0]:g} lies below the limit {self.least:g}")
        self.span = float(values[-1] - self.least)
        self._above: Floats = np.append(0.0, values - self.least) / (self.span or 1.0)
        self._counts: Floats = np.append(1.0, counts * times)
        self.nearest = math.log(10 + 10 * math.sqrt(self._counts.sum()))  # so far away the tail is nearly a half

    def below(self, place: float) -> tuple[float, float]:
        """Return a tail's probability and where it ends, as the distance from the least value; `place` is log(gap)."""
        from scipy.special import ndtr

        gap = math.exp(place)
        apart = self._above + gap
        rates = self._counts / apart
        end = float(rates @ self._above / rates.sum())
        root = -math.sqrt(max(0.0, 2 * float(self._counts @ np.log(apart / (gap + end)))))
        slope = -math.sqrt(float(self._counts @ ((self._above - end) / apart) ** 2))
        if root > -1e-4:  # at the centre both corrections cancel
            return 0.5, self.span * end
        density = math.exp(-root * root / 2) / math.sqrt(2 * math.pi)
        return float(ndtr(root)) + density * (1 / root - 1 / slope), self.span * end
