"""One case of a run as the report page shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eval.report.highlights import Ranges, mark_passage, mark_text
from rag.types.loss import LOSS_OF_GATE, told

Json = Mapping[str, Any]

_SHOWN_HITS = 10


def case_view(position: int, row: Json, primary: str) -> dict[str, Any]:
    """Return a row with what the page adds: marked texts, the fate of each hit, and which figures to show."""
    citations = [citation for sentence in row["sentences"] for citation in sentence["citations"]]
    passages = [_passage(p, citations, row["gold"]["spans"]) for p in (row["context"] or {"passages": ()})["passages"]]
    used = row["hits"][: row["hits_used"] if row.get("hits_used") is not None else _SHOWN_HITS]
    return {
        **row,
        "number": position,
        "score": row["metrics"].get(primary),
        "sentences": [_sentence(row, i) for i in range(len(row["sentences"]))],
        "sources": [_source(item, citations, row["gold"]["spans"], used) for item in row.get("sources", ())],
        "passages": passages,
        "unmarked": sum(not passage["marked"] for passage in passages),
        "hits": [_hit(rank, hit, row) for rank, hit in enumerate(row["hits"][:_SHOWN_HITS], start=1)],
        "more_hits": max(0, len(row["hits"]) - _SHOWN_HITS),
        "shown_metrics": {name: value for name, value in row["metrics"].items() if value is not None},
    }


def _sentence(row: Json, i: int) -> dict[str, Any]:
    """Return a sentence with the blank space before it, as the answer has it."""
    sentence = row["sentences"][i]
    before = row["sentences"][i - 1]["end"] if i else 0
    return {**sentence, "gap": row["answer"][before : sentence["start"]]}


def _source(item: Json, citations: Sequence[Json], gold: Sequence[Json], used: Sequence[Json]) -> dict[str, Any]:
    marked = (_ranges(found, item["doc_id"]) for found in (citations, gold, used))
    return {**item, "pieces": mark_text(item["text"], item["start"], *marked)}


def _passage(passage: dict[str, Any], citations: Sequence[Json], gold: Sequence[Json]) -> dict[str, Any]:
    cited, wanted = (_ranges(found, passage["doc_id"]) for found in (citations, gold))
    pieces = mark_passage(passage, cited, wanted)
    return {**passage, "pieces": pieces, "marked": any(piece.kinds for piece in pieces)}


def _ranges(items: Sequence[Json], doc_id: str) -> Ranges:
    return [(item["start"], item["end"]) for item in items if item["doc_id"] == doc_id]


def _hit(rank: int, hit: Json, row: Json) -> dict[str, Any]:
    return {**hit, "rank": rank, "gold": _is_gold(hit, row["gold"]), "fate": _fate(rank, hit, row)}


def _fate(rank: int, hit: Json, row: Json) -> str:
    """Return what became of a hit on its way to the context."""
    if row["context"] is None:
        return ""
    for passage in row["context"]["passages"]:
        if passage["doc_id"] == hit["doc_id"] and any(_meet(hit, start, end) for start, end in passage["spans"]):
            return f"in the context [{passage['tag']}]"
    if row["hits_used"] is not None and rank > row["hits_used"]:
        return LOSS_OF_GATE["rerank"].told
    for item in row["context"].get("dropped", ()):
        if item["doc_id"] == hit["doc_id"] and _meet(hit, item["start"], item["end"]):
            return told(item["reason"])
    return ""


def _meet(hit: Json, start: int, end: int) -> bool:
    return bool(hit["start"] < end and start < hit["end"])


def _is_gold(hit: Json, gold: Json) -> bool:
    if not gold["spans"]:
        return hit["doc_id"] in gold["documents"]
    return any(hit["doc_id"] == span["doc_id"] and _meet(hit, span["start"], span["end"]) for span in gold["spans"])
