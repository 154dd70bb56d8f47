"""E-books: the chapters of an epub in the order of its spine, each an HTML page."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ingest.partition.clean import clip, one_line
from ingest.partition.layout import Content, Piece, assemble, flat_metadata
from ingest.partition.markup import flat_text
from ingest.partition.packages import Package, open_package
from ingest.partition.web import decode_html, html_pieces, parse_html
from rag.errors import DocumentError

_CONTAINER = "META-INF/container.xml"
_OPF = "{http://www.idpf.org/2007/opf}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_NCX = "{http://www.daisy.org/z3986/2005/ncx/}"
_FONT_SCRAMBLING = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
_PAGES = {"application/xhtml+xml", "text/html", "application/x-dtbook+xml"}


def partition_epub(path: Path) -> Content:
    """Partition an e-book; a chapter without a heading of its own gets the one that the table of contents has."""
    with open_package(path) as package:
        _check_locks(package)
        book = _Book.of(package)
        warnings: list[str] = []
        text, blocks = assemble(_chapters(package, book, warnings))
        return Content(
            text,
            blocks,
            "application/epub+zip",
            title=book.title,
            explicit_title=bool(book.title),
            metadata=book.metadata,
            warnings=(*warnings, *book.unread),
        )


def _check_locks(package: Package) -> None:
    locks = package.optional_xml("META-INF/encryption.xml")
    methods = (
        (e.get("Algorithm", "") for e in locks.iter() if str(e.tag).endswith("EncryptionMethod"))
        if locks is not None
        else ()
    )
    if any(not method.startswith(_FONT_SCRAMBLING) for method in methods):
        raise DocumentError("it is locked by its seller (DRM); its text cannot be read")


class _Book:
    """The package document: where the chapters are, and what the book says of itself."""

    def __init__(self, folder: str, root: Any) -> None:
        self._folder = folder
        self._root = root
        self.unread: list[str] = []
        self._items = {item.get("id", ""): item for item in root.iter(f"{_OPF}item")}
        self.title = one_line(root.findtext(f".//{_DC}title") or "")
        authors = [one_line(creator.text or "") for creator in root.iter(f"{_DC}creator")]
        others = {name: one_line(root.findtext(f".//{_DC}{name}") or "") for name in ("language", "publisher", "date")}
        self.metadata = flat_metadata({"author": [author for author in authors if author], **others})

    @classmethod
    def of(cls, package: Package) -> _Book:
        container = package.xml(_CONTAINER)
        path = next((e.get("full-path", "") for e in container.iter() if str(e.tag).endswith("rootfile")), "")
        return cls(posixpath.dirname(path), package.xml(path))

    def chapters(self) -> Iterator[str]:
        """Yield the names of the members that the spine lists, less the table of contents."""
        for reference in self._root.iter(f"{_OPF}itemref"):
            item = self._items.get(reference.get("idref", ""))
            if item is None or "nav" in (item.get("properties") or "").split():
                continue
            if item.get("media-type", "application/xhtml+xml") in _PAGES:
                yield self.member(item.get("href", ""))
            else:
                self.unread.append(f"the page {clip(item.get('href', ''))!r} is no text and was not read")

    def contents(self) -> Iterator[tuple[str, str]]:
        """Yield the media type and the name of the members that hold a table of contents."""
        for item in self._items.values():
            kind = item.get("media-type", "")
            if "nav" in (item.get("properties") or "").split() or kind == "application/x-dtbncx+xml":
                yield kind, self.member(item.get("href", ""))

    def member(self, href: str, folder: str | None = None) -> str:
        """Return the member that a link leads to."""
        target = unquote(href.partition("#")[0]).replace("\\", "/")
        return posixpath.normpath(posixpath.join(self._folder if folder is None else folder, target))


def _chapters(package: Package, book: _Book, warnings: list[str]) -> Iterator[Piece]:
    labels = _labels(package, book)
    for name in list(book.chapters()):
        if name not in package.names:
            warnings.append(f"the chapter {clip(name)!r} is missing in the file")
            continue
        html, guessed = decode_html(package.read(name))
        warnings += (f"{clip(name)}: {warning}" for warning in guessed)
        pieces = html_pieces(html)
        if pieces and name in labels and all(piece.kind != "heading" for piece in pieces):
            yield Piece("heading", labels[name], 1)
        yield from pieces


def _labels(package: Package, book: _Book) -> dict[str, str]:
    """Return the first label that a table of contents has for each member; a broken one has none."""
    labels: dict[str, str] = {}
    for kind, name in book.contents():
        if name not in package.names:
            continue
        folder = posixpath.dirname(name)
        try:
            links = _ncx_links(package.xml(name)) if "ncx" in kind else _nav_links(decode_html(package.read(name))[0])
            for href, label in links:
                labels.setdefault(book.member(href, folder), label)
        except DocumentError:
            continue
    return labels


def _ncx_links(root: Any) -> Iterator[tuple[str, str]]:
    for point in root.iter(f"{_NCX}navPoint"):
        label = one_line(point.findtext(f"{_NCX}navLabel/{_NCX}text") or "")
        content = point.find(f"{_NCX}content")
        if label and content is not None:
            yield content.get("src", ""), label


def _nav_links(html: str) -> Iterator[tuple[str, str]]:
    for link in parse_html(html).iter("a"):
        label = flat_text(link)
        if label and link.get("href"):
            yield link.get("href"), label
