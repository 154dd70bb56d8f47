"""The one vocabulary of where a passage was lost: everything that reads a context's ledger knows all of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree

import pytest

import eval.report.write
from api.cli import main
from eval.files import json_tree
from eval.report.html import render_html
from eval.report.junit import junit_xml
from eval.report.survival import failure_clusters, gold_survival
from eval.report.write import write_report
from eval.results import read_results
from eval.runner import RunOptions, run
from eval.saved import load_run
from rag.errors import ReportError
from rag.explain.gates import gate_of
from rag.explain.levers import LEVERS
from rag.settings import Settings
from rag.types import DROP_REASONS
from rag.types.loss import FAILURES, LOSSES, STEPS, Failure, Gate, furthest, meaning, told
from tests.eval.lines import line
from tests.eval.report.test_html import results, row
from tests.eval.test_runner import CASES, Shop, golden, options

NAMES = [failure.name for failure in FAILURES]


def test_the_tables_hold_every_name_once_in_the_order_of_the_flow() -> None:
    assert tuple(loss.gate for loss in LOSSES) == get_args(Gate)
    assert tuple(NAMES) == get_args(Failure)
    assert tuple(loss.reason for loss in LOSSES if loss.reason) == DROP_REASONS
    depths = [loss.depth for loss in LOSSES]
    assert depths == sorted(depths)
    steps = [STEPS.index(failure.step) for failure in FAILURES if failure.step]
    assert steps == sorted(steps) and set(steps) == set(range(1, len(STEPS)))


def test_every_reason_is_told_by_report_failures_and_explain() -> None:
    for reason in DROP_REASONS:
        loss = furthest([reason])
        assert loss and told(reason) == loss.told and meaning(loss.failure)
        assert gate_of([reason]) == loss.gate and loss.sentence
    assert furthest(DROP_REASONS) == LOSSES[-1] and furthest(["near_duplicate", "compressed_away"]) == LOSSES[8]
    assert furthest([]) is None and gate_of([]) == "compression"
    assert told("reason_of_another_version") == "reason of another version"


def test_every_loss_hangs_on_a_limit_that_explain_opens() -> None:
    limits = {lever.key: lever.gate for lever in LEVERS if lever.cut}
    depth = {loss.gate: loss.depth for loss in LOSSES}
    by_metadata = {"retrieval.leave_out", "retrieval.demote"}  # conditions, not limits: nothing to open step by step
    for loss in LOSSES[1:]:
        assert loss.setting
        Settings().value(loss.setting)
        assert loss.setting in by_metadata or depth[limits[loss.setting]] == loss.depth
    assert {loss.setting for loss in LOSSES[1:]} - by_metadata == set(limits)


@pytest.mark.parametrize("reason", [*DROP_REASONS, "reason_of_another_version"])
def test_the_page_shows_a_hit_that_was_dropped_for_any_reason(reason: str) -> None:
    one = row(0)
    one["context"]["dropped"] = [{"doc_id": "e", "start": 0, "end": 9, "reason": reason}]
    assert told(reason) in render_html(read_results(results(1)), [line(one)])


@pytest.mark.parametrize("stage", [*NAMES, "stage_of_another_version"])
def test_every_stage_is_told_by_page_junit_and_survival(stage: str) -> None:
    one = row(0) | {"broken": stage, "status": "error" if stage == "error" else "ok"}
    one["error"] = "boom" if stage == "error" else None
    assert stage.replace("_", " ") in render_html(read_results(results(1)), [line(one)])
    assert ElementTree.fromstring(junit_xml("set", [line(one)]))[0].find("failure") is not None or stage == "error"
    assert failure_clusters([line(one)])[0].meaning == meaning(stage)


def test_every_stage_that_loses_gold_is_a_step_of_its_survival() -> None:
    for failure in FAILURES:
        left = gold_survival([line(row(0) | {"broken": failure.name})])[-1].left
        assert left == (0 if failure.step else 1), failure.name


# --- an evaluation is saved before anything is made of it ---


@dataclass(frozen=True)
class House:
    """A corpus of two documents, its golden set and one evaluation, in a home of its own."""

    golden_set: Path
    run: Path
    options: tuple[str, ...]

    def evaluate(self, out: Path, *more: str) -> int:
        return main(["eval", str(self.golden_set), "--corpus", "plant", "--out", str(out), *self.options, *more])


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    docs = folder / "set" / "docs"
    docs.mkdir(parents=True)
    parts = [f"## The {part}\n\nThe {part} is inspected every {n} weeks.\n" for n, part in ((3, "pump"), (4, "valve"))]
    (docs / "plant.md").write_text("# Plant\n\n" + "\n".join(parts), encoding="utf-8")
    (docs / "site.md").write_text("# Site\n\nThe pump of the site is painted red.\n", encoding="utf-8")
    case = {"question": "How often is the pump inspected?", "answerable": True, "answers": ["every 3 weeks"]}
    lines = [json.dumps(case | {"id": f"q{i}", "relevant": ["plant.md"], "split": "dev"}) for i in range(2)]
    (folder / "set" / "questions.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    set_to = (f"embedder.cache_dir={model_cache}", "ingest.chunker.max_tokens=24", "ingest.chunker.overlap_tokens=0")
    options = tuple(word for item in (*set_to, "context.max_per_document=1") for word in ("--set", item))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAGWRIGHT_HOME", str(folder / "home"))
        patch.setattr("eval.flows.runs.RunOptions", partial(RunOptions, ragas=False))
        found = House(folder / "set", folder / "run", options)
        assert found.evaluate(found.run, "--ingest") == 0
        yield found


def test_a_limit_of_hits_per_document_does_not_cost_the_report(house: House) -> None:
    dropped = [item.reason for row in load_run(house.run).rows if row.context for item in row.context.dropped]
    assert "max_per_document" in dropped
    assert "its document had its share of hits" in (house.run / "report.html").read_text(encoding="utf-8")


def raising(error: Exception) -> Callable[..., Any]:
    def writer(*_: object) -> Any:
        raise error

    return writer


def test_the_command_says_which_page_is_missing_and_where_the_results_are(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(eval.report.write, "render_html", raising(KeyError("max_per_document")))
    assert house.evaluate(tmp_path / "out") == 1
    said = capsys.readouterr()
    assert f"results.json and rows.jsonl are in {tmp_path / 'out'}" in said.err
    assert "report.html (KeyError: 'max_per_document')" in said.err
    assert "nDCG@10" in said.out and "Report:" not in said.out  # the table is printed all the same
    assert load_run(tmp_path / "out").results.cases == 2


@pytest.mark.parametrize(
    "page", ["render_html", "render_markdown", "junit_xml", "run_lines", "qrels_lines"]
)  # every writer there is
async def test_a_page_that_fails_costs_neither_the_results_nor_the_other_pages(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = await run(golden(CASES[0]), Shop(), "shop", options=options())
    whole = write_report(finished, tmp_path)
    monkeypatch.setattr(eval.report.write, page, raising(TypeError("a page")))
    with pytest.raises(ReportError, match=r"are in .* could not be made: [\w.]+ \(TypeError: a page\)") as caught:
        write_report(finished, tmp_path)
    saved = load_run(tmp_path)
    assert saved.results == read_results(json.loads(json.dumps(json_tree(whole)))) and len(saved.rows) == 1
    names = {path.name for path in tmp_path.iterdir()}  # the page of the run before is gone, too
    assert len(names) == 6 and str(caught.value).split(": ")[1].split()[0] not in names


async def test_results_that_fail_do_not_cost_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finished = await run(golden(CASES[0]), Shop(), "shop", options=options())
    write_report(finished, tmp_path)
    monkeypatch.setattr(eval.report.write, "gold_survival", raising(ZeroDivisionError("a sum of nothing")))
    with pytest.raises(ReportError, match="rows.jsonl is in .* results.json could not be made: ZeroDivisionError"):
        write_report(finished, tmp_path)
    assert len((tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines()) == 1
    assert not (tmp_path / "results.json").exists()


def test_a_summary_that_fails_does_not_cost_the_decision(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("eval.gate.decision.comparison_markdown", raising(KeyError("p_adjusted")))
    run_folder, gated = str(house.run), tmp_path / "gate"
    assert main(["gate", "--baseline", run_folder, "--candidate", run_folder, "--out", str(gated)]) == 101
    said = capsys.readouterr()
    assert "INCONCLUSIVE" in said.out and "summary.md (KeyError: 'p_adjusted')" in said.err
    assert {path.name for path in gated.iterdir()} == {"gate.json", "comparison.json", "junit.xml"}
    assert main(["compare", run_folder, run_folder, "--out", str(tmp_path / "compared")]) == 1
    assert "cases broke" in capsys.readouterr().out
