"""What of a web page is its frame (menus, banners, footers) and what is its content.

Tags and roles decide; class names only hint, because they lie: what holds much of the page's own words always stays.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ingest.partition.clean import clip, one_line
from ingest.partition.web_collapsed import Collapsed, is_content, is_fallback, is_hidden, name_tabs
from ingest.partition.web_turners import turner_bars

_DROPPED_TAGS = frozenset("script style nav iframe svg canvas object select textarea head".split())
_NEVER_FRAME = frozenset({"html", "body", "main", "article"})
_OPENED_TAGS = frozenset({"dialog", "template"})
_FRAME_TAGS = frozenset({"header", "footer", "aside", "form"})
_KEPT_TAGS = frozenset(
    "html body main article h1 h2 h3 h4 h5 h6 p table thead tbody tr td th pre code ul ol li dl dt dd a b i em".split()
)
_SECTIONS = frozenset({"main", "article", "section", "blockquote", "figure", "td", "li", "details"})
_DROPPED_ROLES = frozenset({"navigation", "banner", "contentinfo", "search", "menu", "menubar"})
_DIALOG_ROLES = frozenset({"dialog", "alertdialog"})
# A name is boilerplate when it says nothing else: "cookie-banner" is; "cookie-recipes", "content-footer-note" are not.
_BOILERPLATE = re.compile(
    r"""(?:(?:site|page|global|main|app|top|primary|js|c|l)[-_]?){0,2}
    (?:(?:cookies?|consent|gdpr|privacy)(?:[-_]?(?:banner|bar|notice|consent|popup|modal|overlay|dialog|message))+
      |cookies?|consent|gdpr|breadcrumbs?|nav(?:bar|igation|[-_]?menu|[-_]?bar|header|footer|[-_]?path|[-_]?panel)?|menu|skip[-_]?(?:link|nav|to[-_]?content)
      |(?:share|social)(?:[-_]?(?:share|social|links?|buttons?|bar|icons?|media))*
      |newsletter(?:[-_]?(?:signup|form|box))?|adverts?|advertisement|ads?|popup|modal|footer|pagination|pager
      |(?:article[-_]?)?(?:feedback|helpful|rating)(?:[-_]?(?:widget|form|box))?|was[-_]?this[-_]?helpful
      |related(?:[-_]?(?:posts?|articles?|links?))?|side[-_]?bar)
    (?:[-_]?(?:container|wrapper|inner|area|widget|block|section))?""",
    re.VERBOSE | re.IGNORECASE,
)
_UNSEEN = frozenset({"script", "style", "template"})
_WORDY = 300
# A part that is left out is named in a warning when it holds a sentence: shorter ones are labels and icons.
_SENTENCE_WORDS = 5
_SHOWN_CHARS = 60
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
            tag = element.tag
            own = text.get(element, 0) + _visible(element.text) if isinstance(tag, str) and tag not in _UNSEEN else 0
            text[element] = own
            linked = own if tag == "a" else links.get(element, 0)
            links[element] = linked
            parent = element.getparent()
            if parent is not None:
                text[parent] = text.get(parent, 0) + own + _visible(element.tail)
                links[parent] = links.get(parent, 0) + linked
        return cls(text, links)

    def is_prose(self, element: Any) -> bool:
        """Say whether an element holds sentences rather than links."""
        return self.links[element] < _LINK_SHARE * self.text[element]


def remove_frame(page: Any) -> tuple[str, ...]:
    """Remove from a page what its readers did not come for; headings of a dropped page header stay.

    Returns:
        A warning for each hidden part that holds a sentence and that nothing on the page opens.
    """
    collapsed = Collapsed.of(page)
    name_tabs(page)
    weights = _Weights.of(page)
    whole = weights.text[page]
    bars = turner_bars(page, weights.text)
    # In document order, and nothing below what is already gone.
    gone: set[Any] = set()
    frame: list[Any] = []
    warnings: list[str] = []
    for element in list(page.iter()):
        parent = element.getparent()
        if parent is None:
            continue
        if parent in gone:
            gone.add(element)
        elif element in bars or _is_frame(element, weights, whole, collapsed):
            gone.add(element)
            frame.append(element)
    for element in frame:
        warnings += _left_out(element)
        _remove(element)
    return tuple(warnings)


def _left_out(element: Any) -> list[str]:
    """Return a warning where an element is hidden text rather than a part of the frame."""
    if not isinstance(element.tag, str) or _has_frame_name(element) or element.tag in _DROPPED_TAGS:
        return []
    is_dialog = element.tag in _OPENED_TAGS or element.get("role") in _DIALOG_ROLES
    if not (is_dialog or is_hidden(element)) or not is_content(element):
        return []
    text = one_line(" ".join(element.itertext()))
    if len(text.split()) < _SENTENCE_WORDS:
        return []
    return [f"a hidden part of the page that nothing opens was left out: {clip(text, _SHOWN_CHARS)!r}"]


def _is_frame(element: Any, weights: _Weights, whole: int, collapsed: Collapsed) -> bool:
    tag = element.tag  # lxml makes a new string at each look
    if not isinstance(tag, str):
        return True
    if tag in _NEVER_FRAME:
        return False
    if tag in _DROPPED_TAGS:
        return True
    if tag == "button":
        return not collapsed.is_title(element)
    if tag == "noscript":
        return not is_fallback(element)
    if tag in _OPENED_TAGS:
        return not collapsed.is_opened_dialog(element)
    if weights.text[element] > max(_WORDY, whole // 2):
        return False
    if element.get("role") in _DROPPED_ROLES:
        return True
    return _is_small_frame(element, weights, collapsed)


def _is_small_frame(element: Any, weights: _Weights, collapsed: Collapsed) -> bool:
    if element.get("role") in _DIALOG_ROLES:
        return not collapsed.is_opened_dialog(element)
    if is_hidden(element):
        is_left_out = _has_frame_name(element) or not collapsed.can_open(element)
        return is_left_out and not collapsed.is_opened_dialog(element)
    if element.tag in _FRAME_TAGS:
        return _is_page_frame(element, weights)
    return _is_named_frame(element, weights)


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
    return any(map(_is_boilerplate, names))


@lru_cache(maxsize=4096)
def _is_boilerplate(name: str) -> bool:
    return bool(name) and _BOILERPLATE.fullmatch(name) is not None


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
    return len(one_line(text)) if text and not text.isspace() else 0
