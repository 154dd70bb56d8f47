"""One line of `rows.jsonl`: everything a reader needs to judge a case without running it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from eval.failures import first_broken_stage
from eval.metrics import Unmeasured, Value
from eval.observation import Observation
from eval.runner import Row

Json = dict[str, Any]


def row_json(row: Row) -> Json:
    """Return one line of `rows.jsonl`; an unmeasured metric is null and `unmeasured` says why."""
    seen, case = row.seen, row.seen.case
    return {
        "id": case.id,
        "status": seen.status,
        "error": seen.error,
        "question": case.question,
        "kind": case.kind,
        "expect": case.expect,
        "answerable": case.answerable,
        "cluster": case.cluster,
        "tags": list(case.tags),
        "split": case.split,
        "history": [{"role": turn.role, "text": turn.text} for turn in case.history],
        "rubrics": dict(case.rubrics),
        "broken": first_broken_stage(seen),
        "generation": seen.generation,
        "hits": [{"doc_id": h.doc_id, "start": h.start, "end": h.end, "score": h.score} for h in seen.hits],
        "hits_used": seen.hits_used,
        "context": _context_json(seen),
        "answer": seen.answer,
        "abstained": seen.abstained,
        "reason": seen.reason,
        "answerability": seen.answerability,
        "sentences": _sentences_json(seen),
        "gold": {
            "answers": list(case.answers),
            "documents": list(case.doc_ids),
            "spans": [
                {"doc_id": g.doc_id, "start": g.span.start, "end": g.span.end, "text": g.text} for g in case.spans
            ],
        },
        "sources": [{"doc_id": e.doc_id, "start": e.start, "text": e.text} for e in seen.evidence.sources],
        **values_json(row.values),
        "usage": asdict(seen.usage) if seen.usage else None,
        "timings_ms": dict(seen.timings_ms),
    }


def values_json(values: Mapping[str, Value]) -> Json:
    """Return a row's values as `metrics`, `unmeasured` and `not_applicable`."""
    missing = {name: value for name, value in values.items() if isinstance(value, Unmeasured)}
    return {
        "metrics": {name: None if isinstance(value, Unmeasured) else value for name, value in values.items()},
        "unmeasured": {name: value.reason for name, value in missing.items()},
        "not_applicable": [name for name, value in missing.items() if not value.applicable],
    }


def _context_json(seen: Observation) -> Json | None:
    if seen.passages is None:
        return None
    passages = [
        {
            "tag": passage.tag,
            "doc_id": passage.doc_id,
            "title": passage.title,
            "start": passage.start,
            "end": passage.end,
            "spans": [[span.start, span.end] for span in passage.spans],
            "text": passage.text,
            "tokens": passage.tokens,
        }
        for passage in seen.passages
    ]
    dropped = [
        {"doc_id": item.doc_id, "start": item.span.start, "end": item.span.end, "reason": item.reason}
        for item in seen.dropped
    ]
    return {"passages": passages, "tokens": seen.context_tokens, "dropped": dropped}


def _sentences_json(seen: Observation) -> list[Json]:
    return [
        {
            "text": sentence.text,
            "start": sentence.start,
            "end": sentence.end,
            "citations": [
                {
                    "tag": cited.tag,
                    "doc_id": cited.doc_id,
                    "title": cited.title,
                    "uri": cited.uri,
                    "start": cited.span.start,
                    "end": cited.span.end,
                    "quote": cited.quote,
                    "support_score": cited.support.score,
                    "supported": cited.support.supported,
                }
                for cited in sentence.citations
            ],
        }
        for sentence in seen.sentences
    ]
