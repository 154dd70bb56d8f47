"""What a judge's figure is worth: in reports, corrected by its labels, and at a gate only while it is trusted."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from eval.files import json_tree
from eval.gate.policy import GatePolicy, render_gate, run_gate
from eval.golden import GoldenSet
from eval.judges.calibration import Judging, calibrate, calibration_record
from eval.judges.scoring import ask_judges
from eval.report.text import render_table
from eval.report.write import write_report
from eval.runner import Row, Run, RunOptions
from eval.saved import load_run
from tests.eval.judges.conftest import Opener, answered
from tests.eval.judges.scripted import Said, Script
from tests.eval.judges.test_calibration import judgements

NOW = datetime(2026, 5, 1, tzinfo=UTC)
NAME = "ragas.aspect.complete@strict"
GOOD = [(1.0, 1.0)] * 40 + [(0.0, 0.0)] * 40 + [(1.0, 0.0)] * 10 + [(0.0, 1.0)] * 10


def record(fingerprint: str, tmp_path: Path, at: datetime = NOW, pairs: list[tuple[float, float]] = GOOD) -> Any:
    (tmp_path / "labels.jsonl").write_text("")
    figures = calibrate(judgements(pairs), threshold=0.5)
    judging = Judging("strict", "big", "aspect.complete", fingerprint)
    return calibration_record(judging, figures, tmp_path / "labels.jsonl", at)


@pytest.fixture
async def judged(opened: Opener, script: Script) -> Run:
    """Thirty rows, of which a judge finds every third incomplete and cannot score one."""
    for i in range(0, 30, 3):
        script.on(f"Question {i}?", Said(text='{"reason": "r", "verdict": 0}'))
    script.on("Question 7?", Said(status=401))
    seen = [answered(str(i), f"Question {i}?") for i in range(30)]
    judge = opened(judge__metrics="[aspect.complete]", usd_per_million_input=1, usd_per_million_output=1)
    metrics, reports = await ask_judges(seen, [judge], lambda done, total: None)
    rows = tuple(Row(one, {metric.name: metric(one) for metric in metrics}) for one in seen)
    golden = GoldenSet("s", Path("s"), Path("s"), tuple(one.case for one in seen), "f" * 64)
    return Run(golden, "c", RunOptions(), metrics, rows, NOW, NOW, reports)


def fingerprint(run: Run) -> str:
    return run.judges[0].fingerprints[NAME]


def test_the_report_shows_cost_calibration_and_the_corrected_rate(judged: Run, tmp_path: Path) -> None:
    results = write_report(judged, tmp_path / "run", [record(fingerprint(judged), tmp_path)])
    metric, judge = results.metrics[NAME], results.judges["strict"]
    assert (metric.n, metric.applicable, metric.value) == (29, 30, pytest.approx(19 / 29))
    assert metric.unmeasured == {"judge 'strict': HTTP 401": 1} and metric.judge.fingerprint == fingerprint(judged)
    # Rogan-Gladen with sensitivity and specificity of .8
    assert metric.judge.corrected.value == pytest.approx((19 / 29 + 0.8 - 1) / 0.6)
    assert judge.model == "big" and judge.cost.calls == 30 and judge.cost.failed == {"HTTP 401": 1}
    assert judge.cost.usd == pytest.approx(29 * 110 / 1e6)
    for shown in (
        (tmp_path / "run" / "summary.md").read_text(),
        (tmp_path / "run" / "report.html").read_text().replace("&#39;", "'"),
        render_table(results, width=200),
    ):
        assert "Judge strict (big): 30 requests" in shown and "calibrated, kappa 0.60, n=100" in shown
        assert "as people would have it" in shown and "0.0032 USD" in shown
    json.dumps(json_tree(results), allow_nan=False)


def test_scores_are_corrected_by_prediction_powered_inference(judged: Run, tmp_path: Path) -> None:
    (metric,) = judged.metrics
    graded = replace(judged, metrics=(replace(metric, rate=False),))
    results = write_report(graded, tmp_path / "run", [record(fingerprint(judged), tmp_path)])
    assert results.metrics[NAME].judge.corrected.method.startswith("prediction-powered, 100 labels")


def gate(run: Run, tmp_path: Path, known: list[Any], later: list[Any], now: datetime = NOW, **judges: Any) -> Any:
    write_report(run, tmp_path / "run", known)
    saved = load_run(tmp_path / "run")
    policy = GatePolicy(metrics={NAME: {"margin": 0.2}}, judges=judges)  # type: ignore[arg-type]
    result = run_gate(saved, saved, policy, calibrations=later, clock=lambda: now)
    assert result.metrics[NAME].reason in render_gate(result)
    return result.metrics[NAME].verdict, result.metrics[NAME].reason, result.verdict


def test_a_calibrated_judge_decides(judged: Run, tmp_path: Path) -> None:
    good = record(fingerprint(judged), tmp_path)
    assert gate(judged, tmp_path, [good], [])[0] == "PASS"
    assert gate(judged, tmp_path, [], [good])[0] == "PASS"  # calibrated after the run


def test_a_judge_that_is_not_trusted_decides_nothing(judged: Run, tmp_path: Path) -> None:
    mine = fingerprint(judged)
    good, bad = (
        record(mine, tmp_path),
        record(mine, tmp_path, pairs=[(1.0, 1.0), (0.0, 0.0), (1.0, 0.0), (0.0, 1.0)] * 9),
    )
    late = NOW + timedelta(days=91)
    for known, now, judges, why in (
        ([], NOW, {}, "judge 'strict' is not calibrated for aspect.complete"),
        ([record("0" * 12, tmp_path)], NOW, {}, "calibrated as another model or wording"),
        ([good], late, {}, "is 91 days old, at most 90 are trusted"),
        ([bad], NOW, {}, r"kappa 0.00 [-0.33, 0.33], above 0.2 is needed"),
        ([good], NOW, {"min_kappa": 0.5}, "above 0.5 is needed"),
    ):
        verdict, reason, whole = gate(judged, tmp_path, known, [], now, **judges)
        assert (verdict, whole) == ("INCONCLUSIVE", "INCONCLUSIVE") and why in reason
    assert gate(judged, tmp_path, [good], [], late, max_age_days=200)[0] == "PASS"


def test_runs_of_two_judges_cannot_be_compared(judged: Run, tmp_path: Path) -> None:
    good = record(fingerprint(judged), tmp_path)
    write_report(judged, tmp_path / "a", [good])
    write_report(judged, tmp_path / "b", [good])
    old, new = load_run(tmp_path / "a"), load_run(tmp_path / "b")
    metric = old.results.metrics[NAME]
    assert metric.judge is not None
    other = replace(metric, judge=replace(metric.judge, fingerprint="0" * 12))
    old = replace(old, results=replace(old.results, metrics={NAME: other}))
    item = run_gate(old, new, GatePolicy(metrics={NAME: {}}), clock=lambda: NOW).metrics[NAME]
    assert item.verdict == "INCONCLUSIVE" and "different models or wordings" in item.reason
