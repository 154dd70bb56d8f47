"""Sets of other tools become golden-set folders: `IMPORTERS` maps a format to its reader. One format, one file.

A reader takes a path and returns cases and documents; `import_set` writes the folder and reads it back strictly, so
that what was imported is known to fit. What a format says that a golden set cannot hold is counted in `left_out`.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from eval.golden import GoldenSet, load_golden
from eval.golden.export import check_new
from eval.golden.new import NewCase, NewSpan
from eval.golden.places import places
from eval.golden.rows import DocumentRow, rows_text
from rag.errors import ConfigError, GoldenSetError, UnknownKeyError

IMPORTERS: dict[str, str] = {
    "promptfoo": "promptfoo:read",
    "ragas": "ragas_rows:read",
    "beir": "beir:read",
    "trec": "trec_files:read",
}
"""Format -> `module:function` of this package."""


@dataclass(frozen=True, slots=True)
class Imported:
    """Cases and documents of another tool, and what was left out, by reason."""

    cases: Sequence[NewCase]
    documents: Sequence[DocumentRow] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)


Reader = Callable[[Path, Mapping[str, str]], Imported]
"""Called with what was named and the texts of the documents at hand (doc_id -> text)."""


def import_set(format: str, source: Path, out: Path, documents: Path | None = None) -> tuple[GoldenSet, dict[str, int]]:
    """Write the golden set of another tool's files to `out`; return it and what was left out, by reason.

    `documents` (a folder or a documents.jsonl) is copied into the set; without it the format's own documents are used.

    Raises:
        UnknownKeyError: there is no such format.
        GoldenSetError: a file is missing or malformed, or the result is no golden set.
        ConfigError: `out` exists, or the set has no documents.
    """
    if format not in IMPORTERS:
        raise UnknownKeyError("import format", format, IMPORTERS)
    check_new(out)
    module, _, function = IMPORTERS[format].partition(":")
    reader: Reader = getattr(import_module(f"eval.golden.imports.{module}"), function)
    found = reader(source, texts_of(documents) if documents else {})
    if not found.cases:
        why = "; ".join(f"{count} {reason}" for reason, count in sorted(found.left_out.items()))
        raise GoldenSetError(f"{source} holds no case{f': {why}' if why else ''}")
    out.mkdir(parents=True, exist_ok=True)
    _write_documents(out, found.documents, documents)
    _write_rows(out / "questions.jsonl", found.cases)
    return load_golden(out), dict(found.left_out)


def texts_of(documents: Path) -> dict[str, str]:
    """Return the clean texts of a documents.jsonl or of a folder's text files, by doc_id.

    Raises:
        GoldenSetError: the file is malformed.
    """
    if documents.is_file():
        return {str(row["doc_id"]): str(row["text"]) for row in read_jsonl(documents)}
    files = (path for path in sorted(documents.rglob("*")) if path.suffix.lower() in {".md", ".txt"})
    return {path.relative_to(documents).as_posix(): path.read_text(encoding="utf-8-sig") for path in files}


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a JSON-lines file.

    Raises:
        GoldenSetError: it cannot be read, or a line is no JSON object.
    """
    rows = []
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise GoldenSetError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise GoldenSetError(f"{path.name}:{number}: not a JSON object: {error}") from error
        if not isinstance(row, dict):
            raise GoldenSetError(f"{path.name}:{number}: not a JSON object but {type(row).__name__}")
        rows.append(row)
    return rows


def place(text: str, documents: Mapping[str, str]) -> NewSpan | None:
    """Return the gold span of a passage: the first document that holds it, else the first that has its words.

    Tools that cut documents join lines and runs of spaces; the span's text is the document's own.
    """
    for doc_id, body in documents.items():
        start = body.find(text)
        if start >= 0:
            return NewSpan(doc_id, start, start + len(text), text)
    for doc_id, body in documents.items():
        for start, end in places(text.strip(), body)[:1]:
            return NewSpan(doc_id, start, end, body[start:end])
    return None


def count(reasons: Iterable[str]) -> dict[str, int]:
    """Return how often each reason was given."""
    return dict(Counter(reasons))


def _write_documents(out: Path, rows: Sequence[DocumentRow], documents: Path | None) -> None:
    if documents is not None and documents.is_dir():
        shutil.copytree(documents, out / "docs")
    elif documents is not None:
        shutil.copyfile(documents, out / "documents.jsonl")
    elif rows:
        _write_rows(out / "documents.jsonl", rows)
    else:
        raise ConfigError("this format carries no documents: name them with --documents (a folder or documents.jsonl)")


def _write_rows(path: Path, rows: Sequence[NewCase] | Sequence[DocumentRow]) -> None:
    path.write_text(rows_text(rows), encoding="utf-8")
