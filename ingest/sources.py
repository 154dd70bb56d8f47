"""What a user names becomes a list of documents to read: folders, files, globs, documents.jsonl, golden-set folders."""

from __future__ import annotations

import glob
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rag.errors import DocumentError, SourceError

_ROWS_NAME = "documents.jsonl"
_QUESTIONS_NAME = "questions.jsonl"
_GLOB_CHARS = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class RowPlace:
    """Where a row stands in its documents.jsonl: byte offset and length, and its line number from 1."""

    offset: int
    length: int
    line: int


@dataclass(frozen=True, slots=True)
class SourceItem:
    """One document to read: a file, or one row of a documents.jsonl.

    `hash` is the row's sha256, known from the scan; a file's is computed by `source_hash`.
    """

    doc_id: str
    path: Path
    row: RowPlace | None = None
    hash: str = ""

    @property
    def uri(self) -> str:
        """The file's URI; rows have their line as its fragment."""
        uri = self.path.absolute().as_uri()
        return f"{uri}#L{self.row.line}" if self.row else uri

    def source_hash(self) -> str:
        """Return the sha256 of the item's bytes, read as a stream.

        Raises:
            DocumentError: the file cannot be read.
        """
        if self.hash:
            return self.hash
        try:
            with self.path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise DocumentError(f"cannot be read: {error.strerror}") from error

    def read_row(self) -> dict[str, Any]:
        """Return the row's fields.

        Raises:
            DocumentError: the item is no row, or the file changed since it was scanned.
        """
        if self.row is None:
            raise DocumentError(f"{self.path.name} is a file, not a row")
        with self.path.open("rb") as file:
            file.seek(self.row.offset)
            data = file.read(self.row.length)
        if hashlib.sha256(data).hexdigest() != self.hash:
            raise DocumentError(f"{self.path.name} changed while it was ingested; run it again")
        row: dict[str, Any] = json.loads(data)
        return row


@dataclass(frozen=True, slots=True)
class SourceFailure:
    """Something in a source that is no document: a broken row (`file:line`), a folder that cannot be read."""

    name: str
    reason: str


@dataclass(slots=True)
class Sources:
    """All documents found, in the order of the sources, sorted by path inside each.

    `failures` name what could not be listed: while there are any, what vanished from a source cannot be told.
    `row_files` are the names that row failures start with.
    """

    items: list[SourceItem] = field(default_factory=list)
    failures: list[SourceFailure] = field(default_factory=list)
    row_files: list[str] = field(default_factory=list)


def resolve(sources: Sequence[str]) -> Sources:
    """List the documents of the sources.

    Raises:
        SourceError: a source is missing, unreadable or empty, or two documents share an id.
    """
    if not sources:
        raise SourceError("name at least one source: a folder, a file, a glob or a documents.jsonl")
    found = Sources()
    for source in sources:
        before = len(found.items) + len(found.failures)
        _resolve_one(source, found)
        if len(found.items) + len(found.failures) == before:
            raise SourceError(f"the source {source} holds no documents; check the path, or that it is not empty")
    _check_unique(found.items)
    return found


def _resolve_one(source: str, found: Sources) -> None:
    path = Path(source).expanduser()
    if path.is_dir():
        _add_folder(path, found)
    elif path.is_file():
        _add_file(path, path.name, found)
    elif not path.exists() and _GLOB_CHARS & set(source):
        _add_glob(str(path), found)
    elif not path.exists():
        raise SourceError(f"there is no {source}; check the path")
    else:
        raise SourceError(f"{source} is neither a file nor a folder")


def _add_folder(folder: Path, found: Sources) -> None:
    if not os.access(folder, os.R_OK | os.X_OK):
        raise SourceError(f"the folder {folder} cannot be read; check its permissions")
    if (folder / _QUESTIONS_NAME).is_file():
        if (folder / "docs").is_dir():
            folder = folder / "docs"
        elif (folder / _ROWS_NAME).is_file():
            _add_rows(folder / _ROWS_NAME, _ROWS_NAME, found)
            return
    for path in _walk(folder, folder, found):
        _add_file(path, path.relative_to(folder).as_posix(), found)


def _walk(folder: Path, root: Path, found: Sources) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError as error:
        found.failures.append(SourceFailure(folder.relative_to(root).as_posix() + "/", f"{error.strerror}"))
        return
    for path in entries:
        if path.name.startswith("."):
            continue
        if path.is_dir():
            # A linked folder may lead back to its parent.
            if not path.is_symlink():
                yield from _walk(path, root, found)
        # A link that leads nowhere is named as a failure; a pipe or device is no document and would never end.
        elif path.is_file() or (path.is_symlink() and not path.exists()):
            yield path


def _add_glob(pattern: str, found: Sources) -> None:
    base = Path(*_fixed_parts(pattern))
    paths = [Path(name) for name in sorted(glob.glob(pattern, recursive=True))]
    for path in paths:
        hidden = any(part.startswith(".") for part in path.relative_to(base).parts)
        if path.is_file() and not hidden:
            _add_file(path, path.relative_to(base).as_posix(), found)


def _fixed_parts(pattern: str) -> Iterator[str]:
    for part in Path(pattern).parts:
        if _GLOB_CHARS & set(part):
            return
        yield part


def _add_file(path: Path, doc_id: str, found: Sources) -> None:
    if path.name == _ROWS_NAME or (path.suffix == ".jsonl" and doc_id == path.name and "/" not in doc_id):
        _add_rows(path, doc_id, found)
        return
    try:
        doc_id.encode("utf-8")
    except UnicodeEncodeError:
        shown = doc_id.encode("utf-8", "backslashreplace").decode("ascii", "replace")
        found.failures.append(SourceFailure(shown, "its file name is not valid UTF-8; rename it"))
        return
    found.items.append(SourceItem(doc_id, path))


def _add_rows(path: Path, name: str, found: Sources) -> None:
    found.row_files.append(name)
    try:
        with path.open("rb") as file:
            offset = 0
            for number, line in enumerate(file, start=1):
                if line.strip():
                    _add_row(path, name, RowPlace(offset, len(line), number), line, found)
                offset += len(line)
    except OSError as error:
        found.failures.append(SourceFailure(name, f"cannot be read: {error.strerror}"))


def _add_row(path: Path, name: str, place: RowPlace, line: bytes, found: Sources) -> None:
    try:
        row = json.loads(line)
        problem = _row_problem(row)
    except (ValueError, RecursionError) as error:
        problem = f"it is no JSON: {' '.join(str(error).split())}"
    if problem:
        found.failures.append(SourceFailure(f"{name}:{place.line}", problem))
        return
    found.items.append(SourceItem(row["doc_id"], path, place, hashlib.sha256(line).hexdigest()))


def _row_problem(row: Any) -> str:
    if not isinstance(row, dict):
        return "a row must be an object with doc_id, title and text"
    doc_id = row.get("doc_id")
    if not isinstance(doc_id, str) or not doc_id.strip():
        return "its field 'doc_id' must be a non-empty string"
    try:
        doc_id.encode("utf-8")
    except UnicodeEncodeError:
        return "its field 'doc_id' holds broken Unicode"
    return ""


def _check_unique(items: Sequence[SourceItem]) -> None:
    seen: dict[str, SourceItem] = {}
    for item in items:
        other = seen.setdefault(item.doc_id, item)
        if other is not item:
            raise SourceError(
                f"two documents share the id {item.doc_id!r}: {_place(other)} and {_place(item)};"
                " ingest them into two corpora, or from a folder above both"
            )


def _place(item: SourceItem) -> str:
    return f"{item.path}:{item.row.line}" if item.row else str(item.path)
