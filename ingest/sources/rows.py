"""Rows of a documents.jsonl: one document a line."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ingest.sources.beside import Beside
from ingest.sources.items import RowPlace, SourceFailure, SourceItem, Sources, is_text

ROWS_NAME = "documents.jsonl"


def add_rows(path: Path, name: str, found: Sources, beside: Beside) -> None:
    """Add the rows of a file; broken ones are failures `name:line`."""
    found.row_files.append(name)
    try:
        with path.open("rb") as file:
            offset = 0
            for number, line in enumerate(file, start=1):
                if line.strip():
                    _add_row(path, name, RowPlace(offset, len(line), number), line, found, beside)
                offset += len(line)
    except OSError as error:
        found.failures.append(SourceFailure(name, f"cannot be read: {error.strerror}"))


def _add_row(path: Path, name: str, place: RowPlace, line: bytes, found: Sources, beside: Beside) -> None:
    try:
        row = json.loads(line)
        problem = _row_problem(row)
    except (ValueError, RecursionError) as error:
        problem = f"it is no JSON: {' '.join(str(error).split())}"
    if problem:
        found.failures.append(SourceFailure(f"{name}:{place.line}", problem))
        return
    found.items.append(SourceItem(row["doc_id"], path, place, hashlib.sha256(line).hexdigest(), beside=beside))


def _row_problem(row: Any) -> str:
    if not isinstance(row, dict):
        return "a row must be an object with doc_id, title and text"
    doc_id = row.get("doc_id")
    if not isinstance(doc_id, str) or not doc_id.strip():
        return "its field 'doc_id' must be a non-empty string"
    return "" if is_text(doc_id) else "its field 'doc_id' holds broken Unicode"
