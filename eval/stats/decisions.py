"""From an interval to a decision: power, non-inferiority, and how many more cases would decide."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

from eval.stats.bounds import chance_below, lower_bound
from eval.stats.values import Difference, NonInferiority, Sample

_MOST_CASES = 10_000_000
"""Beyond this many cases an effect is too small for any golden set."""


def minimal_detectable_effect(difference: Difference, *, power: float = 0.8) -> float:
    """Return the smallest true difference that the 95 % interval tells from 0 with `power`, in the values' unit.

    MDE = the interval's longer half + z(power) * standard error. With many cases it is the textbook's
    (1.96 + 0.84) sd / sqrt(n) (Cohen 1988). It is never 0, and infinite where the interval is undefined.

        >>> from eval.stats import paired_difference
        >>> round(minimal_detectable_effect(paired_difference([1.0] * 20, [1.0] * 20)), 2)
        0.21
    """
    if difference.low is None or difference.high is None:
        return math.inf
    half = max(difference.value - difference.low, difference.high - difference.value)
    return half + _normal_quantile(power) * difference.standard_error


def cases_to_detect(difference: Difference, *, power: float = 0.8) -> int | None:
    """Return how many more cases would tell the difference seen from 0 with `power`; None where no number would.

    0 says that the cases there are suffice.

        >>> from eval.stats import paired_difference
        >>> cases_to_detect(paired_difference([0.0] * 30, [0.1] * 30))
        9
    """
    if difference.sample is None or difference.value == 0:
        return None
    return _more_cases(difference, difference.value, power)


def non_inferiority(difference: Difference, margin: float, *, power: float = 0.8) -> NonInferiority:
    """Decide whether the candidate is worse by more than `margin` (> 0); differences point up when it is better.

    PASS: the interval lies above `-margin`; FAIL: below it; else INCONCLUSIVE (Rothmann, Wiens & Chan 2012). With a
    true loss of `margin` at most 2.5 % of samples pass.

        >>> from eval.stats import paired_difference
        >>> same = paired_difference([1.0] * 20, [1.0] * 20)
        >>> non_inferiority(same, 0.2).verdict, non_inferiority(same, 0.005).verdict
        ('PASS', 'INCONCLUSIVE')
        >>> non_inferiority(same, 0.1).more_cases
        16

    Raises:
        ValueError: the margin is not positive.
    """
    if margin <= 0:
        raise ValueError(f"a margin must be positive, got {margin}")
    mde = minimal_detectable_effect(difference, power=power)
    if difference.sample is None or difference.low is None or difference.high is None:
        return NonInferiority("INCONCLUSIVE", margin, mde, None, 1.0)
    regression_p = chance_below(difference.sample.mirrored(), margin)
    if difference.low > -margin:
        return NonInferiority("PASS", margin, mde, 0, regression_p)
    if difference.high < -margin:
        return NonInferiority("FAIL", margin, mde, 0, regression_p)
    more = _more_cases(difference, difference.value + margin, power)
    return NonInferiority("INCONCLUSIVE", margin, mde, more, regression_p)


def _more_cases(difference: Difference, distance: float, power: float) -> int | None:
    """Return how many more cases of the kind seen bring a bound closer to the mean than `distance` with `power`."""
    if difference.sample is None:
        return None
    sample = difference.sample if distance > 0 else difference.sample.mirrored()
    spread = float(sample.values.std(ddof=1)) / math.sqrt(len(sample.values))

    def decides(cases: int) -> bool:
        times = cases / difference.n
        return _half(sample, times) + _normal_quantile(power) * spread / math.sqrt(times) < abs(distance)

    found = _least(decides, difference.n)
    return None if found is None else found - difference.n


def _half(sample: Sample, times: float) -> float:
    return float(sample.values.mean()) - lower_bound(sample, times=times)


def _least(holds: Callable[[int], bool], start: int) -> int | None:
    """Return the least number from `start` on that holds, if all larger ones do too."""
    if holds(start):
        return start
    low, high = start, 2 * start
    while not holds(high):
        if high > _MOST_CASES:
            return None
        low, high = high, 2 * high
    while high - low > 1 + low // 500:  # a number of cases that is asked of people need not be exact
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _normal_quantile(p: float) -> float:
    return NormalDist().inv_cdf(p)
