"""From the rows of a run to the lines of `rows.jsonl` (`rag.shapes.rows`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from eval.failures import first_broken_stage
from eval.golden import Case
from eval.metrics import Unmeasured, Value
from eval.observation import Observation
from eval.runner import Row
from rag import shapes
from rag.shapes.rows import (
    RowCitationJson,
    RowContextJson,
    RowDroppedJson,
    RowGoldJson,
    RowGoldSpanJson,
    RowHitJson,
    RowJson,
    RowPassageJson,
    RowSentenceJson,
    RowSourceJson,
    RowTurnJson,
    RowUsageJson,
)
from rag.types import Dropped, Sentence


@dataclass(frozen=True, slots=True)
class Scores:
    """A row's values as its line has them; the fields are those of `RowJson`."""

    metrics: dict[str, float | None]
    unmeasured: dict[str, str]
    not_applicable: list[str]


def row_json(row: Row) -> RowJson:
    """Convert a row; an unmeasured metric is null and `unmeasured` says why."""
    seen, case = row.seen, row.seen.case
    scores = scores_of(row.values)
    return RowJson(
        id=case.id,
        status=seen.status,
        error=seen.error,
        question=case.question,
        kind=case.kind,
        expect=case.expect,
        answerable=case.answerable,
        cluster=case.cluster,
        tags=list(case.tags),
        split=case.split,
        history=[RowTurnJson(role=turn.role, text=turn.text) for turn in case.history],
        rubrics=dict(case.rubrics),
        broken=first_broken_stage(seen),
        generation=seen.generation,
        hits=[RowHitJson(doc_id=h.doc_id, start=h.start, end=h.end, score=h.score) for h in seen.hits],
        hits_used=seen.hits_used,
        context=_context_json(seen),
        answer=seen.answer,
        abstained=seen.abstained,
        reason=seen.reason,
        answerability=seen.answerability,
        sentences=[_sentence_json(sentence) for sentence in seen.sentences],
        gold=_gold_json(case),
        sources=[RowSourceJson(doc_id=e.doc_id, start=e.start, text=e.text) for e in seen.evidence.sources],
        metrics=scores.metrics,
        unmeasured=scores.unmeasured,
        not_applicable=scores.not_applicable,
        usage=RowUsageJson(**dict(shapes.usage_json(seen.usage))) if seen.usage else None,
        timings_ms=dict(seen.timings_ms),
    )


def row_line(row: RowJson) -> str:
    """Return a row as its line of `rows.jsonl`; a key that a run of an earlier version lacks is not made up."""
    # NaN is no JSON; metrics never return it, so it would be a defect
    return json.dumps(row.model_dump(exclude_unset=True), ensure_ascii=False, allow_nan=False)


def scores_of(values: Mapping[str, Value]) -> Scores:
    """Return a row's values, with the reason of each one that is unmeasured."""
    missing = {name: value for name, value in values.items() if isinstance(value, Unmeasured)}
    return Scores(
        metrics={name: None if isinstance(value, Unmeasured) else value for name, value in values.items()},
        unmeasured={name: value.reason for name, value in missing.items()},
        not_applicable=[name for name, value in missing.items() if not value.applicable],
    )


def _context_json(seen: Observation) -> RowContextJson | None:
    if seen.passages is None:
        return None
    return RowContextJson(
        passages=[RowPassageJson(**dict(shapes.passage_json(passage))) for passage in seen.passages],
        tokens=seen.context_tokens,
        dropped=[_dropped_json(item) for item in seen.dropped],
    )


def _dropped_json(item: Dropped) -> RowDroppedJson:
    return RowDroppedJson(doc_id=item.doc_id, start=item.span.start, end=item.span.end, reason=item.reason)


def _sentence_json(sentence: Sentence) -> RowSentenceJson:
    return RowSentenceJson(
        text=sentence.text,
        start=sentence.start,
        end=sentence.end,
        citations=[RowCitationJson(**dict(shapes.quoted_json(cited))) for cited in sentence.citations],
    )


def _gold_json(case: Case) -> RowGoldJson:
    return RowGoldJson(
        answers=list(case.answers),
        documents=list(case.doc_ids),
        spans=[RowGoldSpanJson(doc_id=g.doc_id, start=g.span.start, end=g.span.end, text=g.text) for g in case.spans],
    )
