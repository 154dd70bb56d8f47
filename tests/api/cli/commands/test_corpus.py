from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from api.cli import main
from api.cli.render_corpus import ingest_text
from eval.gate.error_rates import MetricRates, Rates
from eval.gate.policy import GatePolicy
from eval.results import SetInfo
from eval.stats import Estimate
from ingest.gate import Verdict
from ingest.pipeline import IngestOptions, Progress
from ingest.report import IngestReport
from ingest.store.catalogue import Failure, GenerationRow
from ingest.upkeep.generations import CorpusStatus, Kept

FAILURE = Failure("broken.docx", "it is no .docx file", "ab" * 32)
GENERATIONS = (
    GenerationRow(3, 1, "published", "abc", "2026-01-01T00:00:00", "2026-01-01T00:01:00", {"added": 2}),
    GenerationRow(4, 1, "published", "abc", "2026-01-02T00:00:00", "2026-01-02T00:01:00", {"added": 1}),
)
STATUS = CorpusStatus("demo", 4, 3, 9, (FAILURE,), GENERATIONS, "minilm", "fff000fff000", False, 2_500_000)


class Ingest:
    """Stands where `ingest.pipeline.ingest` is; records how it was called."""

    def __init__(self, failed: tuple[Failure, ...] = (), verdict: Verdict | None = None) -> None:
        self.failed = failed
        self.verdict = verdict
        self.calls: list[tuple[list[str], str, IngestOptions]] = []

    def __call__(
        self, sources: list[str], corpus: str, runtime: Any, options: Any, progress: Any, gate: Any = None
    ) -> IngestReport:
        self.calls.append((sources, corpus, options))
        progress(Progress("scan", 1, 2))
        held = 5 if self.verdict else None
        report = IngestReport(corpus, 4, 1, 0, 0, 2, chunks=5, failed=self.failed, seconds=1.25)
        return replace(report, gate=self.verdict, held=held)


@pytest.mark.parametrize(("name", "code"), [("FAIL", 100), ("INCONCLUSIVE", 101)])
def test_a_held_generation_has_the_gate_s_exit_code_and_says_how_to_promote_it(
    runtime: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: Any, code: int
) -> None:
    monkeypatch.setattr("ingest.pipeline.ingest", Ingest(verdict=Verdict(name, "nDCG@10 fell", {"runs": "r"})))
    status, out, _ = run(capsys, "ingest", "a", "--corpus", "demo")
    assert status == code
    assert f"gate: {name} (nDCG@10 fell)" in out and "generations promote 5 --corpus demo" in out


def test_a_policy_without_a_gate_is_usage(runtime: Any, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run(capsys, "ingest", "a", "--corpus", "demo", "--policy", "gates.yaml")
    assert status == 2 and "--gate SET" in err


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(arguments)
    out, err = capsys.readouterr()
    return code, out, err


def test_ingest_passes_its_options_on(
    runtime: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest = Ingest()
    monkeypatch.setattr("ingest.pipeline.ingest", ingest)
    options = ["--prune", "--allow-delete-over", "0.5", "--retry-failed", "--jobs", "3", "--dry-run"]
    assert run(capsys, "ingest", "a", "b", "--corpus", "demo", *options)[0] == 0
    assert run(capsys, "ingest", "a", "--corpus", "demo")[0] == 0
    wanted = IngestOptions(prune=True, allow_delete_over=0.5, retry_failed=True, dry_run=True, jobs=3)
    assert ingest.calls == [(["a", "b"], "demo", wanted), (["a"], "demo", IngestOptions())]


def test_ingest_with_failed_documents_names_them_and_exits_3(
    runtime: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.pipeline.ingest", Ingest((FAILURE,)))
    code, out, err = run(capsys, "ingest", "a", "--corpus", "demo")
    assert code == 3
    assert "failed: broken.docx: it is no .docx file" in out
    assert err == ""
    code, out, _ = run(capsys, "ingest", "a", "--corpus", "demo", "--json")
    assert code == 3
    assert json.loads(out)["failed"][0]["doc_id"] == "broken.docx"
    assert json.loads(out)["generation"] == 4


def test_the_report_tells_what_was_reused_moved_and_is_double() -> None:
    pairs = tuple((f"d{n:02}", "first", 1.0 if n < 2 else 0.9) for n in range(13))
    failed = replace(FAILURE, attempts=3, failed_at="2026-01-02T03:04:05+00:00")
    report = IngestReport(
        "demo", 4, 1, 0, 0, 2, 9, 3, 6, (failed,), moved=(("old.md", "new.md"),), duplicates=pairs, seconds=1.0
    )
    shown = ingest_text(report)
    assert "1 added, 0 changed, 1 moved, 0 removed, 2 unchanged" in shown
    assert "9 chunks written (3 embedded, 6 reused)" in shown and "moved: old.md -> new.md" in shown
    assert "duplicate: d01 is the same text as first" in shown and "duplicate: d02 is 90% like first" in shown
    assert shown.count("duplicate: ") == 10 and "and 3 duplicates more" in shown
    assert "failed: broken.docx: it is no .docx file (tried 3 times, last on 2026-01-02T03:04:05+00:00)" in shown


def test_a_missing_source_is_one_line_and_exit_1(runtime: Any, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "ingest", "does-not-exist", "--corpus", "demo")
    assert code == 1
    assert err.startswith("error: ") and err.count("\n") == 1
    assert "does-not-exist" in err


def test_status_shows_what_the_contract_names(
    runtime: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.upkeep.generations.status", lambda corpus, _runtime: [STATUS])
    code, out, _ = run(capsys, "status")
    assert code == 0
    for shown in ("demo", "2.5 MB", "minilm", "fff000fff000", "broken.docx"):
        assert shown in out
    document = json.loads(run(capsys, "status", "--json")[1])["corpora"][0]
    assert document["generations"][1]["id"] == document["live"] == 4
    assert document["failures"][0]["reason"] == "it is no .docx file"


def test_status_of_nothing_says_how_to_start(
    runtime: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.upkeep.generations.status", lambda corpus, _runtime: [])
    assert "ragwright ingest" in run(capsys, "status")[1]
    assert json.loads(run(capsys, "status", "--json")[1]) == {"corpora": []}


def test_generations_are_listed_switched_and_erased(
    runtime: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen: list[int | None] = []

    def rollback(corpus: str, _runtime: Any, generation: int | None = None) -> int:
        chosen.append(generation)
        return generation or 3

    monkeypatch.setattr("ingest.upkeep.generations.status", lambda corpus, _runtime: [STATUS])
    monkeypatch.setattr("ingest.upkeep.generations.rollback", rollback)
    monkeypatch.setattr("ingest.upkeep.generations.vacuum", lambda corpus, _runtime: 12)
    monkeypatch.setattr("ingest.upkeep.generations.kept_generations", lambda corpus, _runtime: [Kept(4, "live", 0)])
    listed = json.loads(run(capsys, "generations", "list", "--corpus", "demo", "--json")[1])
    assert (listed["live"], [row["id"] for row in listed["generations"]]) == (4, [3, 4])
    assert "live" in run(capsys, "generations", "list", "--corpus", "demo")[1]
    assert run(capsys, "generations", "rollback", "--corpus", "demo")[:2] == (0, "generation 3 of demo is live\n")
    assert json.loads(run(capsys, "generations", "promote", "4", "--corpus", "demo", "--json")[1])["live"] == 4
    assert chosen == [None, 4]
    assert run(capsys, "generations", "vacuum", "--corpus", "demo")[:2] == (
        0,
        "12 chunks erased\nkept: generation 4 (live)\n",
    )
    assert runtime.closed


@pytest.mark.parametrize(("ok", "code"), [(True, 0), (False, 1)])
def test_the_gate_s_error_rates_are_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, ok: bool, code: int
) -> None:
    share = Estimate(0.9, 40, 0.8, 0.95, "wilson")
    shares: Any = {"PASS": share, "FAIL": share, "INCONCLUSIVE": share}
    metric = MetricRates(40, 0.03, shares, shares, share, ok)
    rates = Rates(SetInfo("s", "0" * 64), 50, GatePolicy(), {"nDCG@10": metric}, ok)
    monkeypatch.setattr("eval.flows.runs.load_run", lambda folder: folder)
    monkeypatch.setattr("eval.flows.runs.gate_error_rates", lambda *runs, repeats: rates)
    arguments = ["gate", "--baseline", "a", "--candidate", "b", "--error-rates"]
    assert main(arguments) == code
    assert "nothing changed: PASS 90.0% [80.0%, 95.0%]" in capsys.readouterr().out
    assert main([*arguments, "--json"]) == code


@pytest.mark.parametrize("code", [0, 100, 101])
def test_the_gate_s_decision_is_the_exit_code(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    decision = {"verdict": "PASS", "exit_code": code}
    decided = SimpleNamespace(document=decision, exit_code=code, write=lambda folder: None)
    monkeypatch.setattr("eval.flows.runs.gate_runs", lambda *runs, **options: decided)
    arguments = ["gate", "--baseline", "a", "--candidate", "b", "--json"]
    assert main(arguments) == code
    assert json.loads(capsys.readouterr().out)["exit_code"] == code


@pytest.mark.parametrize(
    "arguments",
    [
        ["gate", "--baseline", "no-run", "--candidate", "no-run"],
        ["compare", "no-run", "no-run"],
        ["gate", "--baseline", "x", "--candidate", "x", "--policy", "no-policy.yaml"],
    ],
)
def test_a_folder_that_is_no_run_is_usage(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert err.startswith("error: ") and err.count("\n") == 1


def test_a_report_that_cannot_be_written_is_found_before_the_run(
    runtime: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    golden = tmp_path / "set"
    (golden / "docs").mkdir(parents=True)
    (golden / "docs" / "a.md").write_text("Refunds take 30 days.")
    case = {"id": "1", "question": "How long?", "answers": ["30 days"], "relevant": ["a.md"], "answerable": True}
    (golden / "questions.jsonl").write_text(json.dumps(case) + "\n")
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "run"
    code, _, err = run(capsys, "eval", str(golden), "--corpus", "demo", "--out", str(out))
    assert code == 2
    assert "cannot write the report" in err
    assert runtime.pipeline.requests == []
