"""The benchmark of evaluations over a few cases: what it counts is checked, no time is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eval.bench.eval_bench import Options, bench_eval, repeated
from eval.bench.figures import write_figures
from eval.golden import load_golden

DEMO = Path(__file__).parents[3] / "corpora" / "demo"


def test_cases_are_repeated_under_their_own_ids_and_none_is_sealed() -> None:
    golden = load_golden(DEMO)
    some = repeated(golden, 600)
    assert len({case.id for case in some.cases}) == len({case.cluster for case in some.cases}) == 600
    assert {case.split for case in some.cases} == {"dev", "select"}
    assert len({case.question for case in some.cases}) < 600 < len(golden.cases) * 3


@pytest.mark.accept
def test_both_answer_the_same_cases(tmp_path: Path, model_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGWRIGHT_HOME", str(model_cache.parent))
    golden = tmp_path / "golden"
    (golden / "docs").mkdir(parents=True)
    (golden / "docs" / "a.md").write_text("Cupboard 1 holds 4 boxes.\n\nCupboard 2 holds 5 boxes.\n")
    rows = [{"id": f"{i}", "question": f"What does cupboard {i} hold?", "answerable": True, "relevant": ["a.md"]} for i in (1, 2)]  # fmt: skip  # noqa: E501
    (golden / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    figures = bench_eval(Options(golden, cases=6, rounds=2, turn=4), tmp_path / "work")
    assert figures["cases"] == 6
    for kind in ("wall", "cpu"):
        assert figures[kind]["added"].n == 4 and figures[kind]["added"].value is not None
    assert list(figures["rss_mb"]) == ["before", "after 6 cases", "after 12 cases"]
    written = json.loads(write_figures(tmp_path, "eval", figures).read_text())
    assert written["cpu"]["added"].keys() >= {"value", "n", "low", "high"} and written["report_mb"]["value"] > 0
