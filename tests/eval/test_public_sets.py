"""The public sets, where RAGWRIGHT_DATA names them: they load strictly, and a run over a part of one adds up."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import ir_measures
import pytest
from ir_measures import nDCG

from eval.golden import open_golden
from eval.report.write import write_report
from eval.runner import RunOptions, run
from ingest.pipeline import ingest
from rag.runtime import open_runtime
from rag.settings import Settings

pytestmark = pytest.mark.data
DOCUMENTS = 250


def test_every_set_loads_and_its_gold_stands_where_it_says(public_data: Path, tmp_path: Path) -> None:
    folders = [path.parent for path in public_data.glob("*/questions.jsonl")]
    assert len(folders) >= 8
    for folder in folders:
        golden = open_golden(folder, home=tmp_path, now=datetime.now(UTC), split="dev", where={})
        assert golden.cases and len({case.id for case in golden.cases}) == len(golden.cases), folder.name
        texts = row_texts(folder) or {path.name: path.read_text("utf-8") for path in (folder / "docs").glob("*.md")}
        for case in golden.cases:
            for gold in case.spans:
                assert texts[gold.doc_id][gold.span.start : gold.span.end] == gold.text, (folder.name, case.id)


async def test_a_run_over_part_of_a_set_writes_a_ranking_that_recomputes(
    public_data: Path, settings: Settings, tmp_path: Path
) -> None:
    folder = part_of(public_data / "multihop_hotpotqa", tmp_path / "part")
    out = tmp_path / "run"
    with open_runtime(settings) as runtime:
        report = ingest([str(folder)], "part", runtime)
        assert report.added == DOCUMENTS and not report.failed
        golden = open_golden(folder, home=tmp_path, now=datetime.now(UTC), split="dev", where={})
        found = await run(golden, runtime.pipeline, "part", options=RunOptions(ragas=False), library=runtime.catalogue)
    results = write_report(found, out)
    rows = [json.loads(line) for line in (out / "rows.jsonl").read_text("utf-8").splitlines()]
    assert [row["id"] for row in rows] == [case.id for case in golden.cases] and len(rows) >= 5
    recomputed = ir_measures.calc_aggregate(
        [nDCG @ 10],
        list(ir_measures.read_trec_qrels(str(out / "qrels.trec"))),
        list(ir_measures.read_trec_run(str(out / "run.trec"))),
    )[nDCG @ 10]
    ours = results.metrics["nDCG@10"]
    assert recomputed == pytest.approx(ours.value, abs=1e-6) and recomputed > 0.5


def row_texts(folder: Path) -> dict[str, str]:
    path = folder / "documents.jsonl"
    rows = path.read_text("utf-8").splitlines() if path.exists() else []
    return {row["doc_id"]: row["text"] for row in map(json.loads, rows)}


def part_of(folder: Path, target: Path) -> Path:
    """Copy the first documents of a set and the questions whose gold is among them."""
    target.mkdir()
    documents = (folder / "documents.jsonl").read_text("utf-8").splitlines()[:DOCUMENTS]
    kept = {json.loads(line)["doc_id"] for line in documents}
    questions = [
        line
        for line in (folder / "questions.jsonl").read_text("utf-8").splitlines()
        if {gold["doc_id"] for gold in json.loads(line)["relevant"]} <= kept
    ]
    (target / "documents.jsonl").write_text("\n".join(documents) + "\n", "utf-8")
    (target / "questions.jsonl").write_text("\n".join(questions) + "\n", "utf-8")
    return target
