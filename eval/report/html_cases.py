"""One case of a run as the report page shows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from eval.report.highlights import Piece, Ranges, mark_passage, mark_text
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


@dataclass(frozen=True, slots=True)
class SentenceView:
    """A sentence with the blank space before it, as the answer has it."""

    gap: str
    text: str
    citations: Sequence[RowCitationJson]


@dataclass(frozen=True, slots=True)
class TextView:
    """A part of a source, or a passage with its `tag`, in pieces; `marked` says whether gold or a citation is in it."""

    doc_id: str
    start: int
    end: int
    pieces: Sequence[Piece]
    tag: int = 0
    marked: bool = False


@dataclass(frozen=True, slots=True)
class HitView:
    """A hit of the ranking, whether it is gold, and what became of it."""

    rank: int
    hit: RowHitJson
    gold: bool
    fate: str


@dataclass(frozen=True, slots=True)
class CaseView:
    """A row with what the page adds: marked texts, the fate of each hit, and which figures to show."""

    row: RowJson
    number: int
    score: float | None
    sentences: Sequence[SentenceView]
    sources: Sequence[TextView]
    passages: Sequence[TextView]
    unmarked: int
    hits: Sequence[HitView]
    more_hits: int
    shown_metrics: Mapping[str, float]


def case_view(position: int, row: RowJson, primary: str) -> CaseView:
    """Return what the page shows of the row at a position of the run, from 1."""
    citations = [citation for sentence in row.sentences for citation in sentence.citations]
    passages = [_passage(p, citations, row.gold.spans) for p in (row.context.passages if row.context else ())]
    used = row.hits[: row.hits_used if row.hits_used is not None else _SHOWN_HITS]
    return CaseView(
        row=row,
        number=position,
        score=row.metrics.get(primary),
        sentences=[_sentence(row, i) for i in range(len(row.sentences))],
        sources=[_source(item, citations, row.gold.spans, used) for item in row.sources],
        passages=passages,
        unmarked=sum(not passage.marked for passage in passages),
        hits=[_hit(rank, hit, row) for rank, hit in enumerate(row.hits[:_SHOWN_HITS], start=1)],
        more_hits=max(0, len(row.hits) - _SHOWN_HITS),
        shown_metrics={name: value for name, value in row.metrics.items() if value is not None},
    )


def _sentence(row: RowJson, i: int) -> SentenceView:
    sentence = row.sentences[i]
    before = row.sentences[i - 1].end if i else 0
    return SentenceView(row.answer[before : sentence.start], sentence.text, sentence.citations)


def _source(
    item: RowSourceJson,
    citations: Iterable[RowCitationJson],
    gold: Iterable[RowGoldSpanJson],
    used: Iterable[RowHitJson],
) -> TextView:
    marked = (_ranges(found, item.doc_id) for found in (citations, gold, used))
    pieces = mark_text(item.text, item.start, *marked)
    return TextView(item.doc_id, item.start, item.start + len(item.text), pieces)


def _passage(
    passage: RowPassageJson, citations: Iterable[RowCitationJson], gold: Iterable[RowGoldSpanJson]
) -> TextView:
    cited, wanted = (_ranges(found, passage.doc_id) for found in (citations, gold))
    pieces = mark_passage(passage, cited, wanted)
    marked = any(piece.kinds for piece in pieces)
    return TextView(passage.doc_id, passage.start, passage.end, pieces, passage.tag, marked)


def _ranges(items: Iterable[_Placed], doc_id: str) -> Ranges:
    return [(item.start, item.end) for item in items if item.doc_id == doc_id]


def _hit(rank: int, hit: RowHitJson, row: RowJson) -> HitView:
    return HitView(rank, hit, _is_gold(hit, row.gold), _fate(rank, hit, row))


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
