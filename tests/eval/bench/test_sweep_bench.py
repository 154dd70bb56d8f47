"""The benchmark of searches: its table from the flow, its file, and the regret that it replays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from eval.bench.figures import write_figures
from eval.bench.results import results_page
from eval.bench.sweep_bench import SPACE, ScoreTable, bench_sweep, computed_table, main, regret_of
from eval.tune.points import DEFAULT
from eval.tune.space import Choice, Space
from rag.errors import ConfigError
from tests.eval.tune.planted import planted, strata_of

TEXTS = {
    "kettle.md": "# Kettle\n\nThe kettle switches itself off after ninety seconds.\n",
    "lamp.md": "# Lamp\n\nThe lamp takes two watts and dims with the wheel.\n",
}
QUESTIONS = {"kettle.md": "When does the kettle switch off?", "lamp.md": "How many watts does the lamp take?"}


@pytest.fixture(scope="module")
def scores() -> ScoreTable:
    table = planted(SPACE, 50, seed=3)
    points = (DEFAULT, *SPACE.grid())
    rows = np.stack([table.scores[point][:, 0] for point in points])
    return ScoreTable(points, rows, strata_of((20, 30)), tuple(map(str, range(50))))


def row(file: str) -> dict[str, object]:
    text = TEXTS[file].rsplit("\n\n", 1)[1].strip()
    start = TEXTS[file].index(text)
    gold = {"doc_id": file, "start": start, "end": start + len(text), "text": text}
    return {"id": file, "question": QUESTIONS[file], "answerable": True, "relevant": [gold], "split": "dev"}


def test_the_table_holds_every_point_and_question(
    tmp_path: Path, model_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGWRIGHT_HOME", str(model_cache.parent))
    folder = tmp_path / "data" / "devices"
    (folder / "docs").mkdir(parents=True)
    for file, text in TEXTS.items():
        (folder / "docs" / file).write_text(text)
    (folder / "questions.jsonl").write_text("".join(json.dumps(row(file)) + "\n" for file in TEXTS))
    space = Space((Choice("context.keep", options=(0.5, 1.0)), Choice("rerank.weight", options=(0.5, 1.0))))
    found = computed_table(tmp_path / "data", ["devices"], tmp_path / "home", space)
    assert found.points == (DEFAULT, *space.grid()) and found.scores.shape == (5, 2)
    assert found.scores.max() == 1.0 and found.strata == (0, 0)


def test_a_table_is_read_as_it_was_written(scores: ScoreTable, tmp_path: Path) -> None:
    scores.write(tmp_path / "table.npz")
    found = ScoreTable.read(tmp_path / "table.npz")
    assert (found.points, found.strata, found.clusters) == (scores.points, scores.strata, scores.clusters)
    assert np.array_equal(found.scores, scores.scores)


def test_a_broken_table_is_named(tmp_path: Path) -> None:
    (tmp_path / "table.npz").write_bytes(b"nothing")
    with pytest.raises(ConfigError, match="delete it"):
        ScoreTable.read(tmp_path / "table.npz")


def test_a_search_that_sees_everything_has_no_regret(scores: ScoreTable) -> None:
    assert regret_of(scores, "grid", 1.01, seed=0) == pytest.approx(0.0)
    assert regret_of(scores, "random", 0.05, seed=0) > 0


def test_regret_is_written_by_share_with_n_and_interval(scores: ScoreTable, tmp_path: Path) -> None:
    figures = bench_sweep(scores, ["random", "halving"], (0.05, 0.2), seeds=3)
    written = json.loads(write_figures(tmp_path, "sweep", figures).read_text())
    assert written["regret"]["random"]["5%"].keys() >= {"value", "n", "low", "high"}
    assert written["regret"]["halving"]["20%"]["n"] == 3 and written["space"]["points"]["value"] == 216
    page = results_page(tmp_path)
    assert "### regret" in page and "| `halving` |" in page


def test_the_command_replays_a_kept_table(
    scores: ScoreTable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores.write(tmp_path / "sweep-table.npz")
    assert main(["--out", str(tmp_path), "--searches", "random", "--seeds", "2"]) == 0
    assert (tmp_path / "sweep.json").is_file() and "regret" in capsys.readouterr().out
