"""Intervals of means and of quantiles. Pure; seeds are passed in."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from eval.stats.bounds import lower_bound, upper_bound
from eval.stats.samples import sample_of
from eval.stats.values import SHARE, TAIL, Estimate, Floats, Limits, Sample, floats

SINGLE = "undefined for a single value"
SAME = "undefined: all values are the same and nothing says how far another may be"


def mean_interval(
    values: Sequence[float], clusters: Sequence[Hashable] | None = None, *, limits: Limits | None = SHARE
) -> Estimate:
    """Return the mean of `values` with its 95 % interval, in their unit, by cluster where there are enough.

    Values with limits get the bounds of `eval.stats.bounds` (Gaffke 2005), which hold for every distribution between
    the limits and from one case on. `limits` are what a case can have, seen or not: (-1, 1) for differences of shares.
    None says that nothing is known, as of times: then the limits are taken to lie as far beyond the values as these are
    apart, and the interval is no narrower than that of Student 1908, mean -+ t(n - 1) sd / sqrt(n).

        >>> found = mean_interval([1.0] * 20)
        >>> f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"
        '1.00 [0.83, 1.00]'

    Raises:
        ValueError: there is no value.
    """
    data = floats(values)
    value = float(data.mean())
    if limits is not None:
        low, high, unit = _bounded(sample_of(data, clusters, limits))
        return Estimate(value, len(data), low, high, f"bounded mean (Gaffke) by {unit}")
    apart = float(data.max() - data.min())
    if len(data) < 2:
        return Estimate(value, len(data), None, None, SINGLE)
    if apart == 0:
        return Estimate(value, len(data), None, None, SAME)
    sample = sample_of(data, clusters, (float(data.min()) - apart, float(data.max()) + apart))
    low, high, unit = _bounded(sample)
    half = _student_half(sample.values)
    low, high = min(low, value - half), max(high, value + half)
    return Estimate(value, len(data), low, high, f"bounded mean with guessed limits, at least t, by {unit}")


def quantile_interval(values: Sequence[float], q: float, *, seed: int = 0, draws: int = 2000) -> Estimate:
    """Return the `q`-quantile (0..1, linear) with a percentile bootstrap interval by question (Efron 1979).

        >>> quantile_interval([1.0, 2.0, 3.0], 0.5).value
        2.0

    Raises:
        ValueError: there is no value.
    """
    data = floats(values)
    value = float(np.quantile(data, q))
    if len(data) < 2:
        return Estimate(value, len(data), None, None, SINGLE)
    sampled = resampled_quantiles(np.sort(data), q, seed, draws)
    low, high = np.quantile(sampled, [TAIL, 1 - TAIL])
    return Estimate(value, len(data), float(low), float(high), f"percentile bootstrap by question, {draws} draws")


def resampled_quantiles(ordered: Floats, q: float, seed: int, draws: int) -> Floats:
    """Draw the quantiles of bootstrap samples of `n` sorted values without drawing the samples.

    A sample's values in order are those at the order statistics of `n` uniform numbers, of which a quantile needs two
    neighbours: the first is beta distributed, and so is the second's part of what is left (Devroye 1986, ch. I.4.3).

        >>> resampled_quantiles(np.array([2.0, 2.0]), 0.5, seed=1, draws=3)
        array([2., 2., 2.])
    """
    rng, n = np.random.default_rng(seed), len(ordered)
    rank, part = divmod(q * (n - 1), 1)
    lower = rng.beta(rank + 1, n - rank, draws)
    upper = lower + (1 - lower) * rng.beta(1, max(n - rank - 1, 1), draws) if part else lower
    drawn = [ordered[np.minimum((place * n).astype(np.intp), n - 1)] for place in (lower, upper)]
    found: Floats = (1 - part) * drawn[0] + part * drawn[1]
    return found


def _bounded(sample: Sample) -> tuple[float, float, str]:
    return lower_bound(sample), upper_bound(sample), sample.unit


def _student_half(units: Floats) -> float:
    from scipy.special import stdtrit

    n = len(units)
    return float(stdtrit(n - 1, 1 - TAIL) * units.std(ddof=1) / np.sqrt(n))
