"""The points that a model of the scores looks at, and a choice of them that lies far apart."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from eval.tune.points import DEFAULT, Candidates, Point, Task
from eval.tune.space import builds_index
from eval.tune.surrogate import Kernels

LARGEST = 600  # points that the model looks at; a matrix of them is inverted in every round
_LOOKS = 64  # draws that say how large a space is at most


def pool_of(task: Task, rng: np.random.Generator) -> tuple[Point, ...]:
    """Return the default, the warm points, and the whole grid, or draws of it where it is too large."""
    return pool_of_candidates(task.candidates, (DEFAULT, *task.warm), rng)


def pool_of_candidates(candidates: Candidates, first: Sequence[Point], rng: np.random.Generator) -> tuple[Point, ...]:
    """Return some points and then the whole grid, or draws of it where it is too large."""
    if _at_most(candidates, rng) <= 50 * LARGEST:
        points = list(candidates.grid())
        if len(points) > LARGEST:
            points = [points[i] for i in sorted(rng.permutation(len(points))[:LARGEST])]
    else:
        points = [candidates.random(rng) for _ in range(LARGEST)]
    return tuple(dict.fromkeys((*first, *points)))


def _at_most(candidates: Candidates, rng: np.random.Generator) -> int:
    """Return about how large a space is without listing it: the product of the values that draws showed."""
    seen: dict[str, set[object]] = {}
    for point in (candidates.random(rng) for _ in range(_LOOKS)):
        for key, value in point.values:
            seen.setdefault(key, set()).add(value)
    return math.prod(len(values) for values in seen.values())


def spread_out(kernels: Kernels, first: Sequence[int], count: int, rng: np.random.Generator) -> list[int]:
    """Return `count` places of the pool, those of `first` included: next is always the one known least by the others.

    It is the greedy choice by the variance that is left (Krause, Singh & Guestrin 2008, "Near-optimal sensor placements
    in Gaussian processes"), every setting counting alike.
    """
    kernel = kernels.mean()
    chosen = list(first)
    while len(chosen) < min(count, len(kernel)):
        inverse = np.linalg.inv(kernel[np.ix_(chosen, chosen)] + 0.05 * np.eye(len(chosen)))
        across = kernel[:, chosen]
        left = np.diag(kernel) - np.einsum("ij,jk,ik->i", across, inverse, across)
        left[chosen] = -np.inf
        chosen.append(int(rng.choice(np.flatnonzero(left >= left.max() - 1e-9))))
    return chosen


def groups_of(pool: Sequence[Point], candidates: Candidates) -> list[int]:
    """Return for each point the number of its index, from 0: points of one group differ in later stages only."""
    stages = candidates.stages()
    building = {key for stage in stages for key in stage if builds_index(key)} if len(stages) > 1 else set[str]()
    parts = [tuple(item for item in point.values if item[0] in building) for point in pool]
    numbers = {part: i for i, part in enumerate(dict.fromkeys(parts))}
    return [numbers[part] for part in parts]
