"""Workers of one sweep share its work: nothing twice, nothing lost, and the same end for all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from eval.golden import Case
from eval.metrics import METRICS
from eval.tune.board import Asked
from eval.tune.drive import Distinct, Driver, Ledger
from eval.tune.points import DEFAULT, Found, Point, Task, Work
from eval.tune.searches import search_of
from eval.tune.space import Choice, Range, Space
from eval.tune.spec import Objective
from eval.tune.store import Row, Store, open_store
from rag.errors import ConfigError

RECALL = Objective(METRICS["recall@4000ch"], 1)
TOKENS = Objective(METRICS["context_tokens"], -1)
SPACE = Space(
    (Range("context.keep", low=0.1, high=0.9, step=0.2), Choice("context.packing", options=("rank", "knapsack")))
)
ASKED = tuple(Asked(n % 2, Case(f"q{n}", f"Question {n}?", True, "answer", cluster=f"q{n}")) for n in range(40))


class Scripted:
    """Scores that follow from point and question, written to the store as `Measurer` does; counts its work."""

    def __init__(self, store: Store, pause: float = 0.0) -> None:
        self.store, self.pause = store, pause
        self.done: list[str] = []
        self.before: Callable[[], None] = lambda: None

    def key(self, point: Point, asked: Asked) -> str:
        return f"{point.text()}|{asked.case.id}"

    def rows(self, point: Point, asked: Sequence[Asked]) -> list[Row]:
        keys = [self.key(point, item) for item in asked]
        found = self.store.rows(keys)
        missing = [key for key in keys if key not in found]
        self.before()
        time.sleep(self.pause)
        made = {key: self.row(point, key) for key in missing}
        self.done += missing
        self.store.put(made)
        return [(found | made)[key] for key in keys]

    def luck(self, key: str) -> int:
        return abs(hash(key)) % 2**32

    def row(self, point: Point, key: str) -> Row:
        keep = float(dict(point.values).get("context.keep", 0.5))  # type: ignore[arg-type]
        luck = np.random.default_rng(self.luck(key)).normal(0, 0.05)
        return Row({RECALL.name: float(np.clip(0.6 + 0.3 * keep + luck, 0, 1)), TOKENS.name: 1000 * keep}, 0.01)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path)
    yield opened
    opened.close()


def driver(store: Store, scripted: Any, **options: Any) -> Driver:
    ledger = Ledger((RECALL, TOKENS), len(ASKED))
    return Driver("sweep", ASKED, scripted, store, ledger, lambda seen: None, **options)


def search(seed: int = 0, budget: int = 160) -> Any:
    clusters = tuple(item.case.cluster for item in ASKED)
    return search_of("race", Task(SPACE, tuple(item.set for item in ASKED), clusters, budget, seed))


def test_scores_come_in_the_order_asked_and_up_is_better(store: Store) -> None:
    works = [Work(DEFAULT, (3, 1)), Work(Point.of({"context.keep": 0.9, "context.packing": "rank"}), (0,))]
    scores = driver(store, Scripted(store)).score("a", works)
    assert [found.shape for found in scores] == [(2, 2), (1, 2)]
    assert scores[0][:, 1].tolist() == [-500.0, -500.0] and scores[1][0, 1] == -900.0
    assert scores[0][0, 0] == Scripted(store).row(DEFAULT, f"{DEFAULT.text()}|q3").value(RECALL.name)


def test_workers_do_nothing_twice_and_end_alike(store: Store, tmp_path: Path) -> None:
    alone = driver(store, Scripted(store)).run("search", search())
    shared = open_store(tmp_path / "shared")
    team = [Scripted(shared, pause=0.01) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        ends = list(pool.map(lambda one: driver(shared, one, worker=f"h:1:{id(one)}").run("search", search()), team))
    assert [end.ranked for end in ends] == [alone.ranked] * 3 and {end.spent for end in ends} == {alone.spent}
    done = [key for one in team for key in one.done]
    assert len(done) == len(set(done)) and all(one.done for one in team), "every worker had its share, none twice"
    shared.close()


class Killed(BaseException):
    """What a killed worker never comes back from."""


def test_a_killed_worker_loses_no_more_than_its_piece(store: Store) -> None:
    whole = driver(store, Scripted(store)).run("search", search())
    folder = open_store(Path(str(store._engine.url.database)).parent / "other")
    mortal = Scripted(folder)
    counts = iter(range(1000))

    def die() -> None:
        if next(counts) == 7:
            raise Killed

    mortal.before = die
    dying = driver(folder, mortal, worker="nowhere:999999:x")
    dying.store = SimpleNamespace(**{name: getattr(folder, name) for name in dir(folder) if not name.startswith("__")})  # type: ignore[assignment]
    dying.store.release = lambda sweep, worker: None  # a killed process gives nothing back
    with pytest.raises(Killed):
        dying.run("search", search())
    heir = Scripted(folder)
    folder._now = lambda: time.time() + 60
    assert driver(folder, heir).run("search", search()).ranked == whole.ranked
    assert set(mortal.done).isdisjoint(heir.done), "what was scored before is not scored again"
    folder.close()


def test_an_ended_sweep_gives_its_pieces_back(store: Store) -> None:
    scripted = Scripted(store)
    scripted.before = lambda: (_ for _ in ()).throw(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        driver(store, scripted).run("search", search())
    assert driver(store, Scripted(store)).run("search", search()).spent > 0


def test_time_and_money_end_a_search_with_the_best_so_far(store: Store) -> None:
    clock = iter(range(10_000))
    late = driver(store, Scripted(store), deadline=6.0, clock=lambda: float(next(clock)))
    found = late.run("search", search(budget=400))
    assert late.stopped == "the time is used up" and found.ranked and found.spent < 400
    costly = Scripted(store)
    costly.row = lambda point, key: Row({RECALL.name: 0.5, TOKENS.name: 1.0}, 0.01, usd=0.02)  # type: ignore[method-assign]
    costly.key = lambda point, asked: f"usd {point.text()}|{asked.case.id}"  # type: ignore[method-assign]
    poor = driver(store, costly, usd=0.5)
    assert poor.run("search", search()).spent < 60 and "of 0.50 USD" in poor.stopped


def test_a_default_that_fails_everywhere_ends_the_sweep_with_the_reason(store: Store) -> None:
    broken = Scripted(store)
    broken.row = lambda point, key: Row({}, error="ValueError: no such thing")  # type: ignore[method-assign]
    with pytest.raises(ConfigError, match="every question fails.*no such thing"):
        driver(store, broken).run("search", search())


def test_points_that_are_the_same_to_the_flow_are_one() -> None:
    seen = Distinct(SPACE, lambda point: str(dict(point.values).get("context.keep", 0.5)))
    assert len(seen.grid()) == 5 and seen.grid()[0] == DEFAULT
    assert seen.of(Point.of({"context.keep": 0.5, "context.packing": "rank"})) == DEFAULT
    rng = np.random.default_rng(0)
    assert {seen.random(rng) for _ in range(100)} == set(seen.grid())


def test_a_ledger_ranks_by_what_both_were_asked() -> None:
    ledger = Ledger((RECALL,), 4)
    better, lucky = Point.of({"context.keep": 0.9}), Point.of({"context.keep": 0.1})
    for question, value in enumerate((0.2, 0.4, 0.6, 0.8)):
        ledger.add(DEFAULT, question, Row({RECALL.name: value}))
        ledger.add(better, question, Row({RECALL.name: value + 0.1}))
    ledger.add(lucky, 0, Row({RECALL.name: 1.0}))
    assert ledger.ranked() == (better, DEFAULT, lucky), "one lucky question is no promise"
    assert ledger.gain(better, RECALL) == (pytest.approx(0.1), 4) and ledger.mean(lucky, RECALL.name) == 1.0
    assert ledger.mean(lucky, "context_tokens") is None and ledger.spent == 9


def test_a_found_without_a_budget_is_whole(store: Store) -> None:
    found = driver(store, Scripted(store)).run("search", search(budget=10_000))
    assert isinstance(found, Found) and dict(found.ranked[0].values)["context.keep"] == 0.9
    assert not [thread for thread in threading.enumerate() if thread.name == "tune-heartbeat"], "none is left behind"
