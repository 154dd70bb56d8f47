"""Whole sweeps over planted spaces: the race on some questions, the confirmation on others, and what is true."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from eval.stats import minimal_detectable_effect
from eval.tune.confirm import SHORTLIST, Confirmation, Measured, confirm
from eval.tune.points import DEFAULT, Floats, Point, Task
from eval.tune.replay import Table, drive
from eval.tune.searches import SEARCHES
from eval.tune.space import Space
from tests.eval.tune.planted import SPACE, effects, steps_of, strata_of

SEARCHED = (142, 176)
CONFIRMED = (71, 84)
"""Questions of two sets, as many as two public ones have."""

_OWN = 0.5
_NOISE = 0.1


@dataclass(frozen=True)
class Planted:
    """A space with its truth: `shift` is what the latent ability of each point has above the default's."""

    space: Space
    shift: dict[Point, float]

    def points(self) -> list[Point]:
        """Return the grid."""
        return list(self.space.grid())

    def table(self, questions: int, rng: np.random.Generator) -> Table:
        """Return scores on questions drawn anew; the default is a point of its own with no shift."""
        points = self.points()
        slopes = effects([*points, points[0]], rng, questions) * _OWN
        slopes[-1] = slopes[len(points) // 2] if self.shift[points[len(points) // 2]] == 0 else slopes[-1]
        shift = np.array([*(self.shift[point] for point in points), 0.0])
        latent = shift[:, None] + slopes + _NOISE * rng.standard_normal(slopes.shape)
        steps = steps_of(latent, rng)
        return Table({DEFAULT: steps[-1][:, None], **{p: row[:, None] for p, row in zip(points, steps, strict=False)}})


@cache
def gain_of(shift: float, questions: int = 60_000) -> tuple[float, float]:
    """Return the true gain in score of a latent shift, and the standard deviation of its paired differences."""
    rng = np.random.default_rng(5)
    slopes = rng.standard_normal((2, questions)) * _OWN * np.sqrt(1.25)
    latent = slopes + _NOISE * rng.standard_normal(slopes.shape)
    default, other = steps_of(latent + np.array([[0.0], [shift]]), rng)
    return float((other - default).mean()), float((other - default).std())


@cache
def shift_of_mde() -> float:
    """Return the latent shift whose gain a single paired test of the confirmation's size detects in 8 of 10 cases."""
    rng = np.random.default_rng(6)
    n = sum(CONFIRMED)
    planted = Planted(SPACE, dict.fromkeys(SPACE.grid(), 0.0))
    mdes = []
    for _ in range(40):
        table = planted.table(n, rng)
        seen = Measured(table.scores, strata_of(CONFIRMED), names(n)).against_default(planted.points()[0], 0)
        assert seen is not None
        mdes.append(minimal_detectable_effect(seen))
    wanted, low, high = float(np.mean(mdes)), 0.0, 4.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if gain_of(middle)[0] < wanted else (low, middle)
    return high


def names(questions: int) -> tuple[str, ...]:
    """Return a cluster of its own for every question."""
    return tuple(map(str, range(questions)))


def sweep(planted: Planted, seed: int, share: float, search: str = "race") -> Confirmation:
    """Race over one table and confirm on another."""
    rng = np.random.default_rng(seed)
    n, m = sum(SEARCHED), sum(CONFIRMED)
    dev, select = planted.table(n, rng), planted.table(m, rng)
    budget = int(share * len(planted.points()) * n)
    task = Task(planted.space, strata_of(SEARCHED), names(n), budget, seed)
    asked: dict[Point, Floats] = {}

    def answer(works):  # type: ignore[no-untyped-def]
        found = dev.answer(works)
        for work, scores in zip(works, found, strict=True):
            asked.setdefault(work.point, np.full((n, 1), np.nan))[list(work.questions)] = scores
        return found

    found = drive(SEARCHES[search](task), answer)
    shortlist = [point for point in found.ranked if point != DEFAULT][:SHORTLIST]
    fresh = {point: select.scores[point] for point in [DEFAULT, *shortlist]}
    return confirm(
        shortlist,
        Measured(asked, task.strata, task.clusters),
        Measured(fresh, strata_of(CONFIRMED), names(m)),
        seed=seed,
    )
