"""Lines of `rows.jsonl` made by hand."""

from __future__ import annotations

from typing import Any

from rag.shapes.rows import RowJson

NEEDED: dict[str, Any] = {"id": "1", "cluster": "1", "tags": [], "broken": None, "metrics": {}}
HIT = {"doc_id": "d", "start": 0, "end": 9, "score": 1.0}
PASSAGE = {"tag": 1, "doc_id": "d", "title": "", "start": 0, "end": 9, "spans": [[0, 9]], "text": "x" * 9, "tokens": 2}
CITED = {
    "tag": 1, "doc_id": "d", "title": "", "uri": "", "start": 0, "end": 9, "quote": "x" * 9, "support_score": 0.9,
    "supported": True,
}  # fmt: skip


def line(fields: dict[str, Any]) -> RowJson:
    """Return a row with these keys, and with the few that none may lack."""
    return RowJson.model_validate(NEEDED | fields)
