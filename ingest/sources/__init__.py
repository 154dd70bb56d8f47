"""What a user names becomes a list of documents to read. One file per kind of source; `KINDS` chooses it by scheme."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from importlib import import_module

from ingest.sources.items import Fetched, Known, RowPlace, SourceFailure, SourceItem, Sources
from ingest.sources.reach import Reach
from rag.errors import SourceError

__all__ = ["KINDS", "Fetched", "Known", "Reach", "RowPlace", "SourceFailure", "SourceItem", "Sources", "resolve"]

AddSource = Callable[[str, Sources, Reach], None]

KINDS: dict[str, str] = {
    "": "local:add_local",
    "file": "local:add_file_url",
    "http": "web:add_web",
    "https": "web:add_web",
    "s3": "stores:add_store",
    "gs": "stores:add_store",
    "az": "stores:add_store",
    "memory": "stores:add_store",
}
"""Scheme ("" for paths) -> `module:function` of this package. Any other that fsspec knows is read as a store."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)(?:://|::)")


def resolve(sources: Sequence[str], reach: Reach | None = None) -> Sources:
    """List the documents of the sources.

    Raises:
        SourceError: a source is missing, unreadable or empty, or two documents share an id.
        ConfigError: the driver of a store is not installed.
    """
    if not sources:
        raise SourceError("name at least one source: a folder, a file, a glob, an archive, a documents.jsonl or a URL")
    found = Sources()
    for source in sources:
        before = found.count
        _kind(source)(source, found, reach or Reach())
        if found.count == before:
            raise SourceError(f"the source {source} holds no documents; check the path, or that it is not empty")
    _check_unique(found.items)
    return found


def _kind(source: str) -> AddSource:
    match = _SCHEME.match(source)
    scheme = match.group(1).lower() if match else ""
    module, _, function = (KINDS.get(scheme) or _store(scheme, source)).partition(":")
    add: AddSource = getattr(import_module(f"ingest.sources.{module}"), function)
    return add


def _store(scheme: str, source: str) -> str:
    from ingest.sources.stores import known_schemes

    if scheme not in known_schemes():
        raise SourceError(
            f"there is no kind of source {scheme!r} ({source}); name a path, or a URL with one of:"
            f" {', '.join(sorted(filter(None, KINDS)))}, or another scheme that fsspec has a driver for"
        )
    return KINDS["s3"]


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
    if item.address:
        return item.address
    return f"{item.path}:{item.row.line}" if item.row else str(item.path)
