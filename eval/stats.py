"""Statistics for decisions: intervals, paired tests, corrections, power, non-inferiority. Pure; seeds are passed in."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE"]

MIN_CLUSTERS = 30
"""Fewer clusters than this make a cluster bootstrap too narrow, so questions are resampled instead."""

CONFIDENCE = 0.95
TWO_SIDED_Z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
"""How many standard errors a 95 % interval reaches to either side."""

_EXACT_SIGNS = 14  # 2**14 sign patterns: exact, and still cheaper than 10,000 draws of long rows
_BATCH = 500
_KEPT_CELLS = 2_500_000
"""Draws times units of which a bootstrap's draws are kept for the next metric: 20 MB."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95 % interval; bounds are None where they are undefined. `method` says how they were made."""

    value: float
    n: int
    low: float | None
    high: float | None
    method: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean of paired differences with its 95 % interval, standard error and two-sided p-value.

    `regression_p` is the one-sided p-value of the hypothesis that the difference is at least `-margin`.
    """

    value: float
    n: int
    low: float | None
    high: float | None
    standard_error: float
    p: float
    method: str
    draws: Floats


@dataclass(frozen=True, slots=True)
class Decision:
    """A non-inferiority verdict. `more_cases` would probably decide an inconclusive one; None: no number of them."""

    verdict: Verdict
    margin: float
    mde: float
    more_cases: int | None
    regression_p: float


def mean_interval(
    values: Sequence[float], clusters: Sequence[Hashable] | None = None, *, seed: int = 0, draws: int = 2000
) -> Estimate:
    """Return the mean of `values` with a percentile bootstrap interval, resampled by cluster where there are enough.

    Raises:
        ValueError: there is no value.
    """
    data = _floats(values)
    unit, sums, counts = _units(data, clusters)
    if len(sums) < 2:
        return Estimate(float(data.mean()), len(data), None, None, "undefined for a single value")
    low, high = _percentiles(_resampled_means(sums, counts, seed, draws))
    return Estimate(float(data.mean()), len(data), low, high, f"percentile bootstrap by {unit}, {draws} draws")


def quantile_interval(values: Sequence[float], q: float, *, seed: int = 0, draws: int = 2000) -> Estimate:
    """Return the `q`-quantile (0..1, linear) with a percentile bootstrap interval by question.

    Raises:
        ValueError: there is no value.
    """
    data = _floats(values)
    value = float(np.quantile(data, q))
    if len(data) < 2:
        return Estimate(value, len(data), None, None, "undefined for a single value")
    sampled = _resampled_quantiles(np.sort(data), q, seed, draws)
    low, high = _percentiles(sampled)
    return Estimate(value, len(data), low, high, f"percentile bootstrap by question, {draws} draws")


def wilson(successes: int, n: int) -> Estimate:
    """Return a proportion with its Wilson score interval (Wilson 1927).

    Raises:
        ValueError: `n` is 0 or `successes` is not in 0..n.
    """
    _check_proportion(successes, n)
    z = _normal_quantile(0.5 + CONFIDENCE / 2)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    # rounding must not push the bound of 0 of n off 0, or of n of n off 1
    low = centre - half if successes else 0.0
    high = centre + half if successes < n else 1.0
    return Estimate(share, n, low, high, "Wilson")


def pass_rate_bounds(successes: int, n: int) -> tuple[float, float]:
    """Return the exact one-sided 95 % lower and upper bounds of a proportion, 0..1 (Clopper & Pearson 1934).

    Each bound alone errs at most in 5 of 100; 59 of 59, 92 of 93, 122 of 124 and 150 of 153 are the fewest trials with
    0 to 3 failures whose lower bound is above .95.

    Raises:
        ValueError: `n` is 0 or `successes` is not in 0..n.
    """
    from scipy.special import betaincinv

    _check_proportion(successes, n)
    low = float(betaincinv(successes, n - successes + 1, 1 - CONFIDENCE)) if successes else 0.0
    high = float(betaincinv(successes + 1, n - successes, CONFIDENCE)) if successes < n else 1.0
    return low, high


def trials_needed(failures: int, rate: float = 0.95) -> int:
    """Return the fewest trials that show a pass rate above `rate` (0 < rate < 1) when `failures` of them fail.

    Raises:
        ValueError: the rate is not inside 0..1, or there are fewer than 0 failures.
    """
    if not 0 < rate < 1 or failures < 0:
        raise ValueError(f"a rate inside 0..1 and no negative count, got {rate} and {failures}")
    low, high = failures, failures + 1
    while not _shown(failures, high, rate):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _shown(failures, middle, rate) else (middle, high)
    return high


def paired_difference(
    baseline: Sequence[float],
    candidate: Sequence[float],
    clusters: Sequence[Hashable] | None = None,
    *,
    seed: int = 0,
    draws: int = 10_000,
) -> Difference:
    """Return the mean of `candidate - baseline` with a paired bootstrap interval and a sign-flip p-value.

    Raises:
        ValueError: the two differ in length or are empty.
    """
    if len(baseline) != len(candidate):
        raise ValueError(f"paired values must match: {len(baseline)} against {len(candidate)}")
    data = _floats(candidate) - _floats(baseline)
    unit, sums, counts = _units(data, clusters)
    p = _sign_flip(sums, seed, draws)
    if len(sums) < 2:
        value = float(data.mean())
        return Difference(value, len(data), None, None, math.inf, p, "undefined for a single value", data)
    sampled = _resampled_means(sums, counts, seed, draws)
    low, high = _percentiles(sampled)
    method = f"paired bootstrap by {unit}, {draws} draws"
    return Difference(float(data.mean()), len(data), low, high, float(sampled.std()), p, method, sampled)


def sign_flip_p(differences: Sequence[float], *, seed: int = 0, draws: int = 10_000) -> float:
    """Return the two-sided p-value that paired differences are centred on 0.

    All sign patterns are tried when there are few differences that are not 0; else `(b + 1) / (draws + 1)`.
    """
    return _sign_flip(_floats(differences), seed, draws)


def mcnemar_exact(only_baseline: int, only_candidate: int) -> float:
    """Return the two-sided exact p-value of McNemar's test from the two discordant counts (McNemar 1947)."""
    n = only_baseline + only_candidate
    tail = sum(math.comb(n, i) for i in range(min(only_baseline, only_candidate) + 1))
    return min(1.0, float(2 * tail / 2**n))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for the family-wise error rate, in the order given (Holm 1979)."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for step, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - step) * p_values[i]))
        adjusted[i] = highest
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for the false discovery rate, in the order given (Benjamini & Hochberg 1995)."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i], reverse=True)
    adjusted = [0.0] * len(p_values)
    lowest = 1.0
    for step, i in enumerate(order):
        lowest = min(lowest, p_values[i] * len(p_values) / (len(p_values) - step))
        adjusted[i] = lowest
    return adjusted


def minimal_detectable_effect(standard_error: float, *, power: float = 0.8) -> float:
    """Return the smallest true difference that a two-sided 95 % test finds with `power`."""
    return (_normal_quantile(0.5 + CONFIDENCE / 2) + _normal_quantile(power)) * standard_error


def cases_to_detect(difference: Difference, *, power: float = 0.8) -> int | None:
    """Return how many more cases would find the difference that was seen with `power`; None where it is 0 or undefined.

    0 says that the cases there are suffice.
    """
    if difference.value == 0 or difference.low is None:
        return None
    mde = minimal_detectable_effect(difference.standard_error, power=power)
    return max(0, math.ceil(difference.n * (mde / difference.value) ** 2) - difference.n)


def non_inferiority(difference: Difference, margin: float, *, power: float = 0.8) -> Decision:
    """Decide whether the candidate is worse by more than `margin` (> 0); differences point up when it is better.

    PASS: the interval lies above `-margin`; FAIL: below it; else INCONCLUSIVE.

    Raises:
        ValueError: the margin is not positive.
    """
    if margin <= 0:
        raise ValueError(f"a margin must be positive, got {margin}")
    mde = minimal_detectable_effect(difference.standard_error, power=power)
    beaten = int(np.count_nonzero(difference.draws >= -margin))
    regression_p = (beaten + 1) / (len(difference.draws) + 1)
    if difference.low is None or difference.high is None:
        return Decision("INCONCLUSIVE", margin, mde, None, 1.0)
    if difference.low > -margin:
        return Decision("PASS", margin, mde, 0, regression_p)
    if difference.high < -margin:
        return Decision("FAIL", margin, mde, 0, regression_p)
    return Decision("INCONCLUSIVE", margin, mde, _more_cases(difference, margin, mde), regression_p)


def _more_cases(difference: Difference, margin: float, mde: float) -> int | None:
    distance = abs(difference.value + margin)
    if distance == 0:
        return None
    return max(1, math.ceil(difference.n * (mde / distance) ** 2) - difference.n)


def _check_proportion(successes: int, n: int) -> None:
    if not 0 <= successes <= n or n == 0:
        raise ValueError(f"a proportion needs 0 <= successes <= n and n > 0, got {successes} of {n}")


def _shown(failures: int, n: int, rate: float) -> bool:
    return pass_rate_bounds(n - failures, n)[0] > rate


def _floats(values: Sequence[float]) -> Floats:
    data = np.asarray(values, dtype=np.float64)
    if data.size == 0:
        raise ValueError("statistics need at least one value")
    return data


def _units(data: Floats, clusters: Sequence[Hashable] | None) -> tuple[str, Floats, Floats]:
    """Return what is resampled, and for each unit the sum of its values and their number."""
    keys = {key: i for i, key in enumerate(dict.fromkeys(clusters or ()))}
    if clusters is None or len(keys) < MIN_CLUSTERS or len(keys) == len(data):
        return "question", data, np.ones(len(data))
    index = np.fromiter((keys[key] for key in clusters), dtype=np.intp, count=len(data))
    sums: Floats = np.bincount(index, weights=data).astype(np.float64)
    return "cluster", sums, np.bincount(index).astype(np.float64)


def _resampled_means(sums: Floats, counts: Floats, seed: int, draws: int) -> Floats:
    resamples = _kept_resamples if len(sums) * draws <= _KEPT_CELLS else _resamples
    drawn = float(len(sums)) if np.all(counts == 1) else None  # most often every unit is one value
    return np.concatenate([(often @ sums) / (drawn or often @ counts) for often in resamples(len(sums), seed, draws)])


def _resampled_quantiles(ordered: Floats, q: float, seed: int, draws: int) -> Floats:
    """Draw the quantiles of bootstrap samples of `n` sorted values without drawing the samples.

    A sample's values in order are those at the order statistics of `n` uniform numbers, of which a quantile needs two
    neighbours: the first is beta distributed, and so is the second's part of what is left (Devroye 1986, ch. I.4.3).
    """
    rng, n = np.random.default_rng(seed), len(ordered)
    rank, part = divmod(q * (n - 1), 1)
    lower = rng.beta(rank + 1, n - rank, draws)
    upper = lower + (1 - lower) * rng.beta(1, max(n - rank - 1, 1), draws) if part else lower
    drawn = [ordered[np.minimum((place * n).astype(np.intp), n - 1)] for place in (lower, upper)]
    found: Floats = (1 - part) * drawn[0] + part * drawn[1]
    return found


def _resamples(units: int, seed: int, draws: int) -> Iterator[Floats]:
    """Yield batches of draws, `(size, units)`: how often each unit is drawn when as many are drawn as there are."""
    rng = np.random.default_rng(seed)
    for size in _batches(draws):
        cells = rng.integers(0, units, (size, units)) + units * np.arange(size)[:, None]
        yield np.bincount(cells.ravel(), minlength=size * units).reshape(size, units).astype(np.float64)


@lru_cache(maxsize=4)
def _kept_resamples(units: int, seed: int, draws: int) -> tuple[Floats, ...]:
    """Return the same draws for all metrics of a run, most of which are measured on equally many cases."""
    return tuple(_resamples(units, seed, draws))


def _batches(draws: int) -> list[int]:
    return [min(_BATCH, draws - start) for start in range(0, draws, _BATCH)]


def _percentiles(sampled: Floats) -> tuple[float, float]:
    low, high = np.quantile(sampled, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def _sign_flip(data: Floats, seed: int, draws: int) -> float:
    moved = data[data != 0]
    observed = abs(float(moved.sum())) * (1 - 1e-12)  # equal sums must not differ by rounding
    if len(moved) <= _EXACT_SIGNS:
        patterns = np.arange(2 ** len(moved))[:, None] >> np.arange(len(moved)) & 1
        return float(np.mean(np.abs((1 - 2 * patterns) @ moved) >= observed))
    rng = np.random.default_rng(seed)
    beaten = 0
    for size in _batches(draws):
        signs = rng.integers(0, 2, (size, len(moved)), dtype=np.int8) * 2.0 - 1.0
        beaten += int(np.count_nonzero(np.abs(signs @ moved) >= observed))
    return (beaten + 1) / (draws + 1)


def _normal_quantile(p: float) -> float:
    return NormalDist().inv_cdf(p)
