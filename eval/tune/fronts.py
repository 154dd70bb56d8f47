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
    table = _table(values)
    return [i for i, row in enumerate(table) if not _beaten(row, table)]


def ranking(values: Sequence[Floats]) -> list[int]:
    """Return the places of the points by falling promise: the Pareto front first, by the first objective in a front.

    Deb, Pratap, Agarwal & Meyarivan 2002 call the fronts non-dominated sorting.

        >>> ranking([np.array([0.4, -12.0]), np.array([0.5, -9.0]), np.array([0.6, -12.0])])
        [2, 1, 0]
    """
    table, left, order = _table(values), list(range(len(values))), list[int]()
    while left:
        best = [i for i in left if not _beaten(table[i], table[left])]
        order += sorted(best, key=lambda i: (-table[i, 0], i))
        left = [i for i in left if i not in set(best)]
    return order


def shares_on_front(draws: Floats) -> Floats:
    """Return for each point in how many of the draws it is on the front, 0..1; draws `(draws, points, objectives)`.

    With one objective a draw counts for its best point alone, the first of equal ones.
    """
    count, points, objectives = draws.shape
    if objectives == 1:
        return np.bincount(draws[:, :, 0].argmax(axis=1), minlength=points) / count
    wins = np.zeros(points)
    for table in draws:
        wins += [not _beaten(row, table) for row in table]
    return wins / count


def _table(values: Sequence[Floats]) -> Floats:
    return np.nan_to_num(np.array(values, np.float64).reshape(len(values), -1 if len(values) else 1), nan=-np.inf)


def _beaten(row: Floats, table: NDArray[np.float64]) -> bool:
    return bool(np.any(np.all(table >= row, axis=1) & np.any(table > row, axis=1)))
