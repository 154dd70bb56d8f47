"""The ranker's recipe: what it calls gold, that it never sees the set it is judged on, and what it writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from eval.bench.ranking_data import Pool, PoolSet, comparison, gains, golden_folders, leave_one_out
from eval.bench.retrieval_bench import primaries
from eval.golden import Case, GoldSpan
from eval.recipes.fit_ranker import as_json, fit_listwise, main
from rag.errors import ConfigError
from rag.rerank.learned import FEATURES, load_weights
from rag.types import Hit, Span
from tests.eval.recipes.sets import write_set
from tests.fakes import make_hit, make_query


def case(gold: Sequence[str] = (), spans: Sequence[GoldSpan] = (), number: int = 0) -> Case:
    return Case(f"q{number}", "a question", True, "answer", doc_ids=tuple(gold), spans=tuple(spans))


def pool_set(name: str, n: int = 6) -> PoolSet:
    hits = tuple(make_hit(f"text {doc}", doc, rank=rank) for rank, doc in enumerate("abc", 1))
    pools = tuple(Pool(case(["b"], number=i), make_query("a question"), hits) for i in range(n))
    return PoolSet(name, "MRR@10", pools)


def test_gains_are_shares_of_ranges_and_whole_documents() -> None:
    hits = [make_hit("0123456789", "a"), make_hit("0123456789", "a", start=10), make_hit("0123456789", "b")]
    spans = [GoldSpan("a", Span(5, 15), "5678901234"), GoldSpan("b", Span(2, 4), "23")]
    assert gains(case(spans=spans), hits).tolist() == [[0.5, 0.0], [0.5, 0.0], [0.0, 1.0]]
    assert gains(case(["b", "x"]), hits).tolist() == [[0.0, 0.0], [0.0, 0.0], [1.0, 0.0]]


def test_the_feature_that_tells_gold_is_found_and_noise_is_drawn_to_nothing() -> None:
    rng = np.random.default_rng(5)
    lists, gold = [], []
    for _ in range(60):
        rows = rng.normal(size=(8, 3))
        lists.append(rows)
        gold.append(np.eye(8)[int(rows[:, 1].argmax())])
    weights = fit_listwise(lists, gold, np.full(60, 1 / 60))
    best = [int((rows @ weights).argmax() == gain.argmax()) for rows, gain in zip(lists, gold, strict=True)]
    assert np.mean(best) > 0.9
    assert weights[1] > 5 * abs(weights[2])
    looser = fit_listwise(lists, gold, np.full(60, 1 / 60), l2=0.001)
    assert abs(looser[1]) > abs(weights[1]), "the penalty draws weights to 0"


def test_a_set_is_judged_by_a_ranker_that_never_saw_it() -> None:
    sets = [pool_set(name) for name in ("one", "two", "three")]
    seen: list[list[str]] = []

    def fit(others: Sequence[PoolSet]) -> Callable[[Pool], Sequence[Hit]]:
        seen.append([part.name for part in others])
        return lambda pool: sorted(pool.hits, key=lambda hit: hit.chunk.doc_id != "b")

    found = leave_one_out(sets, fit, lambda pool: pool.hits)
    assert seen == [["two", "three"], ["one", "three"], ["one", "two"]]
    assert all(set(part.baseline) == {0.5} and set(part.candidate) == {1.0} for part in found.values())
    table = comparison(found, {part.name: part.primary for part in sets})
    assert "| all, stratified | 18 | 50.0 | 100.0 | +50.0 [+22.1, +59.3]" in table  # 18 questions show no more
    assert table.count("MRR@10") == 3


def test_questions_without_the_metric_are_left_out() -> None:
    unscored = PoolSet("spans", "recall@4000ch", pool_set("spans").pools)
    assert unscored.values(lambda pool: pool.hits) == [None] * 6


def test_weights_are_written_as_the_stage_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "ranker.json"
    path.write_text(as_json(np.linspace(-1, 1, len(FEATURES))))
    assert load_weights(path) == pytest.approx(np.linspace(-1, 1, len(FEATURES)), rel=1e-3)


def test_a_folder_without_sets_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no golden set"):
        list(golden_folders(tmp_path))


def test_the_recipe_fits_reports_and_writes(tmp_path: Path, model_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGWRIGHT_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "models").symlink_to(model_cache)
    names = sorted(name for name, metric in primaries().items() if not metric.endswith("ch"))[:2]
    for name in names:
        write_set(tmp_path / "data" / name)
    report = main(tmp_path / "data", tmp_path / "ranker.json", "select", tmp_path / "each")
    assert sorted(path.stem for path in (tmp_path / "each").iterdir()) == names
    assert all(np.isfinite(load_weights(path)).all() for path in (tmp_path / "each").iterdir())
    assert "dev, fitted without the set:" in report and "select, fitted on the other sets'" in report
    assert all(report.count(f"| {name} ") == 2 for name in names)
    first = (tmp_path / "ranker.json").read_text()
    assert np.isfinite(load_weights(tmp_path / "ranker.json")).all()
    main(tmp_path / "data", tmp_path / "ranker.json", None)
    assert (tmp_path / "ranker.json").read_text() == first
