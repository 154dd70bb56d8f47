"""Points proposed by Optuna's tree-structured Parzen estimator, each on every question.

Watanabe 2023, https://arxiv.org/abs/2304.11127; with several objectives Ozaki et al. 2022 (MOTPE). Proposals come in
batches, so that several workers have something to do. The study lives in memory and is told scores that are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from eval.tune.points import DEFAULT, Point, Search, Task, Value
from eval.tune.searches.asked import Asked
from eval.tune.searches.grid import found_of, whole
from eval.tune.searches.pool import pool_of

if TYPE_CHECKING:
    import optuna

_BATCH = 4
_START = 10  # random trials before the estimator has something to go by
_VAIN = 20  # batches in a row that propose nothing new


def tpe(task: Task) -> Search:
    """Ask the default and the warm points, and then what the sampler proposes, until the trials or the budget end."""
    rng, asked = np.random.default_rng(task.seed), Asked(task)
    pool = [point for point in pool_of(task, rng) if point != DEFAULT]
    wanted = min(task.trials or len(pool) + 1, len(pool) + 1)
    yield from whole(asked, list(dict.fromkeys((DEFAULT, *task.warm)))[:wanted])
    sampler = _Sampler(pool, asked, task.seed)
    vain = 0
    while asked.left > 0 and len(asked.points) < wanted and vain < _VAIN:
        proposed = sampler.propose(min(_BATCH, wanted - len(asked.points)))
        new = [point for point in proposed if point not in asked.points]
        vain = 0 if new else vain + 1
        yield from whole(asked, new)
        sampler.tell(proposed)
    return found_of(asked)


class _Sampler:
    """An Optuna study over the values of each setting. A proposal becomes the point that is most like it."""

    def __init__(self, pool: Sequence[Point], asked: Asked, seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._pool, self._asked = pool, asked
        self._values = _values_of(pool)
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=_START)
        self._study = optuna.create_study(directions=["maximize"] * max(1, asked.columns), sampler=sampler)
        self._open: list[optuna.Trial] = []

    def propose(self, count: int) -> list[Point]:
        """Return points; the trials stay open until they are told."""
        self._open = [self._study.ask() for _ in range(count)]
        return [self._nearest({key: self._drawn(trial, key) for key in self._values}) for trial in self._open]

    def tell(self, points: Sequence[Point]) -> None:
        """Tell the study the means of the points that were proposed last; what the budget left out has failed."""
        import optuna

        for trial, point in zip(self._open, points, strict=True):
            means = self._asked.means(point) if point in self._asked.points else np.array([np.nan])
            if np.isfinite(means).all():
                self._study.tell(trial, means.tolist())
            else:
                self._study.tell(trial, state=optuna.trial.TrialState.FAIL)

    def _drawn(self, trial: optuna.Trial, key: str) -> Value:
        values = self._values[key]
        if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            return values[trial.suggest_int(key, 0, len(values) - 1)]
        return values[int(trial.suggest_categorical(key, list(range(len(values)))))]

    def _nearest(self, values: dict[str, Value]) -> Point:
        """Return the point with the most of the values: one that does not count beside the others may be left out."""
        return max(
            self._pool, key=lambda point: sum(values[key] == value for key, value in point.values) / len(point.values)
        )


def _values_of(pool: Sequence[Point]) -> dict[str, list[Value]]:
    """Return the values of each setting over the pool, numbers in their order."""
    found: dict[str, dict[Value, None]] = {}
    for point in pool:
        for key, value in point.values:
            found.setdefault(key, {})[value] = None
    return {key: sorted(values, key=_order) for key, values in sorted(found.items())}


def _order(value: Value) -> tuple[bool, float, str]:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return (not number, float(value) if number else 0.0, str(value))  # type: ignore[arg-type]
