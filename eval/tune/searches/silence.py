"""Silent questions: those on which every point that was asked scored the same, and how often they stay so."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eval.tune.points import Floats


def quiet(table: Floats) -> NDArray[np.bool_]:
    """Say of which questions at least two points were asked and all scored the same; table `(points, questions)`.

    >>> quiet(np.array([[1.0, 0.5, 1.0], [1.0, 1.0, np.nan]])).tolist()
    [True, False, False]
    """
    measured = np.isfinite(table)
    spread = np.where(measured, table, -np.inf).max(axis=0) - np.where(measured, table, np.inf).min(axis=0)
    return np.asarray((measured.sum(axis=0) > 1) & (spread == 0), np.bool_)


def level_of(values: Floats, table: Floats) -> NDArray[np.intp]:
    """Return 0 for the lowest score of a table, 2 for the highest and 1 for one between.

    >>> level_of(np.array([0.0, 0.5, 1.0]), np.array([[0.0, 1.0]])).tolist()
    [0, 1, 2]
    """
    known = table[np.isfinite(table)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
    return np.where(values >= high, 2, np.where(values <= low, 0, 1)).astype(np.intp)


class Rates:
    """How often a further point scores differently where all before it scored the same, by the level of that score."""

    levels = (0, 1, 2)
    """The lowest score, one between, and the highest."""

    def __init__(self) -> None:
        self._found = [0.5, 0.5, 0.5]  # before anything is seen 1 of 20 differs
        self._asked = [10.0, 10.0, 10.0]

    def of(self, level: int) -> float:
        """Return the rate at a level."""
        return self._found[level] / self._asked[level]

    def note(self, level: int, differs: bool) -> None:
        """Count a point that was asked."""
        self._asked[level] += 1
        self._found[level] += differs

    def left_out(self, table: Floats) -> None:
        """Count what each row of `(points, questions)` would have found out beside the others."""
        if len(table) < 3:
            return
        for i in range(len(table)):
            others = np.delete(table, i, axis=0)
            same = np.isfinite(table).all(axis=0) & quiet(others)
            levels = level_of(others[0], table)
            for q in np.flatnonzero(same):
                self.note(int(levels[q]), bool(table[i, q] != others[0, q]))
