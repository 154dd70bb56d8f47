"""Comparing and gating run folders: pairing, direction, coverage, correction, three outcomes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.files import json_tree
from eval.gate.compare import compare_saved, render_comparison
from eval.gate.policy import FAILED, INCONCLUSIVE, PASSED, GatePolicy, load_policy, render_gate, run_gate
from eval.results import ScoredMetric, read_results
from eval.results.compared import Decision
from eval.saved import SavedRun
from rag.errors import ConfigError
from rag.shapes.rows import RowJson
from tests.eval.lines import line

RNG = np.random.default_rng(11)
BASE = [float(x) for x in RNG.random(300)]


def saved(
    values: Sequence[float | None], name: str = "nDCG@10", better: str = "higher", coverage: float = 1.0, **more: Any
) -> SavedRun:
    rows = tuple(
        line({"id": str(i), "question": "q?", "kind": "golden" if i % 2 else "edge",
              "tags": ["risky"] if i == 3 else [], "cluster": str(i), "metrics": {name: value}, "broken": None,
              "answer": "A", "reason": None})
        for i, value in enumerate(values)
    )  # fmt: skip
    results = {
        "set": {"name": "s", "sha256": "f", "split": "dev", "where": {}}, "primary": name, "settings": "old",
        "generation": 1, "corpus": "c", "provenance": {}, "ended_at": "",
        "metrics": {name: {"coverage": coverage, "better": better, "unit": "share"}},
    }  # fmt: skip
    return SavedRun(Path("run"), read_results(results | more), rows)


def with_metrics(run: SavedRun, names: Sequence[str]) -> SavedRun:
    """Return a run that measured more: .5 in every case."""
    metrics = {**run.results.metrics, **{name: ScoredMetric(coverage=1.0) for name in names}}
    rows = (row.model_copy(update={"metrics": row.metrics | dict.fromkeys(names, 0.5)}) for row in run.rows)
    return replace(run, results=replace(run.results, metrics=metrics), rows=tuple(rows))


def change(run: SavedRun, position: int, **fields: Any) -> SavedRun:
    """Return a run of which one row says something else."""
    rows: list[RowJson] = list(run.rows)
    rows[position] = rows[position].model_copy(update=fields)
    return replace(run, rows=tuple(rows))


def shifted(by: float, spread: float = 0.1) -> list[float]:
    noise = np.random.default_rng(12).normal(0, spread, len(BASE))
    return [float(x) for x in np.array(BASE) + noise - noise.mean() + by]


def gate(old: SavedRun, new: SavedRun, **policy: Any) -> Decision:
    return run_gate(old, new, GatePolicy(**policy))


@pytest.mark.parametrize(
    ("by", "verdict", "code"), [(0.0, "PASS", PASSED), (-0.1, "FAIL", FAILED), (-0.03, "INCONCLUSIVE", INCONCLUSIVE)]
)
def test_three_outcomes(by: float, verdict: str, code: int) -> None:
    result = gate(saved(BASE), saved(shifted(by)), metrics={"nDCG@10": {"margin": 0.03}})
    assert (result.verdict, result.exit_code) == (verdict, code)
    json.dumps(json_tree(result), allow_nan=False)
    assert verdict in render_gate(result) and "n=300" in render_gate(result)


def test_lower_is_better_is_turned_round() -> None:
    policy = {"metrics": {"latency_ms": {"margin": 0.03}}}
    old = saved(BASE, "latency_ms", "lower")
    assert gate(old, saved(shifted(0.1), "latency_ms", "lower"), **policy).verdict == "FAIL"
    assert gate(old, saved(shifted(-0.1), "latency_ms", "lower"), **policy).verdict == "PASS"


def test_without_a_policy_the_primary_metric_is_gated_at_what_its_cases_detect_19_times_in_20() -> None:
    item = gate(saved(BASE), saved(shifted(0.0))).metrics["nDCG@10"]
    error = np.std(np.array(shifted(0.0)) - BASE, ddof=1) / np.sqrt(len(BASE))
    assert item.verdict == "PASS" and item.difference.mde is not None
    assert item.margin == pytest.approx(item.difference.mde + (1.644854 - 0.841621) * error)
    many = gate(saved(BASE * 10), saved(BASE * 10))
    assert many.verdict == "PASS" and many.metrics["nDCG@10"].margin == 0.005


def test_inconclusive_says_how_many_more_and_the_policy_what_ci_does() -> None:
    old, new, metrics = saved(BASE), saved(shifted(-0.02, 0.3)), {"nDCG@10": {"margin": 0.03}}
    result = gate(old, new, metrics=metrics)
    assert result.verdict == "INCONCLUSIVE" and (result.metrics["nDCG@10"].difference.more_cases or 0) > 0
    assert "more cases would decide" in render_gate(result)
    assert gate(old, new, metrics=metrics, inconclusive="pass").exit_code == PASSED
    assert gate(old, new, metrics=metrics, inconclusive="fail").exit_code == FAILED


def test_low_coverage_fails_and_few_cases_decide_nothing() -> None:
    assert gate(saved(BASE), saved(BASE, coverage=0.9)).verdict == "FAIL"
    assert gate(saved(BASE), saved(BASE, coverage=0.9), min_coverage=0.8).verdict == "PASS"
    few = gate(saved(BASE[:9]), saved(BASE[:9]))
    assert few.verdict == "INCONCLUSIVE" and "at least 20" in few.metrics["nDCG@10"].reason


def test_holm_spares_a_lone_chance_failure_among_many_metrics() -> None:
    old, new = saved(BASE), saved(shifted(-0.0545))  # its one-sided p lies between 0.025 / 8 and 0.025
    alone = gate(old, new, metrics={"nDCG@10": {"margin": 0.035}})
    p = alone.metrics["nDCG@10"].regression_p
    assert alone.verdict == "FAIL" and 0.025 / 8 < p < 0.025
    names = [f"m{i}" for i in range(7)]
    old, new = (with_metrics(run, names) for run in (old, new))
    many = gate(old, new, metrics={"nDCG@10": {"margin": 0.035}} | {n: {"margin": 0.03} for n in names})
    assert many.verdict == "INCONCLUSIVE" and "Holm" in many.metrics["nDCG@10"].reason


def test_a_case_that_must_pass_decides_alone() -> None:
    new = change(saved(BASE), 3, broken="not_retrieved")
    result = gate(saved(BASE), new, must_pass_tags=["risky"])
    assert result.verdict == "FAIL" and result.must_pass_broken == ("3",)


def test_what_cannot_be_paired_is_refused() -> None:
    other = saved(BASE, set={"name": "s", "sha256": "0", "split": "dev", "where": {}})
    with pytest.raises(ConfigError, match="sha256"):
        gate(saved(BASE), other)
    with pytest.raises(ConfigError, match="name different cases"):
        gate(saved(BASE), saved(BASE[:50]))
    with pytest.raises(ConfigError, match="not in both runs; they share: nDCG@10"):
        gate(saved(BASE), saved(BASE), metrics={"speed": {}})


def test_comparison_pairs_by_case_and_keeps_unmeasured_out() -> None:
    new: list[float | None] = [None, *shifted(0.1)[1:]]
    run = change(saved(new), 5, broken="not_cited", answer="B")
    result = compare_saved(saved(BASE), run)
    row = result.metrics["nDCG@10"].difference
    assert row.n == 299 and row.value == pytest.approx(row.candidate - row.baseline)
    assert row.low < row.value < row.high and row.p < 0.001
    assert [item.id for item in result.flipped] == ["5"] and result.flipped[0].candidate.answer == "B"
    assert result.mcnemar_p == 1.0
    assert {item.name for item in result.slices} == {"golden", "edge"}
    assert all(item.difference.p <= item.p_adjusted for item in result.slices)
    assert "nDCG@10 (primary)" in render_comparison(result) and "1 cases broke" in render_comparison(result)
    json.dumps(json_tree(result), allow_nan=False)


def test_policy_files_are_strict(tmp_path: Path) -> None:
    path = tmp_path / "gates.yaml"
    path.write_text("metrics: {nDCG@10: {margin: 0.02}}\ninconclusive: fail\n")
    assert load_policy(path).metrics["nDCG@10"].margin == 0.02
    for text, message in (
        ("metrics: {nDCG@10: {margn: 0.02}}", "metrics.nDCG@10.margn"),
        ("metrics: {nDCG@10: {margin: 0}}", "greater than 0"),
        ("a: [", "cannot read"),
    ):
        path.write_text(text)
        with pytest.raises(ConfigError, match=message):
            load_policy(path)
    with pytest.raises(ConfigError, match="cannot read"):
        load_policy(tmp_path / "none.yaml")
    assert load_policy(None) == GatePolicy()
