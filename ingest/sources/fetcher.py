"""Brings documents from elsewhere to this machine, one when it is needed, and remembers what they were.

Workers are other processes and read files, so that whatever is fetched passes through a spool folder: a file is
removed when its document was made.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from ingest.sources.items import Fetched, Known, SourceItem
from ingest.sources.spool import spool_folder
from rag.errors import ConfigError, DocumentError, StateError
from rag.settings import FetchSettings

if TYPE_CHECKING:
    from ingest.sources.http import Web

MB = 1024 * 1024
_KEPT_BYTES = 512 * MB
_STEM_CHARS = 48
_SUFFIX_CHARS = 16
_Made = TypeVar("_Made", bound="HasDocId")


class HasDocId(Protocol):
    """What came of a document."""

    @property
    def doc_id(self) -> str:
        """The document's id."""
        ...


class Memory(Protocol):
    """What earlier runs fetched into the corpus, by address."""

    def get(self, uri: str) -> Known | None:
        """Return what is remembered of an address."""
        ...

    def record(self, uri: str, known: Known) -> None:
        """Remember it."""
        ...


class Reach:
    """What one run can reach beyond the files of this machine; close it to empty the spool."""

    def __init__(
        self, settings: FetchSettings | None = None, spool: Path | None = None, memory: Memory | None = None
    ) -> None:
        self.settings = settings or FetchSettings()
        self._spool = spool
        self._memory = memory
        self._stack = ExitStack()
        self._ready: dict[str, Fetched] = {}
        self._sizes: dict[str, int] = {}
        self._number = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def closing(self, close: Callable[[], object]) -> None:
        """Call `close` when the run ends."""
        self._stack.callback(close)

    @cached_property
    def web(self) -> Web:
        """The web, as the settings let us read it."""
        from ingest.sources.http import Web

        web = Web(self.settings)
        self.closing(web.close)
        return web

    def folder(self) -> Path:
        """Return a new empty folder in the spool."""
        self._number += 1
        folder = self._spool_folder / str(self._number)
        folder.mkdir()
        return folder

    @cached_property
    def _spool_folder(self) -> Path:
        if self._spool is None:
            raise ConfigError("sources that must be fetched need a spool folder; give Reach one")
        return self._stack.enter_context(spool_folder(self._spool))

    def source_hash(self, item: SourceItem, current: Collection[str], needed: bool) -> str:
        """Return the hash of a document's source, asking for its bytes only where nothing less can tell.

        `current` are the hashes with which nothing has to be done: "unchanged" is taken as an answer for those only.
        "" where the hash is not known before the document is fetched, and is not `needed`.

        Raises:
            DocumentError: it cannot be read (GoneError: it is there no more).
        """
        origin = item.origin
        if origin is None or item.error:
            return item.source_hash()
        known = self._memory.get(origin.uri) if self._memory is not None else None
        told = item.beside.digest(known.source_hash) if known else ""
        if known and origin.version and origin.version == known.etag:
            return told
        if not needed:
            return ""
        fetched = self._fetch(item, known if told in current else None)
        if fetched is None:
            return told
        if item.beside.digest(fetched.source_hash) in current or not self._keep(item.doc_id, fetched):
            shutil.rmtree(fetched.path.parent, ignore_errors=True)
        return item.beside.digest(fetched.source_hash)

    def brought(self, items: Iterable[SourceItem], hashes: dict[str, str]) -> Iterator[SourceItem]:
        """Yield each item as a file of this machine, fetched when it is asked for; its hash goes into `hashes`."""
        for item in items:
            here = self._bring(item)
            if here.hash:
                hashes[item.doc_id] = here.beside.digest(here.hash)
            yield here

    def emptied(self, outcomes: Iterable[_Made]) -> Iterator[_Made]:
        """Yield what came of documents, and remove what was fetched for each."""
        for outcome in outcomes:
            self._release(outcome.doc_id)
            yield outcome

    def _bring(self, item: SourceItem) -> SourceItem:
        if item.origin is None or item.error:
            return replace(item, origin=None)
        try:
            fetched = self._ready.get(item.doc_id) or self._fetch(item, None)
        except DocumentError as error:
            return replace(item, origin=None, error=error)
        assert fetched is not None
        self._ready[item.doc_id] = fetched
        here = replace(item, origin=None, path=fetched.path, hash=fetched.source_hash)
        return replace(here, address=fetched.uri, sent=fetched.metadata)

    def _fetch(self, item: SourceItem, known: Known | None) -> Fetched | None:
        assert item.origin is not None
        folder = self.folder()
        fetched = None
        try:
            fetched = item.origin.fetch(known, folder)
        finally:
            if fetched is None:
                shutil.rmtree(folder, ignore_errors=True)
        if fetched and self._memory is not None:
            self._memory.record(item.origin.uri, Known(fetched.etag, fetched.last_modified, fetched.source_hash))
        return fetched

    def _keep(self, doc_id: str, fetched: Fetched) -> bool:
        """Keep what was fetched to compare it, while there is room; what finds none is fetched again."""
        size = fetched.path.stat().st_size
        if sum(self._sizes.values()) + size > _KEPT_BYTES:
            return False
        self._sizes[doc_id] = size
        self._ready[doc_id] = fetched
        return True

    def _release(self, doc_id: str) -> None:
        fetched = self._ready.pop(doc_id, None)
        if fetched:
            self._sizes.pop(doc_id, None)
            shutil.rmtree(fetched.path.parent, ignore_errors=True)


def save(pieces: Generator[bytes], path: Path, limit_mb: int) -> str:
    """Write the pieces to a file as they come and return their sha256.

    Raises:
        DocumentError: they are more than the limit.
        StateError: the disk is full.
    """
    digest, size = hashlib.sha256(), 0
    with closing(pieces), path.open("wb", buffering=0) as file:
        for piece in pieces:
            size += len(piece)
            if size > limit_mb * MB:
                raise DocumentError(f"it is larger than {limit_mb} MB; raise ingest.fetch.max_file_mb or leave it out")
            digest.update(piece)
            try:
                file.write(piece)
            except OSError as error:
                raise StateError(f"cannot write to {path}: {error.strerror}; free some space") from error
    return digest.hexdigest()


def file_name(name: str) -> str:
    """Return a short, plain name for a file in the spool that keeps the extension and what a title is taken from."""
    plain = "".join(char for char in name if char.isprintable() and char not in "/\\:")
    suffix = PurePosixPath(plain).suffix
    suffix = suffix if suffix.isascii() and len(suffix) <= _SUFFIX_CHARS else ""
    return (plain.removesuffix(suffix)[:_STEM_CHARS].strip(" .") or "document") + suffix
