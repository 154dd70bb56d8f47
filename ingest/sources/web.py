"""Web pages and sitemaps: what is unchanged on the server costs no body, what is unreachable is not taken for gone."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urldefrag, urlsplit

from lxml import etree

from ingest.partition import PARTITIONERS
from ingest.partition.clean import one_line
from ingest.sources.addresses import page_id, plain_url
from ingest.sources.fetcher import MB, Reach, file_name, save
from ingest.sources.items import Fetched, Known, SourceFailure, SourceItem, Sources
from rag.errors import DocumentError, SourceError
from rag.settings import FetchSettings
from rag.types import Metadata

if TYPE_CHECKING:
    from ingest.sources.http import Reply, Web

_SITEMAP_ENDS = (".xml", ".xml.gz")
_MAX_DEPTH = 3
_GZIP = b"\x1f\x8b"
_TEXT_SUFFIXES = {".html", ".htm", ".xhtml", ".txt", ".text", ".md", ".markdown", ".rst", ".csv", ".tsv", ".log"}
_SUFFIX_OF_TYPE = {
    "text/html": ".html",
    "application/xhtml+xml": ".xhtml",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/x-markdown": ".md",
    "text/x-rst": ".rst",
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/pdf": ".pdf",
    "message/rfc822": ".eml",
    "application/vnd.ms-outlook": ".msg",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
}


@dataclass(frozen=True, slots=True)
class WebPage:
    """A page as the origin of a document; only a request can tell whether it changed."""

    uri: str
    web: Web
    settings: FetchSettings
    version: str = ""

    def fetch(self, known: Known | None, folder: Path) -> Fetched | None:
        """Ask for the page, under the condition that it is no longer what is known of it.

        Raises:
            DocumentError: it cannot be had (GoneError: 404 or 410; FetchError: perhaps later).
        """
        with self.web.get(self.uri, _conditions(known)) as reply:
            if reply.unchanged:
                if known is None:
                    raise DocumentError("the server says 304 Not Modified although it was asked for no condition")
                return None
            target = folder / _target_name(reply)
            source_hash = save(reply.pieces, target, self.settings.max_file_mb)
        _to_utf8(target, _charset(reply))
        etag, modified = reply.headers.get("etag", ""), reply.headers.get("last-modified", "")
        return Fetched(target, source_hash, urldefrag(reply.url).url, etag, modified, _sent(modified))


def add_web(source: str, found: Sources, reach: Reach) -> None:
    """Add a page, or the pages of a sitemap.

    Raises:
        SourceError: the address names no host.
    """
    url = plain_url(source)
    if not url:
        raise SourceError(f"{source} is no address of the web; write https://HOST/PATH")
    if "@" in urlsplit(source).netloc:
        raise SourceError("addresses with a user or password are not read; take them out of it")
    if urlsplit(url).path.endswith(_SITEMAP_ENDS):
        _Sitemap(url, found, reach).add()
    else:
        found.items.append(_page(url, reach))


class _Sitemap:
    """Reads a sitemap, and the sitemaps that it lists, into pages of its own host."""

    def __init__(self, url: str, found: Sources, reach: Reach) -> None:
        self._url = url
        self._host = urlsplit(url).netloc
        self._found = found
        self._reach = reach
        self._seen: set[str] = set()
        self._elsewhere = 0
        self._pages = 0

    def add(self) -> None:
        """Add the pages; a sitemap that cannot be read whole is a failure of listing."""
        self._add_map(self._url, 1)
        if self._elsewhere:
            self._found.warnings.append(
                f"{self._url}: {self._elsewhere} addresses on other hosts than {self._host} were left out"
            )

    def _add_map(self, url: str, depth: int) -> None:
        self._found.row_files.append(url)
        try:
            root = _parsed(self._body(url))
            index = etree.QName(root).localname == "sitemapindex"
            if index and depth > _MAX_DEPTH:
                raise DocumentError(f"it is listed more than {_MAX_DEPTH} sitemaps deep")
            for place in self._own(_places(root)):
                if index:
                    self._add_map(place, depth + 1)
                else:
                    self._add_page(place)
        except DocumentError as error:
            self._found.failures.append(SourceFailure(url, str(error)))

    def _add_page(self, url: str) -> None:
        self._pages += 1
        limit = self._reach.settings.max_pages
        if self._pages > limit:
            raise DocumentError(f"it lists more than {limit} pages; raise ingest.fetch.max_pages")
        self._found.items.append(_page(url, self._reach))

    def _own(self, places: Iterator[str]) -> Iterator[str]:
        for place in places:
            url = plain_url(place)
            if urlsplit(url).netloc != self._host:
                self._elsewhere += 1
            elif url not in self._seen:
                self._seen.add(url)
                yield url

    def _body(self, url: str) -> bytes:
        limit = self._reach.settings.max_file_mb * MB
        body = b""
        with self._reach.web.get(url) as reply:
            for piece in reply.pieces:
                body += piece
                if len(body) > limit:
                    raise DocumentError("it is larger than ingest.fetch.max_file_mb")
        return _unpacked(body, limit) if body.startswith(_GZIP) else body


def _page(url: str, reach: Reach) -> SourceItem:
    doc_id = page_id(url)
    return SourceItem(doc_id, Path(), address=url, origin=WebPage(url, reach.web, reach.settings))


def _places(root: etree._Element) -> Iterator[str]:
    for element in root.iter("{*}loc"):
        if element.text and element.text.strip():
            yield element.text.strip()


def _parsed(body: bytes) -> etree._Element:
    # Entities stay as they are: a few lines of them can stand for gigabytes.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise DocumentError(f"it is no XML: {one_line(str(error))}") from error
    if etree.QName(root).localname not in {"urlset", "sitemapindex"}:
        raise DocumentError(f"it is no sitemap: its root is <{etree.QName(root).localname}>")
    return root


def _unpacked(body: bytes, limit: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        text = unpacker.decompress(body, limit)
    except zlib.error as error:
        raise DocumentError(f"it is no gzip: {error}") from error
    if unpacker.unconsumed_tail:
        raise DocumentError("it unpacks to more than ingest.fetch.max_file_mb")
    return text


def _conditions(known: Known | None) -> dict[str, str]:
    if known is None:
        return {}
    headers = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified}
    return {name: value for name, value in headers.items() if value}


def _target_name(reply: Reply) -> str:
    path = PurePosixPath(unquote(urlsplit(reply.url).path, errors="replace"))
    if path.suffix.lower() in PARTITIONERS:
        return file_name(path.name)
    media_type = _content_type(reply).get_content_type() if reply.headers.get("content-type") else "text/html"
    if media_type not in _SUFFIX_OF_TYPE:
        raise DocumentError(f"the format {media_type} is not supported")
    return file_name(path.name or urlsplit(reply.url).netloc) + _SUFFIX_OF_TYPE[media_type]


def _content_type(reply: Reply) -> Message:
    message = Message()
    message["content-type"] = reply.headers.get("content-type", "")
    return message


def _charset(reply: Reply) -> str:
    charset = _content_type(reply).get_content_charset("")
    try:
        return codecs.lookup(charset).name if charset else ""
    except LookupError:
        return ""


def _to_utf8(path: Path, charset: str) -> None:
    """Write a text file again as UTF-8 with a byte order mark, if it is in the charset that its server names.

    A server that is wrong is not believed: the file stays, and its charset is guessed when it is partitioned.
    """
    if not charset or path.suffix.lower() not in _TEXT_SUFFIXES:
        return
    data = path.read_bytes()
    if data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return
    try:
        text = data.decode(charset)
    except (UnicodeError, LookupError):
        return
    path.write_bytes(codecs.BOM_UTF8 + text.encode("utf-8", "replace"))


def _sent(last_modified: str) -> Metadata:
    try:
        return {"modified": parsedate_to_datetime(last_modified).astimezone(UTC).isoformat()}
    except (ValueError, TypeError, OverflowError):
        return {}
