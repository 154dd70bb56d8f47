"""A corpus as the documents of a golden set, and the folder of a new set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from eval.files import utf8
from eval.golden import GoldenSet, load_golden
from eval.golden.new import NewCase
from eval.golden.rows import rows_text
from rag.errors import ConfigError
from rag.files import write_atomic
from rag.types import Document


def write_set(folder: Path, cases: Sequence[NewCase], documents: Iterable[Document]) -> GoldenSet:
    """Write a new golden set and read it back strictly.

    Raises:
        ConfigError: the folder holds something, or cannot be written.
        GoldenSetError: the cases do not fit the documents.
    """
    check_new(folder)
    write_documents(folder, documents)
    try:
        write_atomic(folder / "questions.jsonl", utf8(rows_text(cases)))
    except OSError as error:
        raise ConfigError(f"cannot write {folder}: {error.strerror}") from error
    return load_golden(folder)


def write_documents(folder: Path, documents: Iterable[Document]) -> None:
    """Write `documents.jsonl` into a folder, which is made: each document's id, title and clean text.

    Raises:
        ConfigError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / "documents.jsonl", utf8(documents_text(documents)))
    except OSError as error:
        raise ConfigError(f"cannot write {folder}: {error.strerror}") from error


def documents_text(documents: Iterable[Document]) -> str:
    """Return documents as lines of a `documents.jsonl`."""
    return rows_text({"doc_id": d.doc_id, "title": d.title, "text": d.text} for d in documents)


def check_new(folder: Path) -> None:
    """Check that nothing would be overwritten.

    Raises:
        ConfigError: the folder holds something, or is a file.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} is not empty; name a new folder")
