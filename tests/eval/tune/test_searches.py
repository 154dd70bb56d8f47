"""What every search must keep to: its seed, its budget, the default first and everywhere, nothing asked twice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from eval.tune.points import DEFAULT, Found, Point, Scores, Task, Work
from eval.tune.replay import drive
from eval.tune.searches import SEARCHES, search_of
from rag.errors import UnknownKeyError
from tests.eval.tune.planted import SPACE, planted, strata_of

SIZES = (30, 40)
QUESTIONS = sum(SIZES)
TABLE = planted(SPACE, QUESTIONS, seed=7)


def task_of(share: float, seed: int = 0, **others: object) -> Task:
    budget = int(share * len(SPACE.grid()) * QUESTIONS)
    return Task(SPACE, strata_of(SIZES), tuple(map(str, range(QUESTIONS))), budget, seed, **others)  # type: ignore[arg-type]


def played(name: str, task: Task) -> tuple[Found, list[Work]]:
    works: list[Work] = []

    def answer(batch: Sequence[Work]) -> Scores:
        works.extend(batch)
        return TABLE.answer(batch)

    return drive(SEARCHES[name](task), answer), works


every_search = pytest.mark.parametrize("name", sorted(SEARCHES))


@every_search
def test_a_search_keeps_to_its_budget_and_counts_it(name: str) -> None:
    task = task_of(0.08)
    found, works = played(name, task)
    assert 0.9 * task.budget <= found.spent <= task.budget
    assert found.spent == sum(len(work.questions) for work in works)


@every_search
def test_nothing_is_asked_twice(name: str) -> None:
    _, works = played(name, task_of(0.08))
    pairs = [(work.point, q) for work in works for q in work.questions]
    assert len(pairs) == len(set(pairs))


@every_search
def test_the_default_is_first_and_asked_whatever_is_asked(name: str) -> None:
    _, works = played(name, task_of(0.06))
    assert works[0].point == DEFAULT
    asked = {q for work in works for q in work.questions}
    assert asked == {q for work in works if work.point == DEFAULT for q in work.questions}


@every_search
def test_the_same_seed_and_scores_make_the_same_search(name: str) -> None:
    one, works = played(name, task_of(0.05, seed=3))
    other, again = played(name, task_of(0.05, seed=3))
    assert one == other and works == again


@every_search
def test_warm_points_come_early(name: str) -> None:
    warm = Point.of({**dict(SPACE.grid()[200].values)})
    _, works = played(name, task_of(0.05, warm=(warm,)))
    assert [work.point for work in works][:2] == [DEFAULT, warm]


@every_search
def test_no_more_trials_than_allowed(name: str) -> None:
    found, works = played(name, task_of(0.08, trials=5))
    assert len({work.point for work in works}) <= 5 and set(found.ranked) == {work.point for work in works}


@every_search
@pytest.mark.parametrize("budget", [1, 7, QUESTIONS, QUESTIONS + 1, 3 * QUESTIONS])
def test_any_budget_ends_in_a_ranking(name: str, budget: int) -> None:
    task = Task(SPACE, strata_of(SIZES), tuple(map(str, range(QUESTIONS))), budget)
    found, _ = played(name, task)
    assert found.ranked and found.spent <= budget


@every_search
def test_a_budget_for_everything_finds_the_best(name: str) -> None:
    space_points = len(SPACE.grid())
    task = Task(SPACE, strata_of(SIZES), tuple(map(str, range(QUESTIONS))), (space_points + 1) * QUESTIONS)
    if name in ("race", "grid"):
        found, _ = played(name, task)
        assert mean(found.ranked[0]) == pytest.approx(max(map(mean, SPACE.grid())))


@every_search
def test_a_point_that_never_gets_a_score_does_not_win(name: str) -> None:
    broken = set(SPACE.grid()[::3])

    def answer(batch: Sequence[Work]) -> Scores:
        scores = TABLE.answer(batch)
        return [np.full_like(s, np.nan) if w.point in broken else s for w, s in zip(batch, scores, strict=True)]

    found = drive(SEARCHES[name](task_of(0.08)), answer)
    assert found.ranked[0] not in broken


def test_an_unknown_search_is_named() -> None:
    with pytest.raises(UnknownKeyError):
        search_of("magic", task_of(0.1))


def mean(point: Point) -> float:
    scores = TABLE.scores[point][:, 0]
    return float(np.mean([scores[: SIZES[0]].mean(), scores[SIZES[0] :].mean()]))
