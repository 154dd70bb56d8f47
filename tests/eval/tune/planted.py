"""Score tables with the structure of real ones: most questions tell nothing, effects are additive with a few pairs."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from eval.tune.points import DEFAULT, Floats, Point, Value
from eval.tune.replay import Table
from eval.tune.space import Choice, Space

SPACE = Space(
    (
        Choice("retrieval.fusion", options=("weighted", "rrf", "weighted-z")),
        Choice("retrieval.weights.bm25", options=(0.5, 1.0, 2.0)),
        Choice("rerank.weight", options=(0.5, 1.0)),
        Choice("rerank.top_n", options=(10, 30)),
        Choice("context.keep", options=(0.25, 0.5, 0.8)),
        Choice("context.packing", options=("knapsack", "rank")),
    )
)
"""216 points."""


def strata_of(sizes: Sequence[int]) -> tuple[int, ...]:
    """Return the set of every question, by the sizes of the sets."""
    return tuple(label for label, size in enumerate(sizes) for _ in range(size))


def planted(
    space: Space, questions: int, seed: int, *, effect: float = 0.35, own: float = 0.5, noise: float = 0.1
) -> Table:
    """Return a table of recall, 0, 1/3, 2/3 or 1, over the points of the grid; the default is one of them.

    A latent ability is the sum of effects of single settings and of pairs, common to all questions (`effect`) and of
    each question's own (`own`), and `noise` that no setting explains. A question's difficulty decides what of it shows:
    most questions are solved by all points or by none.
    """
    rng = np.random.default_rng(seed)
    points = list(space.grid())
    common = effects(points, rng, 1)[:, 0] * effect
    slopes = effects(points, rng, questions) * own
    latent = common[:, None] + slopes + noise * rng.standard_normal(slopes.shape)
    steps = steps_of(latent, rng)
    scores = {point: row[:, None] for point, row in zip(points, steps, strict=True)}
    return Table({DEFAULT: scores[points[len(points) // 2]], **scores})


def steps_of(latent: Floats, rng: np.random.Generator) -> Floats:
    """Return recall of latent abilities `(points, questions)`; the questions' difficulties are drawn."""
    difficulty = 3.0 * rng.standard_normal(latent.shape[1]) - 2.0
    return np.clip(np.floor(1.5 + latent - difficulty), 0, 3) / 3


def effects(points: Sequence[Point], rng: np.random.Generator, count: int) -> Floats:
    """Return `(points, count)` sums of normal effects of settings (variance 1 in all) and pairs (a quarter of it)."""
    table: list[Mapping[str, Value]] = [dict(point.values) for point in points]
    keys = sorted(table[0])
    total = np.zeros((len(points), count))
    for size, variance in ((1, 1.0 / len(keys)), (2, 0.25 / (len(keys) * (len(keys) - 1) / 2))):
        for part in itertools.combinations(keys, size):
            levels = {level: i for i, level in enumerate(dict.fromkeys(tuple(row[k] for k in part) for row in table))}
            drawn = rng.standard_normal((len(levels), count)) * np.sqrt(variance)
            total += drawn[[levels[tuple(row[k] for k in part)] for row in table]]
    return total
