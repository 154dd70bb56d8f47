"""How far a judge agrees with people: kappa, alpha, rates on both classes, and what length does to it. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from eval.stats import TWO_SIDED_Z, Estimate, wilson

Floats = NDArray[np.float64]
Level = Literal["nominal", "ordinal", "interval"]
_Distance = Callable[[Floats, Floats], Floats]

_MIN_RANKED = 4  # the standard error of a rank correlation needs more than three pairs


def cohen_kappa(first: Sequence[bool], second: Sequence[bool]) -> Estimate | None:
    """Return agreement beyond chance of two raters, -1..1, with the interval of its large-sample standard error.

    None where chance alone agrees always (both raters say one thing only). Raters who agree on every item have no
    standard error; their interval is that of the agreement's Wilson bound. Cohen 1960; Fleiss, Cohen & Everitt 1969.

    Raises:
        ValueError: the two differ in length or are empty.
    """
    if len(first) != len(second) or not first:
        raise ValueError(f"kappa needs paired ratings, got {len(first)} and {len(second)}")
    table = np.zeros((2, 2))
    np.add.at(table, (np.asarray(first, dtype=np.intp), np.asarray(second, dtype=np.intp)), 1)
    n = len(first)
    shares = table / n
    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    observed, chance = float(np.trace(shares)), float(rows @ columns)
    if chance == 1.0:
        return None
    kappa = (observed - chance) / (1 - chance)
    if observed == 1.0:
        low = wilson(n, n).low or 0.0
        return Estimate(kappa, n, (low - chance) / (1 - chance), 1.0, "Wilson bound of the agreement")
    half = TWO_SIDED_Z * _kappa_error(shares, rows, columns, kappa, chance, n)
    low, high = max(-1.0, kappa - half), min(1.0, kappa + half)
    return Estimate(kappa, n, low, high, "large-sample standard error")


def _kappa_error(shares: Floats, rows: Floats, columns: Floats, kappa: float, chance: float, n: int) -> float:
    marginal = columns[:, None] + rows[None, :]
    agreed = np.diag(shares) * (1 - np.diag(marginal) * (1 - kappa)) ** 2
    apart = shares * marginal**2
    np.fill_diagonal(apart, 0.0)
    spread = agreed.sum() + (1 - kappa) ** 2 * apart.sum() - (kappa - chance * (1 - kappa)) ** 2
    return math.sqrt(max(0.0, float(spread)) / n) / (1 - chance)


def krippendorff_alpha(ratings: Sequence[Sequence[float | None]], level: Level = "interval") -> float | None:
    """Return Krippendorff's alpha of raters (rows) over items (columns), 1 is perfect; None marks a missing rating.

    None where no item has two ratings, or all ratings are one value. Krippendorff 2011, "Computing Krippendorff's
    Alpha-Reliability".
    """
    data = np.array([[np.nan if value is None else value for value in rater] for rater in ratings], dtype=np.float64)
    values = np.unique(data[~np.isnan(data)])
    counts = np.stack([(data == value).sum(axis=0) for value in values], axis=1) if values.size else np.zeros((0, 0))
    counts = counts[counts.sum(axis=1) >= 2] if values.size else counts
    if counts.size == 0:
        return None
    raters = counts.sum(axis=1, keepdims=True)
    coincidences = (counts / (raters - 1)).T @ counts - np.diag((counts / (raters - 1)).sum(axis=0))
    totals = coincidences.sum(axis=1)
    distance = _DISTANCES[level](values, totals)
    expected = float((np.outer(totals, totals) * distance).sum()) / (totals.sum() - 1)
    return None if expected == 0 else 1 - float((coincidences * distance).sum()) / expected


def _nominal(values: Floats, totals: Floats) -> Floats:
    return 1.0 - np.eye(len(values))


def _ordinal(values: Floats, totals: Floats) -> Floats:
    upto = np.cumsum(totals) - totals / 2
    return np.asarray((upto[:, None] - upto[None, :]) ** 2, dtype=np.float64)


def _interval(values: Floats, totals: Floats) -> Floats:
    return np.asarray((values[:, None] - values[None, :]) ** 2, dtype=np.float64)


_DISTANCES: dict[Level, _Distance] = {"nominal": _nominal, "ordinal": _ordinal, "interval": _interval}


def sensitivity(truth: Sequence[bool], said: Sequence[bool]) -> Estimate | None:
    """Return the share of true items that were called true, with its Wilson interval; None without true items."""
    called = [answer for real, answer in zip(truth, said, strict=True) if real]
    return wilson(sum(called), len(called)) if called else None


def specificity(truth: Sequence[bool], said: Sequence[bool]) -> Estimate | None:
    """Return the share of false items that were called false, with its Wilson interval; None without false items."""
    return sensitivity([not real for real in truth], [not answer for answer in said])


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> Estimate | None:
    """Return Spearman's rho, -1..1, ties at their mean rank, with Fisher's interval.

    None for fewer than four pairs or where one side is constant. The standard error is that of Bonett & Wright 2000.
    """
    if len(first) < _MIN_RANKED or len(set(first)) < 2 or len(set(second)) < 2:
        return None
    from scipy.stats import rankdata

    rho = float(np.corrcoef(rankdata(first), rankdata(second))[0, 1])
    rho = max(-1.0, min(1.0, rho))
    n = len(first)
    if abs(rho) == 1.0:
        return Estimate(rho, n, None, None, "undefined for a perfect order")
    half = TWO_SIDED_Z * math.sqrt((1 + rho * rho / 2) / (n - 3))
    low, high = math.tanh(math.atanh(rho) - half), math.tanh(math.atanh(rho) + half)
    return Estimate(rho, n, low, high, "Fisher")
