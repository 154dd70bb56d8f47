"""Where documents lie: whether two ways of naming reach the same bytes, and which listing an address came from."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ingest.sources import SourceItem, SourceKey
from ingest.sources.addresses import page_id
from ingest.sources.named import GLOB_CHARS, UPLOAD, fixed_parts, is_local, scheme_of

_ROW = re.compile(r"L\d+")
_FILE, _GLOB, _FOLDER = 1, 2, 3


def holds(key: SourceKey, item: SourceItem) -> bool:
    """Say whether a source would list the very bytes of an item of another source under the same id."""
    name = key.name_of(item.doc_id)
    if name is None:
        return False
    if item.row is not None:
        return any(_within(place(item), root) for root in _roots(key.location))
    if scheme_of(key.location) in {"http", "https"}:
        return _without_scheme(place(item)) == name
    return place(item) in _places(key.location, name)


def wider(one: SourceKey, other: SourceKey, item: SourceItem) -> SourceKey:
    """Return which of two sources that hold an item has the more: a folder before a glob before one file.

    The first where they are alike.
    """
    return other if _width(other, item) > _width(one, item) else one


def place(item: SourceItem) -> str:
    """Return where the bytes of an item are, the same for every way of naming them."""
    if item.address and scheme_of(item.address) != "file":
        return _plain(item.address)
    member = unquote(urlsplit(item.address).fragment) if item.address and item.row is None else ""
    real = os.path.realpath(item.path)
    return f"{real}/{member}" if member else real


def from_elsewhere(uri: str, item: SourceItem) -> bool:
    """Say whether a stored document that belongs to nobody is another one than the item: its file is still there."""
    if not uri or item.beside.fields.keys() & {"uri", "url"}:
        return False
    parts = urlsplit(uri)
    if parts.scheme == "file":
        real = os.path.realpath(unquote(parts.path))
        return real != os.path.realpath(item.path) and os.path.exists(real)
    # A document may name an address of the web as its own. That of an object in a store ends in its id.
    foreign = parts.scheme not in {"http", "https", scheme_of(item.address)}
    return foreign and base_of(uri, item.doc_id) is not None


def base_of(uri: str, name: str) -> str | None:
    """Return where the listing began that gave a document this name: a folder `.../`, an archive, a row file.

    None where the address does not tell, as that of a web page, or of a document that names its own.
    """
    head, mark, tail = uri.partition("#")
    head, tail = unquote(head), unquote(tail)
    if scheme_of(head) in {"http", "https"}:
        return None
    if mark and _ROW.fullmatch(tail):
        return _real(head)
    joined = f"{head}/{tail}" if mark else head
    return _real(joined.removesuffix(name)) if joined.endswith("/" + name) else None


def came_from(uri: str, name: str, bases: set[str]) -> bool:
    """Say whether an address tells that its document was listed from one of the bases."""
    base = base_of(uri, name)
    if base is None:
        return False
    return base in bases or (not base.endswith("/") and any(base.startswith(x) for x in bases if x.endswith("/")))


def base_of_location(location: str) -> str | None:
    """Return the base of what a folder lists."""
    return f"file://{location}/" if is_local(location) and Path(location).is_dir() else None


def _real(base: str) -> str:
    """Return a base of this machine without links."""
    if scheme_of(base) != "file":
        return base
    path = base.removeprefix("file://")
    return f"file://{os.path.realpath(path)}{'/' if path.endswith('/') else ''}"


def _places(location: str, name: str) -> set[str]:
    plain = _plain(location)
    places = {f"{plain}/{name}", f"{_fixed(plain)}/{name}"}
    return places | ({plain} if plain.endswith("/" + name) else set())


def _roots(location: str) -> Iterator[str]:
    yield location
    if GLOB_CHARS & set(location):
        yield _fixed(location)


def _within(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")


def _fixed(location: str) -> str:
    if is_local(location):
        return str(Path(*fixed_parts(location)))
    parts = location.split("/")
    return "/".join(parts[: next((i for i, part in enumerate(parts) if GLOB_CHARS & set(part)), len(parts))])


def _plain(address: str) -> str:
    """Return an address with two slashes after its scheme: drivers write `memory:///a` for `memory://a`."""
    return address if is_local(address) else re.sub(r"^([A-Za-z0-9+.-]+:)/+", r"\1//", address).rstrip("/")


def _without_scheme(address: str) -> str:
    return page_id(address)


def _width(key: SourceKey, item: SourceItem) -> int:
    if key.location == UPLOAD or _plain(key.location) == place(item):
        return _FILE
    return _GLOB if GLOB_CHARS & set(key.location) else _FOLDER
