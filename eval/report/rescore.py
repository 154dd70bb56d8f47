"""A saved run judged afterwards, or again: nothing is retrieved or answered anew, only the judges are asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from eval.golden import Case
from eval.golden.rows import Expect
from eval.judges.base import Judge
from eval.judges.scoring import ask_judges
from eval.judges.trust import judge_json
from eval.observation import Observation
from eval.report.rows import scores_of
from eval.results import metric_json
from eval.runner import Row
from eval.saved import SavedRun
from rag.shapes.rows import RowJson, RowPassageJson
from rag.types import Passage, Span, Turn

Json = dict[str, Any]


async def rescore(
    saved: SavedRun,
    judges: Sequence[Judge],
    calibrations: Sequence[Json] = (),
    report: Callable[[str, int, int], None] = lambda phase, done, total: None,
) -> tuple[Json, list[RowJson]]:
    """Return the results and rows of a run with the judges' scores in place of any that they gave before.

    Raises:
        ConfigError: cassettes cannot be read or written.
    """
    seen = [observation_of(row) for row in saved.rows]
    metrics, reports = await ask_judges(seen, judges, lambda done, total: report("judge", done, total))
    rows = [Row(one, {metric.name: metric(one) for metric in metrics}) for one in seen]
    names = {judge.name for judge in judges}
    entries = {name: {"judge": None} | entry for name, entry in saved.results["metrics"].items()}
    kept = {name: entry for name, entry in entries.items() if _judge_of(entry) not in names}
    scored = {metric.name: metric_json(metric, rows, reports, calibrations) for metric in metrics}
    judged = saved.results.get("judges", {}) | {one.name: judge_json(one) for one in reports}
    results = saved.results | {"metrics": kept | scored, "judges": judged}
    return results, [_merged(old, new, kept) for old, new in zip(saved.rows, rows, strict=True)]


def observation_of(row: RowJson) -> Observation:
    """Return what a judge needs of a line of `rows.jsonl`."""
    case = Case(
        id=row.id,
        question=row.question,
        answerable=row.answerable,
        expect=cast(Expect, row.expect),  # a later version may expect more; no judge looks at it
        answers=tuple(row.gold.answers),
        history=tuple(Turn(turn.role, turn.text) for turn in row.history),
        cluster=row.cluster,
        rubrics=row.rubrics,
    )
    passages = None if row.context is None else tuple(_passage(passage) for passage in row.context.passages)
    return Observation(case, row.status, error=row.error, passages=passages, answer=row.answer)


def _passage(passage: RowPassageJson) -> Passage:
    spans = tuple(Span(start, end) for start, end in passage.spans)
    return Passage(passage.tag, passage.doc_id, passage.title, "", passage.text, spans, passage.tokens)


def _merged(old: RowJson, new: Row, kept: Mapping[str, Json]) -> RowJson:
    scored = scores_of(new.values)
    return old.model_copy(
        update={
            "metrics": {name: value for name, value in old.metrics.items() if name in kept} | scored.metrics,
            "unmeasured": {name: why for name, why in old.unmeasured.items() if name in kept} | scored.unmeasured,
            "not_applicable": [name for name in old.not_applicable if name in kept] + scored.not_applicable,
        }
    )


def _judge_of(entry: Mapping[str, Any]) -> str | None:
    return str(entry["judge"]["judge"]) if entry["judge"] else None
