"""What a listing gives: documents to read, and what could not be listed."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ingest.sources.named import NOWHERE, Source, SourceKey
from ingest.sources.sidecars import Beside
from rag.errors import DocumentError
from rag.types import Metadata


@dataclass(frozen=True, slots=True)
class RowPlace:
    """Where a row stands in its documents.jsonl: byte offset and length, line number from 1, the file's name."""

    offset: int
    length: int
    line: int
    file: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What was remembered of an address: the store's marks of the version, and the sha256 of its bytes."""

    etag: str
    last_modified: str
    source_hash: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document that was brought here: its bytes in `path`, their sha256, where they really came from, its marks.

    `metadata` is what the sender said about it, weaker than what the document says itself.
    """

    path: Path
    source_hash: str
    uri: str
    etag: str = ""
    last_modified: str = ""
    metadata: Metadata = field(default_factory=dict)


class Origin(Protocol):
    """Where the bytes of a document are, when they are in no file of their own on this machine."""

    @property
    def uri(self) -> str:
        """Its address."""
        ...

    @property
    def version(self) -> str:
        """What tells one content of the address from another unread; "" where only a request can tell."""
        ...

    def fetch(self, known: Known | None, folder: Path) -> Fetched | None:
        """Write the bytes to a file in `folder`; None if they are still those of `known`.

        Raises:
            DocumentError: they cannot be had (GoneError: they are there no more).
        """
        ...


@dataclass(frozen=True, slots=True)
class SourceItem:
    """One document to read: a file, one row of a documents.jsonl, or something that must be fetched first.

    `hash` is what is known of the sha256 of its bytes without reading them: a row's, or that of what was fetched.
    `address` is its URI where that is not the file's; `beside` what sidecars say of it;
    `sent` what the sender of the bytes said, which counts least; `error` why it cannot be read. `source` has it.
    `unlisted` names its format where that is none that is read (`ingest.sources.formats`).
    """

    doc_id: str
    path: Path
    row: RowPlace | None = None
    hash: str = ""
    address: str = ""
    beside: Beside = Beside()
    sent: Metadata = field(default_factory=dict)
    origin: Origin | None = None
    error: DocumentError | None = None
    source: SourceKey = NOWHERE
    unlisted: str = ""

    @property
    def uri(self) -> str:
        """Its address; a file's URI, to which rows add their line as the fragment."""
        uri = self.address or self.path.absolute().as_uri()
        return f"{uri}#L{self.row.line}" if self.row else uri

    def source_hash(self) -> str:
        """Return the sha256 of the item's bytes, read as a stream, and of what sidecars say of it.

        Raises:
            DocumentError: the file cannot be read.
        """
        if self.error:
            raise self.error
        return self.beside.digest(self.hash or self._file_hash())

    def _file_hash(self) -> str:
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
        row: dict[str, Any] = json.loads(data, parse_float=_Written)
        return row


_LEFT_BEHIND = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini", "Desktop.ini"})


class _Written(float):
    """A number that is shown as it was written: 1.10 stays 1.10."""

    def __new__(cls, text: str) -> _Written:
        number = super().__new__(cls, text)
        number._text = text
        return number

    _text: str

    def __str__(self) -> str:
        return self._text


@dataclass(frozen=True, slots=True)
class SourceFailure:
    """Something in a source that is no document: a broken row (`file:line`), a folder that cannot be read."""

    name: str
    reason: str
    source: SourceKey = NOWHERE


@dataclass(slots=True)
class Sources:
    """All documents found, in the order of the sources, sorted by path inside each.

    `failures` name what could not be listed: while there are any, what vanished from a source cannot be told.
    `row_files` are the names of lists (row files, archives, sitemaps), which failures of listing start with.
    `warnings` say what was left out on purpose, `skipped` how many files of each format that is not read. `named` are
    the sources themselves, `unsure` those among them that a tolerant listing could not list whole, so that nothing is
    taken for gone from them. `why_empty` says why a source holds nothing, where that is known.
    """

    items: list[SourceItem] = field(default_factory=list)
    failures: list[SourceFailure] = field(default_factory=list)
    row_files: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    named: list[Source] = field(default_factory=list)
    why_empty: str = ""
    unsure: set[SourceKey] = field(default_factory=set)

    @property
    def count(self) -> int:
        """How many things were found, failures included."""
        return len(self.items) + len(self.failures)

    def add(self, listed: Sources) -> None:
        """Take over what was found in one source."""
        self.items += listed.items
        self.failures += listed.failures
        self.row_files += listed.row_files
        self.warnings += listed.warnings
        self.skipped += listed.skipped


def shown(name: str) -> str:
    """Return a name that may hold bytes that are no text as one that can be printed and stored."""
    return name.encode("utf-8", "backslashreplace").decode("ascii", "backslashreplace") if not is_text(name) else name


def is_text(name: str) -> bool:
    """Say whether a name can be stored: it holds no lone surrogates."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def is_hidden(name: str) -> bool:
    """Say whether a part of a path is hidden, or what a system or program leaves beside documents.

    `~$report.docx` is there while Office has report.docx open, `__MACOSX` in archives of Macs.
    """
    return any(_is_no_document(part) for part in name.split("/"))


def _is_no_document(part: str) -> bool:
    if part.startswith("."):
        return part not in {".", ".."}
    return part.startswith("~$") or part in _LEFT_BEHIND


def failing(doc_id: str, reason: str, path: Path = Path(), unlisted: str = "") -> SourceItem:
    """Return a document that is there but cannot be read: it keeps the version that readers have."""
    return SourceItem(shown(doc_id), path, error=DocumentError(reason), unlisted=unlisted)
