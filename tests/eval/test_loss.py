"""The one vocabulary of where a passage was lost: everything that reads a context's ledger knows all of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import eval.report
from api.cli import main
from eval.failures import LEDGER, STAGES
from eval.html import render_html
from eval.junit import junit_xml
from eval.saved import load_run
from eval.survival import failure_clusters, gold_survival, lossy_stages
from rag.explain.gates import DEPTH, REASONS, gate_of
from rag.types import DROP_REASONS
from rag.types.loss import TOLD, told
from tests.eval.test_html import results, row


def test_every_reason_is_told_by_report_failures_and_explain() -> None:
    for reason in DROP_REASONS:
        assert TOLD[reason] and told(reason) == TOLD[reason]
        assert LEDGER[reason] in STAGES
        assert gate_of([reason]) in DEPTH and gate_of([reason]) in REASONS
    assert set(LEDGER) == set(TOLD) == set(DROP_REASONS)
    assert told("reason_of_another_version") == "reason of another version"


@pytest.mark.parametrize("reason", [*DROP_REASONS, "reason_of_another_version"])
def test_the_page_shows_a_hit_that_was_dropped_for_any_reason(reason: str) -> None:
    one = row(0)
    one["context"]["dropped"] = [{"doc_id": "e", "start": 0, "end": 9, "reason": reason}]
    assert told(reason) in render_html(results(1), [one])


@pytest.mark.parametrize("stage", [*STAGES, "stage_of_another_version"])
def test_every_stage_is_told_by_page_junit_and_survival(stage: str) -> None:
    one = row(0) | {"broken": stage, "status": "error" if stage == "error" else "ok"}
    one["error"] = "boom" if stage == "error" else None
    assert stage.replace("_", " ") in render_html(results(1), [one])
    assert ElementTree.fromstring(junit_xml("set", [one]))[0].find("failure") is not None or stage == "error"
    assert failure_clusters([one])[0]["meaning"] == STAGES.get(stage, "")


def test_every_stage_that_loses_gold_is_a_step_of_its_survival() -> None:
    assert lossy_stages() == set(STAGES) - {"error", "answered_unanswerable"}
    for stage in lossy_stages():
        assert gold_survival([row(0) | {"broken": stage}])[-1]["left"] == 0


# --- an evaluation is saved before anything is made of it ---


@pytest.fixture
def golden_set(tmp_path: Path) -> Path:
    """Three sections of one document, which a context may not hold all of."""
    folder = tmp_path / "set"
    (folder / "docs").mkdir(parents=True)
    parts = [
        f"## The {name}\n\nThe {name} is inspected every {n} weeks.\n" for n, name in enumerate(("pump", "valve"), 3)
    ]
    (folder / "docs" / "plant.md").write_text("# Plant\n\n" + "\n".join(parts), encoding="utf-8")
    (folder / "docs" / "site.md").write_text("# Site\n\nThe pump of the site is painted red.\n", encoding="utf-8")
    case = {"question": "How often is the pump inspected?", "answerable": True, "answers": ["every 3 weeks"]}
    lines = [json.dumps(case | {"id": f"q{i}", "relevant": ["plant.md"], "split": "dev"}) for i in range(2)]
    (folder / "questions.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def evaluated(golden_set: Path, out: Path, *options: str) -> int:
    return main(["eval", str(golden_set), "--corpus", "plant", "--ingest", "--out", str(out), *options])


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGWRIGHT_HOME", str(tmp_path / "home"))


SMALL = ("--set", "ingest.chunker.max_tokens=24", "--set", "ingest.chunker.overlap_tokens=0")


def test_a_limit_of_hits_per_document_does_not_cost_the_report(golden_set: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert evaluated(golden_set, out, "--set", "context.max_per_document=1", *SMALL) == 0
    dropped = [item["reason"] for row in load_run(out).rows for item in row["context"]["dropped"]]
    assert "max_per_document" in dropped
    assert "its document had its share of hits" in (out / "report.html").read_text(encoding="utf-8")


def test_a_page_that_fails_costs_neither_the_results_nor_the_other_pages(
    golden_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any) -> str:
        raise KeyError("max_per_document")

    out = tmp_path / "out"
    out.mkdir()
    (out / "report.html").write_text("of an earlier run")
    monkeypatch.setattr(eval.report, "render_html", broken)
    assert evaluated(golden_set, out) == 1
    said = capsys.readouterr()
    assert "results.json and rows.jsonl are in" in said.err and "report.html (KeyError: 'max_per_document')" in said.err
    assert "recall@4000ch" in said.out  # the table is printed all the same
    saved = load_run(out)
    assert saved.results["cases"] == len(saved.rows) == 2
    assert {path.name for path in out.iterdir()} == {
        "results.json", "rows.jsonl", "run.trec", "qrels.trec", "junit.xml", "summary.md",
    }  # fmt: skip


def test_results_that_fail_do_not_cost_the_rows(
    golden_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("a sum of nothing")

    out = tmp_path / "out"
    monkeypatch.setattr(eval.report, "gold_survival", broken)
    assert evaluated(golden_set, out) == 1
    said = capsys.readouterr().err
    assert "rows.jsonl is in" in said and "results.json could not be made: ZeroDivisionError" in said
    assert [path.name for path in out.iterdir()] == ["rows.jsonl"]
    assert len((out / "rows.jsonl").read_text(encoding="utf-8").splitlines()) == 2


def test_a_summary_that_fails_does_not_cost_the_decision(
    golden_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any) -> str:
        raise KeyError("p_adjusted")

    run = tmp_path / "run"
    assert evaluated(golden_set, run) == 0
    monkeypatch.setattr("eval.decision.comparison_markdown", broken)
    runs = ["--baseline", str(run), "--candidate", str(run), "--out", str(tmp_path / "gate")]
    assert main(["gate", *runs]) == 101
    assert "INCONCLUSIVE" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "gate").iterdir()} == {"gate.json", "comparison.json", "junit.xml"}
    assert main(["compare", str(run), str(run), "--out", str(tmp_path / "compared")]) == 1
    assert "summary.md (KeyError: 'p_adjusted')" in capsys.readouterr().err
