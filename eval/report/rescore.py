"""A saved run judged afterwards, or again: nothing is retrieved or answered anew, only the judges are asked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import cast

from eval.golden import Case
from eval.golden.rows import Expect
from eval.judges.base import Judge
from eval.judges.scoring import ask_judges
from eval.judges.trust import judge_use
from eval.observation import Observation
from eval.report.rows import scores_of
from eval.results import CalibrationRecord, Results
from eval.runner import Row
from eval.saved import SavedRun
from eval.summary import scored
from rag.shapes.rows import RowJson, RowPassageJson
from rag.types import Passage, Span, Turn


async def rescore(
    saved: SavedRun,
    judges: Sequence[Judge],
    calibrations: Sequence[CalibrationRecord] = (),
    report: Callable[[str, int, int], None] = lambda phase, done, total: None,
) -> tuple[Results, list[RowJson]]:
    """Return the results and rows of a run with the judges' scores in place of any that they gave before.

    Raises:
        ConfigError: cassettes cannot be read or written.
    """
    seen = [observation_of(row) for row in saved.rows]
    metrics, reports = await ask_judges(seen, judges, lambda done, total: report("judge", done, total))
    rows = [Row(one, {metric.name: metric(one) for metric in metrics}) for one in seen]
    names = {judge.name for judge in judges}
    old = saved.results
    kept = {name: one for name, one in old.metrics.items() if one.judge is None or one.judge.judge not in names}
    judged = {metric.name: scored(metric, rows, reports, calibrations) for metric in metrics}
    uses = {**old.judges, **{one.name: judge_use(one) for one in reports}}
    results = replace(old, metrics=kept | judged, judges=uses)
    return results, [_merged(row, new, kept.keys()) for row, new in zip(saved.rows, rows, strict=True)]


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


def _merged(old: RowJson, new: Row, kept: Collection[str]) -> RowJson:
    scored = scores_of(new.values)
    return old.model_copy(
        update={
            "metrics": {name: value for name, value in old.metrics.items() if name in kept} | scored.metrics,
            "unmeasured": {name: why for name, why in old.unmeasured.items() if name in kept} | scored.unmeasured,
            "not_applicable": [name for name in old.not_applicable if name in kept] + scored.not_applicable,
        }
    )
