"""What a user names becomes a list of documents to read. One file per kind of source; `KINDS` chooses it by scheme."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib import import_module

from ingest.sources.fetcher import Reach
from ingest.sources.formats import extension
from ingest.sources.globs import matches
from ingest.sources.items import Fetched, Known, RowPlace, SourceFailure, SourceItem, Sources
from ingest.sources.named import Source, SourceKey, named, scheme_of
from rag.errors import DocumentError, SourceError

__all__ = [
    "KINDS",
    "Fetched",
    "Known",
    "Reach",
    "RowPlace",
    "Source",
    "SourceFailure",
    "SourceItem",
    "SourceKey",
    "Sources",
    "named",
    "resolve",
]

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


def resolve(sources: Sequence[str | Source], reach: Reach | None = None, *, tolerant: bool = False) -> Sources:
    """List the documents of the sources, each source once.

    Two documents of one source that share an id are one document and a failure. Whose an id is that two sources have
    is not decided here. A `tolerant` listing makes a failure of a source that cannot be listed, and goes on.

    Raises:
        SourceError: a source is missing, unreadable or empty.
        ConfigError: the driver of a store is not installed.
    """
    if not sources:
        raise SourceError("name at least one source: a folder, a file, a glob, an archive, a documents.jsonl or a URL")
    found = Sources()
    for source in {x.key: x for x in (named(x) if isinstance(x, str) else x for x in reversed(sources))}.values():
        found.named.insert(0, source)
    for source in found.named:
        try:
            found.add(_listed(source, reach or Reach()))
        except SourceError as error:
            if not tolerant:
                raise
            found.failures.append(SourceFailure(source.key.location, str(error), source.key))
    found.unsure = {failure.source for failure in found.failures} if tolerant else set()
    return found


def _listed(source: Source, reach: Reach) -> Sources:
    listed = Sources()
    _kind(source.spelling)(source.spelling, listed, reach)
    if not listed.count:
        why = listed.why_empty or "; ".join(listed.warnings) or "check the path, or that it is not empty"
        raise SourceError(f"the source {source.spelling} holds no documents; {why}")
    chosen = _of_source(source, listed)
    if not chosen.count and chosen.skipped:
        told = ", ".join(f"{count} {name}" for name, count in sorted(chosen.skipped.items()))
        raise SourceError(
            f"the source {source.spelling} holds no format that is read, only {told};"
            " name an extension in --include (as '*.ext') to read it as text"
        )
    if not chosen.count:
        raise SourceError(f"--include and --exclude leave no document of {source.spelling}; check the globs")
    return chosen


def _of_source(source: Source, listed: Sources) -> Sources:
    """Return what is left of a listing by the source's globs, under its ids."""
    key, excluded = source.key, source.exclude
    wanted = [item for item in listed.items if _wanted(item.doc_id, source)]
    asked_for = {extension(glob) for glob in (source.spelling, *source.include)}
    skipped = Counter(item.unlisted for item in wanted if item.unlisted and item.unlisted not in asked_for)
    items = (item for item in wanted if item.unlisted not in skipped)
    return Sources(
        items=[replace(item, doc_id=key.id_of(item.doc_id), source=key) for item in _each_id_once(items)],
        failures=[
            # A folder that cannot be listed may hold what is included, so that only an exclude takes it out.
            SourceFailure(key.id_of(failure.name), failure.reason, key)
            for failure in listed.failures
            if not matches(failure.name, excluded)
        ],
        row_files=[key.id_of(name) for name in listed.row_files],
        warnings=listed.warnings,
        skipped=skipped,
    )


def _wanted(name: str, source: Source) -> bool:
    return (not source.include or matches(name, source.include)) and not matches(name, source.exclude)


def _each_id_once(items: Iterator[SourceItem]) -> Iterator[SourceItem]:
    seen: dict[str, SourceItem] = {}
    for item in items:
        first = seen.setdefault(item.doc_id, item)
        if first is item:
            yield item
        elif _place(first) != _place(item):  # a glob with two ** names a file twice
            reason = f"its id {item.doc_id} was used by {_place(first)}; rename one of the two"
            yield SourceItem(_place(item), item.path, error=DocumentError(reason))


def _place(item: SourceItem) -> str:
    if item.row:
        return f"{item.row.file}:{item.row.line}"
    return item.address or str(item.path)


def _kind(source: str) -> AddSource:
    scheme = scheme_of(source)
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
