"""Where cases are lost: every case with gold is counted once, at the step its stage belongs to."""

from __future__ import annotations

from typing import Any

from eval.report.survival import failure_clusters, gold_survival, hit_survival
from rag.shapes.rows import RowJson
from rag.types.loss import FAILURES, meaning
from tests.eval.lines import CITED, HIT, PASSAGE, line


def row(broken: str | None = None, **more: Any) -> RowJson:
    whole = {
        "answerable": True, "status": "ok", "abstained": False, "broken": broken, "tags": ["t"], "hits": [HIT] * 9,
        "hits_used": 4, "gold": {"documents": ["d"]}, "context": {"passages": [PASSAGE] * 3, "tokens": 6},
        "sentences": [{"text": "S.", "start": 0, "end": 2, "citations": [CITED, CITED, CITED | {"tag": 2}]}],
    }  # fmt: skip
    return line(whole | more)


def test_every_stage_that_loses_gold_belongs_to_one_step() -> None:
    lost = [failure.name for failure in FAILURES if failure.name not in ("error", "answered_unanswerable")]
    steps = gold_survival([row(), *(row(stage) for stage in lost)])
    assert [step.step for step in steps][0] == "labelled" and steps[-1].left == 1
    assert sorted(stage for step in steps for stage in step.lost) == sorted(lost)
    counts = [step.left for step in steps]
    assert counts == sorted(counts, reverse=True) and counts[0] == len(lost) + 1
    assert all(step.share.low <= step.share.value <= step.share.high for step in steps)


def test_errors_and_cases_without_gold_are_left_out() -> None:
    steps = gold_survival([row(), row("error", status="error"), row(answerable=False), row(gold={"documents": []})])
    assert steps[0].left == 1
    assert gold_survival([row(answerable=False)]) == []


def test_a_search_knows_nothing_after_retrieval() -> None:
    searched = {"abstained": None, "context": None, "hits_used": None, "sentences": []}
    steps = gold_survival([row(**searched), row("not_retrieved", **searched)])
    assert [step.step for step in steps] == ["labelled", "ingested", "retrieved"] and steps[-1].left == 1
    assert [stage.stage for stage in hit_survival([row(**searched)])] == ["ranked"]


def test_hits_are_counted_where_they_got_to() -> None:
    found = hit_survival([row(), row(abstained=True, sentences=[], hits_used=2), row(status="error")])
    assert [(stage.stage, stage.mean, stage.n) for stage in found] == [
        ("ranked", 9, 2), ("used for the context", 3, 2), ("passages in the context", 3, 2), ("passages cited", 2, 1)
    ]  # fmt: skip


def test_clusters_name_their_cases_and_what_they_share() -> None:
    rows = [row("not_cited"), row(), row("not_cited", tags=[]), row("error", gold={"documents": []})]
    first, second = failure_clusters(rows)
    assert (first.stage, first.cases, first.documents, first.tags) == ("not_cited", [1, 3], [("d", 2)], [])
    assert second.stage == "error" and second.meaning == meaning("error") and second.share.n == 4
