"""Several objectives at once: which points no other point beats. Higher is better in every objective. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from eval.tune.points import Floats


def dominates(a: Floats, b: Floats) -> bool:
    """Say whether `a` is at least as good as `b` in every objective and better in one.

    >>> dominates(np.array([0.5, -900.0]), np.array([0.5, -1200.0]))
    True
    """
    return bool(np.all(a >= b) and np.any(a > b))


def front(values: Sequence[Floats]) -> list[int]:
    """Return the places of the points that no other dominates (the Pareto front); NaN is worse than all.

    >>> front([np.array([0.5, -9.0]), np.array([0.6, -12.0]), np.array([0.4, -12.0])])
    [0, 1]
    """
    return [int(i) for i in np.flatnonzero(~_beaten(_table(values)).any(axis=1))]


def ranking(values: Sequence[Floats]) -> list[int]:
    """Return the places of the points by falling promise: the Pareto front first, by the first objective in a front.

    Deb, Pratap, Agarwal & Meyarivan 2002 call the fronts non-dominated sorting.

        >>> ranking([np.array([0.4, -12.0]), np.array([0.5, -9.0]), np.array([0.6, -12.0])])
        [2, 1, 0]
    """
    table, order = _table(values), list[int]()
    if table.shape[1] == 1:  # every front is one value
        return [int(i) for i in np.argsort(-table[:, 0], kind="stable")]
    beaten, left = _beaten(table), np.ones(len(table), bool)
    while left.any():
        best = np.flatnonzero(left & ~(beaten & left).any(axis=1))
        order += best[np.argsort(-table[best, 0], kind="stable")].tolist()
        left[best] = False
    return order


def shares_on_front(draws: Floats) -> Floats:
    """Return for each point in how many of the draws it is on the front, 0..1; draws `(draws, points, objectives)`.

    With one objective a draw counts for its best point alone, the first of equal ones.
    """
    count, points, objectives = draws.shape
    if objectives == 1:
        return np.asarray(np.bincount(draws[:, :, 0].argmax(axis=1), minlength=points) / count, np.float64)
    wins = np.zeros(points)
    for table in draws:
        wins += ~_beaten(table).any(axis=1)
    shares: Floats = wins / count
    return shares


def _table(values: Sequence[Floats]) -> Floats:
    table = np.array(values, np.float64).reshape(len(values), -1 if len(values) else 1)
    table[np.isnan(table)] = -np.inf
    return table


def _beaten(table: Floats) -> NDArray[np.bool_]:
    """Return `(n, n)`: whether the point of the row is dominated by that of the column."""
    as_good, better = np.ones((len(table),) * 2, bool), np.zeros((len(table),) * 2, bool)
    for column in table.T:
        as_good &= column[None, :] >= column[:, None]
        better |= column[None, :] > column[:, None]
    return as_good & better
