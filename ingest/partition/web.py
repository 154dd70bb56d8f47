"""HTML: what a reader came for, without navigation, banners and footers."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.clean import one_line
from ingest.partition.layout import Content, assemble
from ingest.partition.plain import decode
from ingest.partition.unstructured_elements import html_pieces
from rag.errors import DocumentError

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_DROPPED_TAGS = {
    "script", "style", "noscript", "template", "nav", "iframe", "svg", "canvas", "object", "form", "button", "input",
    "select", "dialog", "head",
}  # fmt: skip
_PAGE_FRAME_TAGS = {"header", "footer", "aside"}
_DROPPED_ROLES = {"navigation", "banner", "contentinfo", "search", "dialog", "alertdialog", "menu", "menubar"}
_BOILERPLATE = re.compile(
    r"(?:^|[\s_-])(?:cookies?|consent|gdpr|breadcrumbs?|navbar|nav|navigation|sidebar|skip-?link|share|social"
    r"|newsletter|advert(?:isement)?|ads?|popup|modal|site-?(?:header|footer)|page-?(?:header|footer)|footer"
    r"|pagination|feedback|helpful|rating)(?:$|[\s_-])",
    re.IGNORECASE,
)
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_META_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w-]+)", re.IGNORECASE)
_MAIN = "//main | //*[@role='main'] | //article"


def partition_html(path: Path) -> Content:
    """Partition a saved web page; its `<title>` stands in where it has no heading."""
    html, warnings = _decode_html(path.read_bytes())
    return page_content(html, warnings)


def page_content(html: str, warnings: tuple[str, ...] = ()) -> Content:
    """Partition the text of an HTML page.

    Raises:
        DocumentError: there is no text in it.
    """
    page = _parse(html)
    title = one_line(page.findtext(".//title") or "")
    language = page.get("lang") or ""
    text, blocks = assemble(html_pieces(_serialise(_content_root(page))))
    if not text:
        raise DocumentError("the page holds no text (is it drawn by a script?)")
    metadata = {"language": language} if language else {}
    return Content(text, blocks, "text/html", title=title, metadata=metadata, warnings=warnings)


def _decode_html(data: bytes) -> tuple[str, tuple[str, ...]]:
    # A byte order mark goes before what the page says of itself (HTML standard, 13.2.3.2).
    declared = None if data.startswith(BOM_UTF8) else _META_CHARSET.search(data[:4096])
    if declared and declared.group(1).lower() not in {b"utf-8", b"utf8"}:
        try:
            return decode(data.decode(declared.group(1).decode("ascii")).encode("utf-8"))
        except (LookupError, UnicodeError):
            return decode(data)
    return decode(data)


def _parse(html: str) -> HtmlElement:
    from lxml.etree import ParserError
    from lxml.html import document_fromstring

    try:
        return document_fromstring(_XML_DECLARATION.sub("", html))
    except (ParserError, ValueError) as error:
        raise DocumentError("the page is empty or no HTML") from error


def _content_root(page: HtmlElement) -> HtmlElement:
    for element in list(page.iter()):
        if _is_boilerplate(element) and element.getparent() is not None:
            _remove(element)
    candidates = [element for element in page.xpath(_MAIN) if _length(element)]
    best = max(candidates, key=_length, default=None)
    # A page of many short articles has no single main part: keep all of it.
    if best is not None and _length(best) * 2 >= _length(page):
        return best
    return page


def _is_boilerplate(element: Any) -> bool:
    if not isinstance(element.tag, str):
        return True
    if element.tag in {"html", "body", "main", "article"}:
        return False
    if element.tag in _DROPPED_TAGS or element.get("role") in _DROPPED_ROLES:
        return True
    if element.tag in _PAGE_FRAME_TAGS:
        return not any(parent.tag in {"main", "article"} for parent in element.iterancestors())
    hidden = element.get("hidden") is not None or element.get("aria-hidden") == "true"
    return hidden or bool(_HIDDEN.search(element.get("style") or "")) or _named_boilerplate(element)


def _named_boilerplate(element: Any) -> bool:
    if element.tag in {"h1", "h2", "h3", "h4", "h5", "h6", "p", "table", "td", "th", "pre", "code", "li", "a"}:
        return False
    return any(_BOILERPLATE.search(name) for name in (element.get("id") or "", *_classes(element)))


def _classes(element: Any) -> Iterator[str]:
    yield from (element.get("class") or "").split()


def _remove(element: Any) -> None:
    headings = list(element.iter("h1")) if element.tag == "header" else []
    parent = element.getparent()
    for heading in headings:
        heading.tail = None
        parent.insert(parent.index(element), heading)
    element.drop_tree()


def _length(element: Any) -> int:
    return len(one_line(" ".join(element.itertext())))


def _serialise(root: HtmlElement) -> str:
    from lxml.html import tostring

    body = tostring(root, encoding="unicode", with_tail=False)
    return body if root.tag == "html" else f"<html><body>{body}</body></html>"
