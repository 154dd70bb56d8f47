"""Scores of points: no further through the flow than needed, never twice, and the same with and without kept stages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from eval.metrics import METRICS
from eval.tune.board import Places, open_board
from eval.tune.measure import Measurer, needed
from eval.tune.points import DEFAULT, Point
from eval.tune.spec import SetSpec
from eval.tune.store import Row, Store, open_store
from ingest.pipeline import ingest
from rag.runtime import Runtime, open_runtime
from tests.eval.tune.plant import plant_settings, write_set

CONTEXT = ("context_recall@4000ch", "context_tokens")


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> Iterator[SimpleNamespace]:
    folder = tmp_path_factory.mktemp("measure")
    golden = write_set(folder / "set")
    with open_runtime(plant_settings(folder / "home", model_cache)) as runtime:
        ingest([str(golden / "docs")], "plant", runtime)
        yield SimpleNamespace(golden=golden, runtime=runtime, folder=folder)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path)
    yield opened
    opened.close()


def measurer(plant: SimpleNamespace, store: Store, *names: str, timed: bool = False) -> Measurer:
    runtime: Runtime = plant.runtime
    board = open_board([SetSpec(set=plant.golden, corpus="plant")], runtime.home.root, datetime.now(UTC))
    places = Places(runtime, board, lambda line: None)
    made = Measurer(runtime.settings, [METRICS[name] for name in names], places, store, timed)
    plant.asked = board.search
    return made


def values(rows: list[Row]) -> list[dict[str, float | None]]:
    return [dict(row.values) for row in rows]


def test_the_last_stage_is_that_of_the_metrics() -> None:
    assert needed([METRICS["recall@4000ch"], METRICS["nDCG@10"]]) == "search"
    assert needed([METRICS["recall@4000ch"], METRICS["context_tokens"]]) == "context"
    assert needed([METRICS["context_tokens"], METRICS["false_abstention"]]) == "answer"
    assert needed([METRICS["precision_omega"]]) == "answer" and needed([METRICS["latency_ms"]]) == "answer"


def test_kept_stages_change_no_score(plant: SimpleNamespace, store: Store, tmp_path: Path) -> None:
    points = [
        DEFAULT,
        *(Point.of({"context.keep": keep, "rerank.weight": w}) for keep in (0.2, 0.6) for w in (0.3, 1.0)),
    ]
    names = (*CONTEXT, "recall@4000ch", "gold_citation_recall", "false_abstention")
    kept = measurer(plant, store, *names)
    fresh = measurer(plant, open_store(tmp_path / "other"), *names)
    for point in points:
        fresh.kept = type(kept.kept)()  # forgets what the last point left
        assert values(kept.rows(point, plant.asked)) == values(fresh.rows(point, plant.asked))
    reuse = kept.kept.reuse  # type: ignore[attr-defined]
    assert reuse["rank"].hits == 2 * len(plant.asked), "a second context setting ranks nothing anew"


def test_a_row_is_worked_out_once(plant: SimpleNamespace, store: Store) -> None:
    point, asked = Point.of({"context.keep": 0.3}), measurer(plant, store, *CONTEXT)
    first = asked.rows(point, plant.asked)
    again = measurer(plant, store, *CONTEXT)
    assert again.rows(point, plant.asked) == first
    keys = [again.key(point, item) for item in plant.asked]
    assert store.evaluations(keys) == len(plant.asked) and len(set(keys)) == len(plant.asked)
    assert all(row.error is None and row.seconds > 0 for row in first)


def test_settings_that_the_metrics_do_not_look_at_are_the_same_point(plant: SimpleNamespace, store: Store) -> None:
    searched, packed = measurer(plant, store, "recall@4000ch"), measurer(plant, store, *CONTEXT)
    answered = measurer(plant, store, "false_abstention")
    for key, value, same in (
        ("retrieval.candidates", 50, (False, False, False)),
        ("context.keep", 0.3, (True, False, False)),
        ("answer.abstain_below", 0.2, (True, True, False)),
        ("context.max_hits", 10, (False, False, False)),
    ):
        point = Point.of({key: value})
        assert tuple(m.identity(point) == m.identity(DEFAULT) for m in (searched, packed, answered)) == same, key
        assert searched.key(point, plant.asked[0]) != packed.key(point, plant.asked[0])


def test_another_index_is_another_key(plant: SimpleNamespace, store: Store) -> None:
    asked = measurer(plant, store, *CONTEXT)
    before = asked.key(DEFAULT, plant.asked[0])
    (plant.golden / "docs" / "extra.md").write_text("# Extra\n\nOne more document.\n")
    ingest([str(plant.golden / "docs")], "plant", plant.runtime)
    assert measurer(plant, store, *CONTEXT).key(DEFAULT, plant.asked[0]) != before
    assert asked.key(DEFAULT, plant.asked[0]) == before, "a running sweep stays with its generation"
    assert values(asked.rows(DEFAULT, plant.asked[:2]))


def test_timed_rows_are_not_those_of_kept_stages(plant: SimpleNamespace, store: Store) -> None:
    kept, timed = measurer(plant, store, "latency_ms"), measurer(plant, store, "latency_ms", timed=True)
    assert kept.key(DEFAULT, plant.asked[0]) != timed.key(DEFAULT, plant.asked[0])
    assert all((row.value("latency_ms")) > 0 for row in timed.rows(DEFAULT, plant.asked[:3]))
