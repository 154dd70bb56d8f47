"""Object stores and everything else that fsspec reads. The only file that imports it, when such a source is named."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from ingest.partition.clean import clip, one_line
from ingest.sources.fetcher import Reach, file_name, save
from ingest.sources.formats import unlisted
from ingest.sources.items import Fetched, Known, SourceFailure, SourceItem, Sources, failing, is_hidden, is_text, shown
from ingest.sources.named import ROWS_NAME
from ingest.sources.sidecars import BesideFiles, is_beside, orphans
from rag.errors import ConfigError, DocumentError, FetchError, GoneError, SourceError

_GLOB_CHARS = frozenset("*?[")
_PIECE_BYTES = 1024 * 1024
_CHECKSUMS = ("ETag", "etag", "md5Hash", "content_md5", "md5", "checksum", "sha256", "generation")
_UNREAD = (".zip",)
# Drivers raise what their own clients raise, so that nothing narrower can be caught.
_ANY = Exception


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as the origin of a document; `version` is the store's own checksum of it, if it keeps one."""

    uri: str
    version: str
    store: Any
    key: str
    max_file_mb: int

    def fetch(self, known: Known | None, folder: Path) -> Fetched | None:
        """Copy the object to a file in `folder`.

        Raises:
            DocumentError: it cannot be read (GoneError: it is no more; FetchError: perhaps later).
        """
        target = folder / file_name(PurePosixPath(self.key).name)
        return Fetched(target, save(self._pieces(), target, self.max_file_mb), self.uri, self.version)

    def _pieces(self) -> Generator[bytes]:
        try:
            with self.store.open(self.key, "rb") as file:
                while piece := file.read(_PIECE_BYTES):
                    yield piece
        except FileNotFoundError as error:
            raise GoneError("it is gone from the store") from error
        except _ANY as error:
            raise FetchError(f"the store failed: {_told(error)}; run it again later") from error


def add_store(source: str, found: Sources, reach: Reach) -> None:
    """Add the documents below an address of a store, one object, or those that a glob matches.

    Raises:
        ConfigError: the driver of the store is not installed.
        SourceError: the address cannot be used.
    """
    store, root = _opened(source)
    try:
        listed = _listed(store, root)
    except _ANY as error:
        reason = f"the store cannot be listed: {_told(error)}; check the address and the credentials"
        found.failures.append(SourceFailure(source, reason))
        found.row_files.append(source)
        return
    base = _base(root, listed)
    names = {_relative(key, base): info for key, info in listed.items()}
    place = _Place(store, reach.settings.max_file_mb, base)
    place.add({name: info for name, info in names.items() if not is_hidden(name)}, found)


@dataclass(frozen=True, slots=True)
class _Place:
    store: Any
    max_file_mb: int
    base: str

    def add(self, names: Mapping[str, Mapping[str, Any]], found: Sources) -> None:
        """Add every object that is a document, in the order of their names."""
        beside = BesideFiles(lambda name: self._sidecar(name) if name in names else None)
        found.warnings += orphans(names.keys())
        for name, info in sorted(names.items()):
            if not is_text(name):
                found.failures.append(SourceFailure(shown(name), "its name is no UTF-8; rename it"))
            elif PurePosixPath(name).name == ROWS_NAME or name.lower().endswith(_UNREAD):
                found.items.append(failing(name, "archives and row files are read from this machine; copy it here"))
            elif not is_beside(name):
                found.items.append(self._item(name, info, beside))

    def _item(self, name: str, info: Mapping[str, Any], beside: BesideFiles) -> SourceItem:
        key = self._key(name)
        origin = StoredObject(self.store.unstrip_protocol(key), _version(info), self.store, key, self.max_file_mb)
        item = SourceItem(name, Path(), address=origin.uri, origin=origin, unlisted=unlisted(name))
        try:
            return replace(item, beside=beside.of(name))
        except DocumentError as error:
            return replace(item, error=error)

    def _key(self, name: str) -> str:
        return f"{self.base}/{name}" if self.base else name

    def _sidecar(self, name: str) -> bytes:
        try:
            data: bytes = self.store.cat_file(self._key(name))
        except _ANY as error:
            raise FetchError(f"{name} cannot be read: {_told(error)}") from error
        return data


def known_schemes() -> list[str]:
    """Return the schemes that fsspec knows a driver for, installed or not."""
    from fsspec.registry import known_implementations, registry

    return [*known_implementations, *registry]


def _opened(source: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs

    try:
        store, root = url_to_fs(source)
    except ImportError as error:
        raise ConfigError(f"{source} needs a driver: {one_line(str(error))} (or: pip install -e '.[cloud]')") from error
    except _ANY as error:
        raise SourceError(f"{source} cannot be opened: {_told(error)}") from error
    return store, str(root).rstrip("/")


def _listed(store: Any, root: str) -> dict[str, Mapping[str, Any]]:
    store.invalidate_cache()
    found: dict[str, Any] = {}
    with suppress(FileNotFoundError):
        list_all = store.glob if _GLOB_CHARS & set(root) else store.find
        found = list_all(root, detail=True)
    return {key: info for key, info in found.items() if info.get("type") == "file" and not key.endswith("/")}


def _base(root: str, listed: Mapping[str, Any]) -> str:
    """Return what the ids are relative to: a folder itself, the folder of an object, what a glob has no sign in."""
    if root in listed:
        return root.rpartition("/")[0]
    parts = root.split("/")
    fixed = next((i for i, part in enumerate(parts) if _GLOB_CHARS & set(part)), len(parts))
    return "/".join(parts[:fixed])


def _relative(key: str, base: str) -> str:
    return key.removeprefix(base).lstrip("/")


def _version(info: Mapping[str, Any]) -> str:
    return next((f"{name}:{info[name]}" for name in _CHECKSUMS if info.get(name)), "")


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {clip(one_line(str(error)), 200)}"
