"""One case of a run as the report page shows it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from eval.report.highlights import Ranges, mark_passage, mark_text
from rag.shapes.rows import (
    RowCitationJson,
    RowGoldJson,
    RowGoldSpanJson,
    RowHitJson,
    RowJson,
    RowPassageJson,
    RowSourceJson,
)
from rag.types.loss import LOSS_OF_GATE, told

_SHOWN_HITS = 10

_Placed = RowCitationJson | RowGoldSpanJson | RowHitJson
"""What can be marked in a text."""


def case_view(position: int, row: RowJson, primary: str) -> dict[str, Any]:
    """Return a row with what the page adds: marked texts, the fate of each hit, and which figures to show."""
    citations = [citation for sentence in row.sentences for citation in sentence.citations]
    passages = [_passage(p, citations, row.gold.spans) for p in (row.context.passages if row.context else ())]
    used = row.hits[: row.hits_used if row.hits_used is not None else _SHOWN_HITS]
    return {
        **dict(row),
        "number": position,
        "score": row.metrics.get(primary),
        "sentences": [_sentence(row, i) for i in range(len(row.sentences))],
        "sources": [_source(item, citations, row.gold.spans, used) for item in row.sources],
        "passages": passages,
        "unmarked": sum(not passage["marked"] for passage in passages),
        "hits": [_hit(rank, hit, row) for rank, hit in enumerate(row.hits[:_SHOWN_HITS], start=1)],
        "more_hits": max(0, len(row.hits) - _SHOWN_HITS),
        "shown_metrics": {name: value for name, value in row.metrics.items() if value is not None},
    }


def _sentence(row: RowJson, i: int) -> dict[str, Any]:
    """Return a sentence with the blank space before it, as the answer has it."""
    sentence = row.sentences[i]
    before = row.sentences[i - 1].end if i else 0
    return {**dict(sentence), "gap": row.answer[before : sentence.start]}


def _source(
    item: RowSourceJson,
    citations: Iterable[RowCitationJson],
    gold: Iterable[RowGoldSpanJson],
    used: Iterable[RowHitJson],
) -> dict[str, Any]:
    marked = (_ranges(found, item.doc_id) for found in (citations, gold, used))
    return {**dict(item), "pieces": mark_text(item.text, item.start, *marked)}


def _passage(
    passage: RowPassageJson, citations: Iterable[RowCitationJson], gold: Iterable[RowGoldSpanJson]
) -> dict[str, Any]:
    cited, wanted = (_ranges(found, passage.doc_id) for found in (citations, gold))
    pieces = mark_passage(passage, cited, wanted)
    return {**dict(passage), "pieces": pieces, "marked": any(piece.kinds for piece in pieces)}


def _ranges(items: Iterable[_Placed], doc_id: str) -> Ranges:
    return [(item.start, item.end) for item in items if item.doc_id == doc_id]


def _hit(rank: int, hit: RowHitJson, row: RowJson) -> dict[str, Any]:
    return {**dict(hit), "rank": rank, "gold": _is_gold(hit, row.gold), "fate": _fate(rank, hit, row)}


def _fate(rank: int, hit: RowHitJson, row: RowJson) -> str:
    """Return what became of a hit on its way to the context."""
    if row.context is None:
        return ""
    for passage in row.context.passages:
        if passage.doc_id == hit.doc_id and any(_meet(hit, start, end) for start, end in passage.spans):
            return f"in the context [{passage.tag}]"
    if row.hits_used is not None and rank > row.hits_used:
        return LOSS_OF_GATE["rerank"].told
    for item in row.context.dropped:
        if item.doc_id == hit.doc_id and _meet(hit, item.start, item.end):
            return told(item.reason)
    return ""


def _meet(hit: RowHitJson, start: int, end: int) -> bool:
    return hit.start < end and start < hit.end


def _is_gold(hit: RowHitJson, gold: RowGoldJson) -> bool:
    if not gold.spans:
        return hit.doc_id in gold.documents
    return any(hit.doc_id == span.doc_id and _meet(hit, span.start, span.end) for span in gold.spans)
