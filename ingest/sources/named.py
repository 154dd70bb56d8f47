"""What a user names as a source, and how it is known again: by where it is, and by the prefix of its ids."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ingest.sources.addresses import plain_url
from rag.errors import ConfigError

UPLOAD = "upload"
"""The location of what is sent over HTTP. A path is stored absolute and a URL has a scheme, so nothing else is so."""

ROWS_NAME = "documents.jsonl"
QUESTIONS_NAME = "questions.jsonl"
GLOB_CHARS = frozenset("*?[")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)(?:://|::)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class SourceKey:
    """What tells two sources of a corpus apart: the resolved location, and the prefix ("" or `a/b`)."""

    location: str
    prefix: str = ""

    def __str__(self) -> str:
        return f"{self.location} (prefix {self.prefix})" if self.prefix else self.location

    def id_of(self, name: str) -> str:
        """Return the id of the document that the source knows by a name."""
        return f"{self.prefix}/{name}" if self.prefix else name

    def name_of(self, doc_id: str) -> str | None:
        """Return the name in the source of what would have this id; None if the prefix does not fit."""
        if not self.prefix:
            return doc_id
        start = self.prefix + "/"
        return doc_id.removeprefix(start) if doc_id.startswith(start) else None


NOWHERE = SourceKey("")
"""The source of what was not listed by `resolve`."""


@dataclass(frozen=True, slots=True)
class Source:
    """A source and how it is read: `spelling` as it was written, `include` and `exclude` as globs on its names."""

    key: SourceKey
    spelling: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


def named(spelling: str, prefix: str = "", include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> Source:
    """Return the source that a user named.

    Raises:
        ConfigError: the prefix cannot start an id.
    """
    return Source(SourceKey(located(spelling), checked_prefix(prefix)), spelling, include, exclude)


def checked_prefix(prefix: str) -> str:
    """Return a prefix without the slash that follows it.

    Raises:
        ConfigError: it cannot start an id.
    """
    plain = prefix.strip("/")
    if (prefix and not plain.strip()) or _CONTROL.search(plain) or {".", ".."} & set(plain.split("/")):
        raise ConfigError(f"--prefix {prefix!r} cannot start an id; name it with letters, as in --prefix handbook")
    return plain


def scheme_of(spelling: str) -> str:
    """Return the scheme of a URL, "" for a path."""
    match = _SCHEME.match(spelling)
    return match.group(1).lower() if match else ""


def located(spelling: str) -> str:
    """Return where a source is, the same for every spelling: an absolute path without links, or a plain URL."""
    scheme = scheme_of(spelling)
    if scheme in {"", "file"}:
        path = unquote(urlsplit(spelling).path) if scheme else spelling
        return str(_real_path(Path(path).expanduser()))
    if scheme in {"http", "https"}:
        return plain_url(spelling) or spelling
    return spelling.rstrip("/")


def is_local(location: str) -> bool:
    """Say whether a location is a path of this machine."""
    return location.startswith("/")


def fixed_parts(pattern: str) -> Iterator[str]:
    """Yield the parts of a glob before the first that has a sign in it."""
    for part in Path(pattern).parts:
        if GLOB_CHARS & set(part):
            return
        yield part


def folder_of_documents(folder: Path) -> Path:
    """Return what is read of a folder: of a golden set its `docs/` or its row file."""
    if (folder / QUESTIONS_NAME).is_file():
        for part in (folder / "docs", folder / ROWS_NAME):
            if part.is_dir() or part.is_file():
                return part
    return folder


def _real_path(path: Path) -> Path:
    if path.is_dir():
        return folder_of_documents(path).resolve()
    if path.exists() or not GLOB_CHARS & set(str(path)):
        return path.resolve()
    fixed = Path(*fixed_parts(str(path)))
    return fixed.resolve() / path.relative_to(fixed)
