"""Rows of a documents.jsonl: one document a line."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingest.sources.items import RowPlace, SourceFailure, SourceItem, Sources, is_text
from ingest.sources.sidecars import Beside
from rag.errors import DocumentError

_SNIFFED_BYTES = 1024 * 1024


def add_rows(path: Path, name: str, found: Sources, beside: Beside) -> None:
    """Add the rows of a file; broken ones, and those whose id an earlier row has, are failures `name:line`."""
    found.row_files.append(name)
    rows = _Rows(path, name, found, beside)
    try:
        with path.open("rb") as file:
            offset = 0
            for number, line in enumerate(file, start=1):
                if line.strip():
                    rows.add(RowPlace(offset, len(line), number, name), line)
                offset += len(line)
    except OSError as error:
        found.failures.append(SourceFailure(name, f"cannot be read: {error.strerror}"))


def holds_rows(path: Path) -> bool:
    """Say whether a .jsonl file of another name is meant as rows: its first line is one."""
    try:
        with path.open("rb") as file:
            first = next((line for line in iter(lambda: file.readline(_SNIFFED_BYTES), b"") if line.strip()), b"")
        row = json.loads(first)
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(row, dict) and {"doc_id", "text"} <= row.keys()


@dataclass(slots=True)
class _Rows:
    path: Path
    name: str
    found: Sources
    beside: Beside
    lines: dict[str, int] = field(default_factory=dict)

    def add(self, place: RowPlace, line: bytes) -> None:
        try:
            row = json.loads(line)
            problem = _row_problem(row)
        except (ValueError, RecursionError) as error:
            problem = f"it is no JSON: {' '.join(str(error).split())}"
        failed = f"{self.name}:{place.line}"
        if problem:
            self.found.failures.append(SourceFailure(failed, problem))
            return
        first = self.lines.setdefault(row["doc_id"], place.line)
        if first != place.line:
            # All ids are known, so that it can still be told what vanished: this is no failure of listing.
            used = DocumentError(f"doc_id {row['doc_id']} was used in line {first}")
            self.found.items.append(SourceItem(failed, self.path, error=used))
            return
        digest = hashlib.sha256(line).hexdigest()
        self.found.items.append(SourceItem(row["doc_id"], self.path, place, digest, beside=self.beside))


def _row_problem(row: Any) -> str:
    if not isinstance(row, dict):
        return "a row must be an object with doc_id, title and text"
    doc_id = row.get("doc_id")
    if not isinstance(doc_id, str) or not doc_id.strip():
        return "its field 'doc_id' must be a non-empty string"
    return "" if is_text(doc_id) else "its field 'doc_id' holds broken Unicode"
