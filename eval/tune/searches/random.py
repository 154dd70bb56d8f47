"""Points drawn at random, each on every question (Bergstra & Bengio 2012)."""

from __future__ import annotations

import numpy as np

from eval.tune.points import DEFAULT, Point, Search, Task
from eval.tune.searches.grid import exhaust

_VAIN = 200  # draws in a row that bring nothing new: then the space holds nothing more


def random(task: Task) -> Search:
    """Ask the default, the warm points, and then points drawn at random until the trials or the budget end."""
    rng = np.random.default_rng(task.seed)
    wanted = task.trials or max(1, -(-task.budget // max(1, task.questions)))
    return exhaust(task, drawn(task, rng, wanted, dict.fromkeys((DEFAULT, *task.warm))))


def drawn(task: Task, rng: np.random.Generator, wanted: int, known: dict[Point, None]) -> list[Point]:
    """Return points beside those that are known, as many as wanted together with them, or as many as there are."""
    found, vain = dict(known), 0
    while len(found) < wanted and vain < _VAIN:
        point = task.candidates.random(rng)
        vain = vain + 1 if point in found else 0
        found[point] = None
    return [point for point in found if point != DEFAULT]
