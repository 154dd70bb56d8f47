"""Paired comparisons: the mean difference with its interval, and the p-values that there is none."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np

from eval.stats.bounds import chance_below, lower_bound, upper_bound
from eval.stats.means import SAME, SINGLE
from eval.stats.samples import sample_of
from eval.stats.values import DIFFERENCE, Difference, Floats, Limits, Sample, floats

_EXACT_SIGNS = 14  # 2**14 sign patterns: exact, and still cheaper than 10,000 draws of long rows
_BATCH_CELLS = 500_000  # 4 MB of signs stay in the processor's cache


def paired_difference(
    baseline: Sequence[float],
    candidate: Sequence[float],
    clusters: Sequence[Hashable] | None = None,
    *,
    limits: Limits | None = DIFFERENCE,
    seed: int = 0,
    draws: int = 10_000,
) -> Difference:
    """Return the mean of `candidate - baseline`, in their unit, with its 95 % interval and a sign-flip p-value.

    The interval is that of `eval.stats.bounds` (Gaffke 2005) for pass or fail and for scores alike. Of pass or fail it
    is the exact bound (Clopper & Pearson 1934) where all cases that differ differ the same way. `limits` are those of a
    difference; None says that nothing is known, as of times or tokens, and takes the largest value of either run: so
    much a case may gain or lose. Then the p-value is that of the interval, so that the two never disagree: a sign flip
    would speak of how often a run is slower, the interval of by how much. With `draws` 0 there is no p-value (it is 1).

        >>> found = paired_difference([1.0] * 20, [1.0] * 20)
        >>> f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"
        '0.00 [-0.17, 0.17]'

    Raises:
        ValueError: the two differ in length or are empty.
    """
    if len(baseline) != len(candidate):
        raise ValueError(f"paired values must match: {len(baseline)} against {len(candidate)}")
    old, new = floats(baseline), floats(candidate)
    if limits is None:
        furthest = float(max(np.abs(old).max(), np.abs(new).max()))
        limits = (-furthest, furthest)
        sample = sample_of(new - old, clusters, limits)
        p = _bounds_p(sample) if draws else 1.0
    else:
        sample = sample_of(new - old, clusters, limits)
        p = sign_flip_p(sample.values.tolist(), seed=seed, draws=draws) if draws else 1.0
    return difference_of(sample, float((new - old).mean()), len(old), p)


def difference_of(sample: Sample, value: float, n: int, p: float) -> Difference:
    """Return the difference that a sample of `n` cases shows, with its interval; `value` is the sample's mean.

    The standard error is sd / sqrt(units), but no less than half of the limits' distance / units: what it were if one
    of them had moved so far. It has the values' unit.

        >>> sample = sample_of(np.zeros(50), None, DIFFERENCE)
        >>> difference_of(sample, 0.0, 50, 1.0).standard_error
        0.02
    """
    units = len(sample.values)
    if n < 2 or sample.limits[0] == sample.limits[1]:
        return Difference(value, n, None, None, math.inf, p, SINGLE if n < 2 else SAME, None)
    least = (sample.limits[1] - sample.limits[0]) / 2 / units
    error = max(least, float(sample.values.std(ddof=1)) / math.sqrt(units))
    low, high = min(value, lower_bound(sample)), max(value, upper_bound(sample))
    return Difference(value, n, low, high, error, p, f"bounded paired mean (Gaffke) by {sample.unit}", sample)


def _bounds_p(sample: Sample) -> float:
    """Return the two-sided p-value of the bounds: below 5 % exactly where the 95 % interval leaves out 0."""
    if len(sample.values) < 2 or sample.limits[0] == sample.limits[1]:
        return 1.0
    return min(1.0, 2 * min(chance_below(sample, 0.0), chance_below(sample.mirrored(), 0.0)))


def sign_flip_p(differences: Sequence[float], *, seed: int = 0, draws: int = 10_000) -> float:
    """Return the two-sided p-value that paired differences are centred on 0 (Fisher 1935): a share of sign patterns.

    All patterns are tried when at most 14 differences are not 0. Else p = (b + 1) / (draws + 1), where b random
    patterns give a sum as far from 0 as the one seen (Phipson & Smyth 2010).

        >>> sign_flip_p([1.0, 1.0, 1.0])  # +++ and --- of 8 patterns
        0.25

    Raises:
        ValueError: there is no difference.
    """
    data = floats(differences)
    moved = data[data != 0]
    observed = abs(float(moved.sum())) * (1 - 1e-12)  # equal sums must not differ by rounding
    if len(moved) <= _EXACT_SIGNS:
        patterns = np.arange(2 ** len(moved))[:, None] >> np.arange(len(moved)) & 1
        return float(np.mean(np.abs((1 - 2 * patterns) @ moved) >= observed))
    beaten = sum(int(np.count_nonzero(np.abs(sums) >= observed)) for sums in _flipped_sums(moved, seed, draws))
    return (beaten + 1) / (draws + 1)


def mcnemar_exact(only_baseline: int, only_candidate: int) -> float:
    """Return the two-sided exact p-value of McNemar's test from the two discordant counts (McNemar 1947).

    p = 2 P(X <= min(b, c)) for X ~ Binomial(b + c, 1/2), at most 1.

        >>> mcnemar_exact(0, 5)
        0.0625
    """
    n = only_baseline + only_candidate
    tail = sum(math.comb(n, i) for i in range(min(only_baseline, only_candidate) + 1))
    return min(1.0, float(2 * tail / 2**n))


def _flipped_sums(moved: Floats, seed: int, draws: int) -> list[Floats]:
    rng = np.random.default_rng(seed)
    batch = max(1, _BATCH_CELLS // len(moved))
    found = []
    for start in range(0, draws, batch):
        size = min(batch, draws - start)
        bits = np.unpackbits(rng.integers(0, 256, (size, (len(moved) + 7) // 8), dtype=np.uint8), axis=1)
        signs = bits[:, : len(moved)] * 2.0 - 1.0
        found.append(signs @ moved)
    return found
