"""What is told of a search, on tables whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from eval.tune.analysis import analyse, learning_curve, pareto
from eval.tune.points import DEFAULT, Point, Work
from eval.tune.space import Choice, Range, Space

SPACE = Space(
    (
        Choice("context.packing", options=("knapsack", "rank")),
        Range("context.keep", low=0.2, high=0.8, step=0.2),
        Choice("retrieval.fusion", options=("rrf", "weighted")),
    )
)
STRATA = (0,) * 40 + (1,) * 20


def table(tried: int = 16) -> dict[Point, np.ndarray]:
    """Scores in which packing weighs .2, keep .05 a step, and fusion nothing."""
    rng = np.random.default_rng(1)
    level = rng.random(len(STRATA)) * 0.3
    scores = {DEFAULT: level[:, None] + 0.1}
    for point in list(SPACE.grid())[:tried]:
        values = dict(point.values)
        effect = 0.2 * (values["context.packing"] == "rank") + 0.25 * float(values["context.keep"])  # type: ignore[arg-type]
        scores[point] = (level + effect + 0.05 * rng.standard_normal(len(STRATA)))[:, None]
    return scores


def best_of(scores: dict[Point, np.ndarray]) -> Point:
    return max(scores, key=lambda point: float(scores[point].mean()))


def test_importance_ranks_the_settings_by_what_they_do() -> None:
    scores = table()
    found = analyse(scores, STRATA, SPACE, best_of(scores)).importance
    assert [item.key for item in found] == ["context.packing", "context.keep", "retrieval.fusion"]
    assert found[0].share > 0.6 and found[0].best == "rank" and found[0].spread == pytest.approx(0.2, abs=0.03)
    assert found[2].share < 0.02 and sum(item.share for item in found) <= 1.001
    assert found[0].points == 16 and found[1].values == 4


def test_importance_stands_on_a_part_of_the_grid_too() -> None:
    scores = table(tried=13)
    found = analyse(scores, STRATA, SPACE, best_of(scores)).importance
    assert found[0].key == "context.packing" and found[0].points == 13


def test_the_winners_neighbours_are_measured_or_predicted() -> None:
    scores = table()
    winner = best_of(scores)
    unknown = Point.of({**dict(winner.values), "context.packing": "knapsack"})
    del scores[unknown]
    found = {(item.key, item.value): item for item in analyse(scores, STRATA, SPACE, winner).sensitivity}
    assert len(found) == 1 + 3 + 1
    assert found["context.packing", "knapsack"].questions == 0
    assert found["context.packing", "knapsack"].change == pytest.approx(-0.2, abs=0.06)
    assert all(item.questions == 60 for key, item in found.items() if key[0] != "context.packing")


def test_who_dominates_and_by_how_much() -> None:
    a, b, c = (Point.of({"context.keep": keep}) for keep in (0.2, 0.4, 0.6))
    best, beaten = pareto({a: np.array([0.9, -900.0]), b: np.array([0.8, -950.0]), c: np.array([0.7, -500.0])})
    assert best == (a, c) and len(beaten) == 1
    assert beaten[0].point == b and beaten[0].rival == a and beaten[0].by == pytest.approx((0.1, 50.0))


def test_equal_points_do_not_dominate_each_other() -> None:
    a, b = Point.of({"context.keep": 0.2}), Point.of({"context.keep": 0.4})
    best, beaten = pareto({a: np.array([0.5]), b: np.array([0.5])})
    assert set(best) == {a, b} and beaten == ()


def test_the_learning_curve_starts_at_the_default_and_ends_at_the_last_evaluation() -> None:
    scores = table()
    points = list(SPACE.grid())
    works = [Work(point, tuple(range(60))) for point in (DEFAULT, *points[:3])]
    curve = learning_curve(scores, STRATA, works)
    assert curve[0] == (60, 0.0) and curve[-1][0] == 240
    gains = [(scores[point] - scores[DEFAULT])[:, 0] for point in points[:3]]
    assert curve[-1][1] == pytest.approx(max(0.0, *(float(g[:40].mean() + g[40:].mean()) / 2 for g in gains)))
    assert learning_curve(scores, STRATA, []) == ()


def test_a_few_lucky_questions_are_not_on_the_curve() -> None:
    scores = table()
    lucky = Work(list(SPACE.grid())[0], (0, 1, 2))
    assert learning_curve(scores, STRATA, [Work(DEFAULT, tuple(range(60))), lucky])[-1] == (63, 0.0)
