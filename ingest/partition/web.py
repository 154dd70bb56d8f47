"""HTML: what a reader came for, without navigation, banners and footers."""

from __future__ import annotations

import plistlib
import re
from html.entities import html5
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.partition.clean import one_line
from ingest.partition.encodings import decode
from ingest.partition.layout import Content, Piece, assemble
from ingest.partition.markup import markup_pieces
from ingest.partition.web_frame import remove_frame
from rag.errors import DocumentError

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_META_CHARSET = re.compile(rb"<meta[^>]{1,500}?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_XML_CHARSET = re.compile(rb"<\?xml[^>]{1,200}?encoding\s*=\s*[\"']([\w.:-]+)", re.IGNORECASE)
_MAIN = "//main | //*[@role='main'] | //article"
_HEAD_BYTES = 4096
_XHTML = "http://www.w3.org/1999/xhtml"
_NAMED = re.compile(r"&(\w{2,32});")
_XML_NAMES = frozenset({"amp", "lt", "gt", "quot", "apos"})


def partition_html(path: Path) -> Content:
    """Partition a saved web page; its `<title>` stands in where it has no heading."""
    html, warnings = decode_html(path.read_bytes())
    return page_content(html, warnings)


def partition_webarchive(path: Path) -> Content:
    """Partition a page that Safari saved as one file.

    Raises:
        DocumentError: it is no web archive.
    """
    try:
        main = plistlib.loads(path.read_bytes())["WebMainResource"]
        data, charset = main["WebResourceData"], main.get("WebResourceTextEncodingName", "")
    except (ValueError, KeyError, TypeError, plistlib.InvalidFileException) as error:
        raise DocumentError("it is no web archive; save the page as .html") from error
    return page_content(*(decode(data, charset) if charset else decode_html(data)))


def page_content(html: str, warnings: tuple[str, ...] = ()) -> Content:
    """Partition the text of an HTML page.

    Raises:
        DocumentError: there is no text in it.
    """
    page = parse_html(html)
    title = one_line(page.findtext(".//title") or "")
    language = page.get("lang") or page.get("{http://www.w3.org/XML/1998/namespace}lang") or ""
    warnings += remove_frame(page)
    text, blocks = assemble(markup_pieces(_content_root(page)))
    if not text:
        raise DocumentError("the page holds no text (is it drawn by a script?)")
    metadata = {"language": language} if language else {}
    return Content(text, blocks, "text/html", title=title, metadata=metadata, warnings=warnings)


def html_pieces(html: str) -> list[Piece]:
    """Return the pieces of HTML that has no frame around it: the body of a mail, a chapter of a book."""
    return markup_pieces(parse_html(html)) if html.strip() else []


def decode_html(data: bytes) -> tuple[str, tuple[str, ...]]:
    """Return the text of an HTML page and the warnings: a byte order mark, then its own word, then a guess."""
    declared = _META_CHARSET.search(data[:_HEAD_BYTES]) or _XML_CHARSET.match(data[:_HEAD_BYTES])
    return decode(data, declared.group(1).decode("ascii") if declared else "")


def parse_html(html: str) -> HtmlElement:
    """Parse HTML of any quality, or XHTML.

    Raises:
        DocumentError: it is empty, or nested so deeply that the parser would lose the rest of it.
    """
    from lxml.etree import ParserError
    from lxml.html import HTMLParser, document_fromstring

    page = _parse_xhtml(html) if _XHTML in html[:_HEAD_BYTES] else None
    if page is not None:
        return page
    parser = HTMLParser()
    try:
        page = document_fromstring(_XML_DECLARATION.sub("", html), parser=parser)
    except (ParserError, ValueError) as error:
        raise DocumentError("the page is empty or no HTML") from error
    if any("xcessive depth" in entry.message for entry in parser.error_log):
        raise DocumentError("its elements are nested more than 255 deep; save it with a browser's reader view")
    return page


def _parse_xhtml(html: str) -> HtmlElement | None:
    """Parse XHTML as XML, where `<a id="x"/>` is empty; return None where it is no well-formed XML."""
    from lxml.etree import XMLSyntaxError
    from lxml.html import XHTMLParser, document_fromstring, xhtml_to_html

    parser = XHTMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        page = document_fromstring(_NAMED.sub(_character, _XML_DECLARATION.sub("", html)), parser=parser)
    except (XMLSyntaxError, ValueError):
        return None
    xhtml_to_html(page)
    return page


def _character(match: re.Match[str]) -> str:
    """Return the character of a name that HTML knows and XML does not."""
    return match.group() if match.group(1) in _XML_NAMES else html5.get(match.group(1) + ";", match.group())


def _content_root(page: HtmlElement) -> HtmlElement:
    sizes = [(_length(element), element) for element in page.xpath(_MAIN)]
    size, best = max(sizes, key=lambda pair: pair[0], default=(0, page))
    # A page of many short articles has no single main part: keep all of it.
    return best if size and size * 2 >= _length(page) else page


def _length(element: HtmlElement) -> int:
    return len(one_line(" ".join(element.itertext())))
