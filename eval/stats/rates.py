"""Proportions: Wilson's interval, exact bounds, and how many trials show a rate."""

from __future__ import annotations

import math

from eval.stats.values import CONFIDENCE, TWO_SIDED_Z, Estimate


def wilson(successes: int, n: int) -> Estimate:
    """Return a proportion, 0..1, with its 95 % score interval (Wilson 1927).

    (p + z^2/2n -+ z sqrt(p(1 - p)/n + z^2/4n^2)) / (1 + z^2/n) with z = 1.96.

        >>> found = wilson(9, 10)
        >>> f"{found.value} [{found.low:.2f}, {found.high:.2f}]"
        '0.9 [0.60, 0.98]'

    Raises:
        ValueError: `n` is 0 or `successes` is not in 0..n.
    """
    _check_proportion(successes, n)
    z = TWO_SIDED_Z
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    # rounding must not push the bound of 0 of n off 0, or of n of n off 1
    low = centre - half if successes else 0.0
    high = centre + half if successes < n else 1.0
    return Estimate(share, n, low, high, "Wilson")


def pass_rate_bounds(successes: int, n: int) -> tuple[float, float]:
    """Return the exact one-sided 95 % lower and upper bounds of a proportion, 0..1 (Clopper & Pearson 1934).

    The lower one is the 5 % quantile of Beta(s, n - s + 1), the upper one the 95 % quantile of Beta(s + 1, n - s).
    Each bound alone errs at most in 5 of 100. 59 of 59, 92 of 93, 122 of 124 and 150 of 153 are the fewest trials with
    0 to 3 failures whose lower bound is above .95.

        >>> [round(bound, 3) for bound in pass_rate_bounds(59, 59)]
        [0.95, 1.0]

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

    It is the least n whose lower bound of `pass_rate_bounds(n - failures, n)` lies above the rate.

        >>> trials_needed(0), trials_needed(1)
        (59, 93)

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


def _check_proportion(successes: int, n: int) -> None:
    if not 0 <= successes <= n or n == 0:
        raise ValueError(f"a proportion needs 0 <= successes <= n and n > 0, got {successes} of {n}")


def _shown(failures: int, n: int, rate: float) -> bool:
    return pass_rate_bounds(n - failures, n)[0] > rate
