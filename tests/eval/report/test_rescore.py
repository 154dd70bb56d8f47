"""A saved run judged afterwards has the scores that it would have had, and the rest of it stays."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from eval.golden import GoldenSet
from eval.judges.base import Judge, material_of
from eval.judges.scoring import ask_judges
from eval.metrics import choose_metrics
from eval.observation import Observation, failed
from eval.report.rescore import observation_of, rescore
from eval.report.rows import row_json, row_line
from eval.report.write import write_report, write_scores
from eval.runner import Row, Run, RunOptions
from eval.saved import load_run
from rag.shapes.rows import RowJson
from rag.types import Turn
from tests.eval.judges.conftest import Opener, answered
from tests.eval.judges.scripted import Said, Script

NOW = datetime(2026, 5, 1, tzinfo=UTC)
ONLY = {"judge__metrics": "[faithfulness, rubrics]"}


def cases() -> list[Observation]:
    talk, graded = (Turn("user", "I have a shirt."),), {"score1_description": "bad", "score3_description": "good"}
    seen = [answered("1", history=talk), answered("2", rubrics=graded), answered("3"), answered("4", "Which one?")]
    return [*seen[:2], failed(seen[2].case, "it broke", {}), replace(seen[3], answer="", abstained=True, reason="weak")]


async def finished(seen: list[Observation], *judges: Judge) -> Run:
    metrics, reports = await ask_judges(seen, judges, lambda done, total: None)
    metrics = choose_metrics(["context_tokens", "false_abstention"]) + metrics
    rows = tuple(Row(one, {metric.name: metric(one) for metric in metrics}) for one in seen)
    golden = GoldenSet("s", Path("s"), Path("s"), tuple(one.case for one in seen), "f" * 64)
    return Run(golden, "c", RunOptions(), metrics, rows, NOW, NOW, reports)


def test_a_row_holds_what_a_judge_is_shown() -> None:
    for seen in cases():
        back = observation_of(RowJson.model_validate_json(row_line(row_json(Row(seen, {})))))
        assert material_of(back) == material_of(seen) and (back.status, back.error) == (seen.status, seen.error)


async def test_scoring_afterwards_is_scoring_at_once(opened: Opener, script: Script, tmp_path: Path) -> None:
    seen, plain, at_once = cases(), tmp_path / "plain", tmp_path / "at once"
    write_report(await finished(seen), plain)
    expected = write_report(await finished(seen, opened(**ONLY)), at_once)
    results, rows = await rescore(load_run(plain), [opened(**ONLY)])
    write_scores(results, rows, plain)
    assert results.metrics == expected.metrics
    assert results.judges["strict"].fingerprints == expected.judges["strict"].fingerprints
    for name in ("rows.jsonl", "qrels.trec"):
        assert (plain / name).read_text() == (at_once / name).read_text()
    assert "Judge strict (big)" in (plain / "summary.md").read_text()


async def test_scores_are_replaced_and_those_of_other_judges_stay(
    opened: Opener, script: Script, tmp_path: Path
) -> None:
    other = opened(**ONLY)
    other.name = "kind"
    write_report(await finished(cases(), opened(), other), tmp_path)
    script.on("StatementGeneratorOutput", Said(status=500))
    results, rows = await rescore(load_run(tmp_path), [opened(**ONLY)])
    judged = {name for name in results.metrics if "@" in name}
    assert judged == {
        f"ragas.{metric}@{judge}" for metric in ("faithfulness", "rubrics") for judge in ("strict", "kind")
    }
    assert rows[0].metrics["ragas.faithfulness@strict"] is None and rows[0].metrics["ragas.faithfulness@kind"] == 1
    assert rows[0].unmeasured["ragas.faithfulness@strict"] == "judge 'strict': HTTP 500"
    assert set(results.judges) == {"strict", "kind"} and len(rows) == 4


async def test_runs_of_earlier_releases_can_be_judged(opened: Opener, tmp_path: Path) -> None:
    write_report(await finished(cases()[:1]), tmp_path)
    row = json.loads((tmp_path / "rows.jsonl").read_text())
    later = {key: row.pop(key) for key in ("split", "history", "rubrics", "hits_used", "answerability", "sources")}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row | {"of_a_later_version": 1}) + "\n")
    old = json.loads((tmp_path / "results.json").read_text())
    del old["judges"], old["calibration"]
    metrics = {name: {k: v for k, v in entry.items() if k != "judge"} for name, entry in old["metrics"].items()}
    (tmp_path / "results.json").write_text(json.dumps(old | {"metrics": metrics, "of_a_later_version": [2]}))
    results, rows = await rescore(load_run(tmp_path), [opened(**ONLY)])
    write_scores(results, rows, tmp_path)
    assert results.metrics["ragas.faithfulness@strict"].value == 1.0
    assert json.loads((tmp_path / "results.json").read_text())["of_a_later_version"] == [2]
    again = json.loads((tmp_path / "rows.jsonl").read_text())
    assert again["of_a_later_version"] == 1 and not later.keys() & again.keys()  # kept, and nothing is made up
