"""Greedy by stage of the flow: the best values of the first stage, then with them those of the next, and so on."""

from __future__ import annotations

import numpy as np

from eval.tune.points import DEFAULT, Point, Search, Task, Value
from eval.tune.searches.asked import Asked
from eval.tune.searches.grid import found_of, whole
from eval.tune.searches.pool import pool_of

_PER_STAGE = 24  # points of one stage at most, chosen at random beyond


def staged(task: Task) -> Search:
    """Fix the stages one after the other, as people who tune by hand do; every point is asked every question."""
    rng, asked = np.random.default_rng(task.seed), Asked(task)
    pool = [point for point in pool_of(task, rng) if point != DEFAULT]
    yield from whole(asked, [DEFAULT, *task.warm])
    best = pool[int(rng.integers(len(pool)))] if pool else DEFAULT
    for keys in task.candidates.stages():
        fixed = {key: value for key, value in best.values if key not in keys}
        near = [point for point in pool if _fits(point, fixed, keys)]
        chosen = [near[i] for i in sorted(rng.permutation(len(near))[:_PER_STAGE])]
        room = (task.trials or len(pool) + 1) - len(asked.points)
        new = [point for point in chosen if point not in asked.points][: max(0, room)]
        yield from whole(asked, new)
        done = [point for point in near if point in asked.points and asked.seen(point).all()]
        best = max(done, key=lambda point: float(np.nan_to_num(asked.means(point)[0], nan=-np.inf)), default=best)
    return found_of(asked)


def _fits(point: Point, fixed: dict[str, Value], keys: tuple[str, ...]) -> bool:
    """Say whether a point differs from what is fixed in the keys of one stage only."""
    return {key: value for key, value in point.values if key not in keys} == fixed
