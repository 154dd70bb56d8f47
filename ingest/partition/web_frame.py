"""What of a web page is its frame (menus, banners, footers) and what is its content.

Tags and roles decide; class names only hint, because they lie: what holds much of the page's own words always stays.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ingest.clean import one_line

_DROPPED_TAGS = frozenset(
    "script style noscript template nav iframe svg canvas object button input select textarea dialog head".split()
)
_FRAME_TAGS = frozenset({"header", "footer", "aside", "form"})
_KEPT_TAGS = frozenset(
    "html body main article h1 h2 h3 h4 h5 h6 p table thead tbody tr td th pre code ul ol li dl dt dd a b i em".split()
)
_SECTIONS = frozenset({"main", "article", "section", "blockquote", "figure", "td", "li", "details"})
_DROPPED_ROLES = frozenset(
    {"navigation", "banner", "contentinfo", "search", "dialog", "alertdialog", "menu", "menubar"}
)
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
# A name is boilerplate when it says nothing else: "cookie-banner" is; "cookie-recipes", "content-footer-note" are not.
_BOILERPLATE = re.compile(
    r"""(?:(?:site|page|global|main|app|top|primary|js|c|l)[-_]?){0,2}
    (?:(?:cookies?|consent|gdpr|privacy)(?:[-_]?(?:banner|bar|notice|consent|popup|modal|overlay|dialog|message))+
      |cookies?|consent|gdpr|breadcrumbs?|nav(?:bar|igation|[-_]?menu|[-_]?bar)?|menu|skip[-_]?(?:link|nav|to[-_]?content)
      |(?:share|social)(?:[-_]?(?:share|social|links?|buttons?|bar|icons?|media))*
      |newsletter(?:[-_]?(?:signup|form|box))?|adverts?|advertisement|ads?|popup|modal|footer|pagination|pager
      |(?:article[-_]?)?(?:feedback|helpful|rating)(?:[-_]?(?:widget|form|box))?|was[-_]?this[-_]?helpful
      |related(?:[-_]?(?:posts?|articles?|links?))?|side[-_]?bar)
    (?:[-_]?(?:container|wrapper|inner|area|widget|block|section))?""",
    re.VERBOSE | re.IGNORECASE,
)
_WORDY = 300
_LINK_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class _Weights:
    """Characters of text below each element, and those of them in links."""

    text: dict[Any, int]
    links: dict[Any, int]

    @classmethod
    def of(cls, page: Any) -> _Weights:
        text: dict[Any, int] = {}
        links: dict[Any, int] = {}
        for element in reversed(list(page.iter())):
            own = text.get(element, 0)
            if isinstance(element.tag, str) and element.tag not in {"script", "style", "template"}:
                own += _visible(element.text)
            else:
                own = 0
            text[element] = own
            linked = own if element.tag == "a" else links.get(element, 0)
            links[element] = linked
            parent = element.getparent()
            if parent is not None:
                text[parent] = text.get(parent, 0) + own + _visible(element.tail)
                links[parent] = links.get(parent, 0) + linked
        return cls(text, links)

    def is_prose(self, element: Any) -> bool:
        """Say whether an element holds sentences rather than links."""
        return self.links[element] < _LINK_SHARE * self.text[element]


def remove_frame(page: Any) -> None:
    """Remove from a page what its readers did not come for; headings of a dropped page header stay."""
    weights = _Weights.of(page)
    whole = weights.text[page]
    # In document order, and nothing below what is already gone.
    gone: set[Any] = set()
    for element in list(page.iter()):
        parent = element.getparent()
        if parent is None:
            continue
        if parent in gone:
            gone.add(element)
        elif _is_frame(element, weights, whole):
            gone.add(element)
            _remove(element)


def _is_frame(element: Any, weights: _Weights, whole: int) -> bool:
    if not isinstance(element.tag, str):
        return True
    if element.tag in {"html", "body", "main", "article"}:
        return False
    if element.tag in _DROPPED_TAGS:
        return True
    if weights.text[element] > max(_WORDY, whole // 2):
        return False
    if element.get("role") in _DROPPED_ROLES or _is_hidden(element):
        return True
    if element.tag in _FRAME_TAGS:
        return _is_page_frame(element, weights)
    return _is_named_frame(element, weights)


def _is_hidden(element: Any) -> bool:
    if element.get("hidden") is not None or element.get("aria-hidden") == "true":
        return True
    return bool(_HIDDEN.search(element.get("style") or ""))


def _is_page_frame(element: Any, weights: _Weights) -> bool:
    """Say whether a header, footer, aside or form belongs to the page, not to a part of its content."""
    if element.tag == "form":
        return next(element.iterdescendants("h1", "h2", "h3", "table", "pre"), None) is None and not (
            weights.is_prose(element) and weights.text[element] >= _WORDY
        )
    if any(ancestor.tag in _SECTIONS for ancestor in element.iterancestors()):
        return element.tag == "aside" and not weights.is_prose(element)
    if element.tag == "aside":
        return not weights.is_prose(element) or _has_frame_name(element)
    return True


def _is_named_frame(element: Any, weights: _Weights) -> bool:
    if element.tag in _KEPT_TAGS and element.tag not in {"ul", "ol"}:
        return False
    return _has_frame_name(element) and (weights.text[element] < _WORDY or not weights.is_prose(element))


def _has_frame_name(element: Any) -> bool:
    names = [element.get("id") or "", *(element.get("class") or "").split()]
    return any(_BOILERPLATE.fullmatch(name) for name in names)


def _remove(element: Any) -> None:
    headings = list(element.iter("h1")) if element.tag == "header" else []
    parent = element.getparent()
    for heading in headings:
        heading.tail = None
        parent.insert(parent.index(element), heading)
    if isinstance(element.tag, str):
        element.drop_tree()
        return
    # Comments and processing instructions have a tail that is text of the page.
    before, tail = element.getprevious(), element.tail or ""
    if before is not None:
        before.tail = (before.tail or "") + tail
    else:
        parent.text = (parent.text or "") + tail
    parent.remove(element)


def _visible(text: str | None) -> int:
    return len(one_line(text)) if text else 0
