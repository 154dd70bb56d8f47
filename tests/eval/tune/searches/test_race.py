"""The race against tables whose truth is known: what it finds, what it drops, and in which order it decides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from eval.tune.dropping import LEVEL, Strata, surely_worse
from eval.tune.points import DEFAULT, Floats, Found, Point, Scores, Task, Work
from eval.tune.replay import Table, drive
from eval.tune.searches.asked import question_weights
from eval.tune.searches.race import race
from eval.tune.searches.silence import Rates
from eval.tune.space import Choice, Space
from eval.tune.surrogate import Kernels, believe
from tests.eval.tune.planted import SPACE, planted, strata_of

SIZES = (60, 80)
STRATA = strata_of(SIZES)
SMALL = Space(
    (Choice("context.keep", options=(0.2, 0.4, 0.6, 0.8)), Choice("context.packing", options=("knapsack", "rank")))
)


def task(space: Space, share: float, seed: int = 0) -> Task:
    names = tuple(map(str, range(len(STRATA))))
    return Task(space, STRATA, names, int(share * len(space.grid()) * len(STRATA)), seed)


def regret(table: Table, found: Found) -> float:
    means = {point: float(scores[:, 0] @ question_weights(STRATA)) for point, scores in table.scores.items()}
    return max(means.values()) - means[found.ranked[0]]


def test_at_8_percent_of_the_cost_it_is_near_the_best_where_random_is_not() -> None:
    ours, randoms = [], []
    for seed in range(3):
        table = planted(SPACE, len(STRATA), seed)
        ours.append(regret(table, drive(race(task(SPACE, 0.08, seed)), table.answer)))
        means = sorted(float(scores[:, 0] @ question_weights(STRATA)) for scores in table.scores.values())
        randoms.append(means[-1] - np.mean([max(np.random.default_rng(i).choice(means, 17)) for i in range(20)]))
    assert np.mean(ours) < 0.01 < np.mean(randoms)


def shifted(space: Space, shifts: Sequence[float], seed: int, columns: int = 1) -> Table:
    """Scores that differ by a shift and by noise of their own on every question; the default has the first shift."""
    rng = np.random.default_rng(seed)
    level = rng.random(len(STRATA))
    rows: dict[Point, Floats] = {}
    for point, shift in zip((DEFAULT, *space.grid()), (shifts[0], *shifts), strict=True):
        rows[point] = np.stack([level + shift + 0.1 * rng.standard_normal(len(STRATA))] * columns, axis=1)
    return Table(rows)


def test_what_is_surely_worse_leaves_with_a_p_value_and_the_best_stays() -> None:
    table = shifted(SMALL, [0.0, -0.4, 0.1, -0.5, 0.05, -0.3, 0.0, -0.4], seed=2)
    found = drive(race(task(SMALL, 0.9)), table.answer)
    sure = [item for item in found.dropped if item.p is not None]
    points = SMALL.grid()
    assert {item.point for item in sure} >= {points[1], points[3], points[5], points[7]}
    assert all(item.p is not None and item.p < LEVEL and item.behind > 0.1 for item in sure)
    assert found.ranked[0] == points[2] and points[2] not in {item.point for item in found.dropped}


def test_equal_points_are_not_dropped_by_the_test() -> None:
    dropped = 0
    for seed in range(6):
        found = drive(race(task(SMALL, 0.9, seed)), shifted(SMALL, [0.0] * 8, seed).answer)
        dropped += sum(item.p is not None for item in found.dropped)
    assert dropped == 0  # 48 points; the level is 5 % for a race of 8


def test_a_trade_between_two_objectives_is_not_dropped() -> None:
    table = shifted(SMALL, [0.0] * 8, seed=4, columns=2)
    trade, worse = SMALL.grid()[3], SMALL.grid()[5]
    table.scores[trade][:, 0] -= 0.3
    table.scores[trade][:, 1] += 0.3
    table.scores[worse][:] -= 0.3
    found = drive(race(task(SMALL, 0.9)), table.answer)
    sure = {item.point for item in found.dropped if item.p is not None}
    assert trade not in sure and trade in found.ranked[:2] and found.ranked[-1] == worse
    strata = Strata.of(STRATA, np.zeros(len(STRATA), bool))
    assert surely_worse(table.scores[worse], table.scores[DEFAULT], strata, pay=20.0)
    assert surely_worse(table.scores[trade], table.scores[DEFAULT], strata, pay=20.0) is None


def test_indexes_are_decided_first() -> None:
    """Every round may use half as many indexes; the last ones two of nine, the default's own included."""
    sizes = (100, 150, 200, 250, 300, 350, 400, 450)
    space = Space(
        (Choice("ingest.chunker.max_tokens", options=sizes), Choice("context.keep", options=(0.2, 0.4, 0.6, 0.8)))
    )
    table = shifted(space, [0.03 * (i // 4) for i in range(32)], seed=5)
    batches: list[set[object]] = []

    def answer(works: Sequence[Work]) -> Scores:
        batches.append({dict(work.point.values).get("ingest.chunker.max_tokens") for work in works} - {None})
        return table.answer(works)

    found = drive(race(task(space, 0.3)), answer)
    assert len(batches[-1]) <= 2 and len(batches[1]) <= 5
    assert dict(found.ranked[0].values)["ingest.chunker.max_tokens"] == 450


def test_the_mean_over_all_questions_is_not_biased_by_those_that_are_asked() -> None:
    """Points asked only where points differ are not believed to be better than they are."""
    table = planted(SPACE, len(STRATA), seed=9)
    points = SPACE.grid()[::9]
    scores = np.stack([table.scores[point][:, 0] for point in points])
    silent = np.ptp(scores[:6], axis=0) == 0
    seen = scores.copy()
    seen[6:, silent] = np.nan
    belief = believe(Kernels(points), seen, question_weights(STRATA), [(silent, 0.02)])
    truth = scores @ question_weights(STRATA)
    assert np.abs(belief.mean - truth).max() < 0.06 and abs(float((belief.mean - truth)[6:].mean())) < 0.015


def test_the_model_predicts_points_that_were_never_asked() -> None:
    table = planted(SPACE, len(STRATA), seed=11)
    scores = np.stack([table.scores[point][:, 0] for point in SPACE.grid()])
    seen = np.full_like(scores, np.nan)
    asked = np.random.default_rng(0).permutation(len(scores))[:40]
    seen[asked] = scores[asked]
    belief = believe(Kernels(SPACE.grid()), seen, question_weights(STRATA))
    rest = np.setdiff1d(np.arange(len(scores)), asked)
    truth = scores @ question_weights(STRATA)
    assert np.corrcoef(belief.mean[rest], truth[rest])[0, 1] > 0.8
    assert np.abs(belief.mean[asked] - truth[asked]).max() < 1e-3
    assert belief.error[asked].max() < belief.error[rest].min()


def test_rates_learn_where_a_further_point_differs() -> None:
    rates = Rates()
    table = np.ones((5, 200))
    table[:, :40] = 0.0
    table[4, :20] = 1.0  # half of the questions that all others fail
    rates.left_out(table)
    assert rates.of(0) > 5 * rates.of(2)


@pytest.mark.parametrize(("shift", "drops"), [(-0.3, True), (-0.005, False), (0.3, False)])
def test_the_dropping_test(shift: float, drops: bool) -> None:
    rng = np.random.default_rng(1)
    rival = rng.random((140, 1))
    scores = rival + shift + 0.1 * rng.standard_normal((140, 1))
    found = surely_worse(scores, rival, Strata.of(STRATA, np.zeros(140, bool)), pay=1000.0)
    assert (found is not None) is drops


def test_silent_questions_are_not_tested() -> None:
    scores, rival = np.zeros((140, 1)), np.ones((140, 1))
    assert surely_worse(scores, rival, Strata.of(STRATA, np.ones(140, bool)), pay=1.0) is None
