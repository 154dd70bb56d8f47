"""The gate's own error rate: an honest gate stays within its ceilings, a broken one does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.gate import policy as gates
from eval.gate.error_rates import gate_error_rates
from eval.gate.policy import GatePolicy
from eval.results import read_results
from eval.saved import SavedRun
from eval.stats import Difference, NonInferiority
from rag.errors import ConfigError
from tests.eval.lines import line


def run(values: list[float], better: str = "higher") -> SavedRun:
    rows = tuple(
        line({"id": str(i), "cluster": str(i), "metrics": {"nDCG@10": value}}) for i, value in enumerate(values)
    )
    about = {"nDCG@10": {"better": better, "coverage": 1.0, "unit": "share"}}
    found = {"set": {"name": "s", "sha256": "f", "split": "dev", "where": {}}, "primary": "nDCG@10", "metrics": about}
    return SavedRun(Path("run"), read_results(found), rows)


def two_runs(n: int = 300, spread: float = 0.25) -> tuple[SavedRun, SavedRun]:
    rng = np.random.default_rng(5)
    base = rng.random(n)
    return run(base.tolist()), run(np.clip(base + rng.normal(0, spread, n), 0, 1).tolist())


def test_the_derived_margin_keeps_the_gate_within_its_ceilings() -> None:
    rates = gate_error_rates(*two_runs(), GatePolicy()).metrics["nDCG@10"]
    assert rates.aa["FAIL"].value <= 0.025
    assert rates.aa["PASS"].value >= 0.8
    assert rates.caught.value >= 0.73 and rates.ok
    assert sum(share.value for share in rates.aa.values()) == pytest.approx(1)


def test_the_same_seed_gives_the_same_rates_and_another_does_not() -> None:
    first, again, other = (gate_error_rates(*two_runs(), GatePolicy(), repeats=60, seed=s) for s in (1, 1, 2))
    assert first == again and first != other


def test_a_metric_where_less_is_better_is_turned_round() -> None:
    old, new = two_runs()
    lower = (run([row.metrics["nDCG@10"] or 0.0 for row in side.rows], "lower") for side in (old, new))
    rates = gate_error_rates(*lower, GatePolicy(), repeats=50, planted=50).metrics["nDCG@10"]
    assert rates.caught.value >= 0.73


@pytest.mark.parametrize(
    ("verdict", "broken"), [("INCONCLUSIVE", "aa"), ("FAIL", "aa"), ("PASS", "caught")]
)  # a gate that always says the same is useless, whatever it says
def test_a_gate_without_eyes_is_found_out(monkeypatch: pytest.MonkeyPatch, verdict: Any, broken: str) -> None:
    def blind(difference: Difference, margin: float) -> NonInferiority:
        return NonInferiority(verdict, margin, 0.0, None, 1.0)

    monkeypatch.setattr(gates, "non_inferiority", blind)
    rates = gate_error_rates(*two_runs(60), GatePolicy(), repeats=20, planted=20).metrics["nDCG@10"]
    assert not rates.ok
    assert (rates.caught.value < 0.73) == (broken == "caught")


def test_a_margin_that_so_few_cases_cannot_decide_is_not_ok() -> None:
    policy = GatePolicy.model_validate({"metrics": {"nDCG@10": {"margin": 0.01}}})
    rates = gate_error_rates(*two_runs(60), policy, repeats=50, planted=50).metrics["nDCG@10"]
    assert not rates.ok and rates.aa["INCONCLUSIVE"].value > 0.5


def test_too_few_shared_cases_are_an_error() -> None:
    with pytest.raises(ConfigError, match="share 10 values"):
        gate_error_rates(*two_runs(10), GatePolicy())
