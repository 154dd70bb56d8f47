"""What a reader of a page opens by a click: answers, tabs, panels, dialogs, and the buttons that name them.

A saved page hides such parts with the same signs as drafts and boilerplate (`hidden`, `display:none`). The difference
is a control: something on the page names the part, stands right before it, or its role or class says what it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ingest.partition.clean import one_line

_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_HEADINGS = frozenset({"h2", "h3", "h4", "h5", "h6"})
_CONTROL_TAGS = frozenset({"a", "button", "label", "summary"})
_CONTROL_ROLES = frozenset({"tab", "button", "switch", "link"})
_CONTROL_MARKS = (
    "aria-expanded",
    "aria-controls",
    "onclick",
    "data-target",
    "data-bs-target",
    "data-toggle",
    "tabindex",
)
# Looking at every element in Python takes as long as reading the page.
_MAYBE_CONTROLS = "|".join(
    [*(f"//{tag}" for tag in sorted(_CONTROL_TAGS)), *(f"//*[@{mark}]" for mark in ("role", *_CONTROL_MARKS))]
)
_MAYBE_TABS = "//*[@role='tab' or @data-toggle or @data-bs-toggle]"
_PANEL_ROLES = frozenset({"tabpanel", "region", "tooltip", "note"})
_PANEL_ITEMS = frozenset({"li", "tr", "tbody", "dd", "section"})
_PANEL_WORDS = frozenset(
    """accordion accordions collapse collapsed collapsible panel panels pane tab tabs tabpane tabpanel tabcontent faq
    faqs answer answers toggle toggled expand expandable expander expanded disclosure spoiler reveal details readmore qa
    togglebox""".split()
)
_TRIGGER_WORDS = frozenset({"question", "trigger", "toggle", "toggler", "accordion", "expander", "collapsible", "tab"})
# Dialogs that every site has, and nobody searches for.
_CHORES = frozenset(
    """cookie cookies consent gdpr privacy newsletter subscribe subscription signup signin login register search cart
    basket share nav navigation menu feedback""".split()
)
_ORDER = "data-tab-order"
_TAB_TARGETS = ("aria-controls", "data-bs-target", "data-target", "href")
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_TOKEN = re.compile(r"[\w:.-]+")
_MIN_WORDS = 3
_LINK_SHARE = 0.4
_CLIMB = 3
_RUNNING = frozenset(
    {"p", "li", "td", "th", "dd", "dt", "summary", "figcaption", "blockquote", "span", "em", "strong", "b"}
)
_TITLES = frozenset({"h1", "dt", "summary"}) | _HEADINGS
_SCRIPT_TALK = re.compile(r"javascript|java script|enable|browser|iframe|analytics|tracking", re.IGNORECASE)


def is_hidden(element: Any) -> bool:
    """Say whether an element is not shown when the page opens."""
    return element.get("aria-hidden") == "true" or _is_invisible(element)


def _is_invisible(element: Any) -> bool:
    return element.get("hidden") is not None or bool(_HIDDEN.search(element.get("style") or ""))


@dataclass(slots=True)
class Collapsed:
    """Knows the controls of a page and says which hidden parts they open."""

    names: set[str] = field(default_factory=set)
    parts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, page: Any) -> Collapsed:
        """Collect the names of all parts that the controls of a page mention."""
        found = cls()
        for element in page.xpath("//*[@id!='']"):
            found.parts.setdefault(element.get("id"), element)
        for element in page.xpath(_MAYBE_CONTROLS):
            if _is_control(element):
                for key, value in element.attrib.items():
                    if key not in {"id", "class", "style", "type"} and not (key == "href" and value[:1] != "#"):
                        found.names.update(_TOKEN.findall(value))
        return found

    def can_open(self, element: Any) -> bool:
        """Say whether a reader can open a hidden part that holds text of the page."""
        if not is_content(element):
            return False
        if element.get("hidden") == "until-found" or self._is_named(element):
            return True
        if element.get("role") in _PANEL_ROLES or _PANEL_WORDS & _names(element):
            return True
        if element.tag in _PANEL_ITEMS and _is_invisible(element):
            return True
        return self._follows_trigger(element)

    def is_opened_dialog(self, element: Any) -> bool:
        """Say whether a dialog, or a template, is one that a control of the page opens and that holds its content."""
        if element.tag == "template" and (element.get("shadowrootmode") or element.get("shadowroot")):
            return True
        return self._is_named(element) and not _CHORES & _names(element) and is_content(element)

    def is_title(self, button: Any) -> bool:
        """Say whether a button is text of the page: a question, the name of a tab, a word of a sentence."""
        if not one_line("".join(button.itertext())):
            return False
        parent = button.getparent()
        if parent.tag in _TITLES:
            return True
        if parent.tag in _RUNNING and has_words_beside(button):
            return True
        panels = [panel for panel in (self._panel(button), _next_to(button)) if panel is not None]
        if button.get("role") == "tab":
            return any(is_content(panel) for panel in panels)
        return any(self._is_panel_of(button, panel) for panel in panels)

    def _is_named(self, element: Any) -> bool:
        return (element.get("id") or "") in self.names

    def _follows_trigger(self, element: Any) -> bool:
        """Say whether the text before a hidden part is what opens it."""
        before = _before(element)
        if before is None:
            return False
        inner = [before, *before.iterdescendants()]
        if any(_is_trigger(each) for each in inner if isinstance(each.tag, str)):
            return True
        # A heading above a part that only scripts can show; an `aria-hidden` part is seen by all other readers.
        return _is_invisible(element) and any(each.tag in _HEADINGS | {"dt"} for each in inner)

    def _panel(self, button: Any) -> Any | None:
        keys = ("aria-controls", "data-target", "data-bs-target", "popovertarget", "commandfor", "href")
        names = ((button.get(key) or "").lstrip("#") for key in keys)
        return next((self.parts[name] for name in names if name in self.parts), None)

    def _is_panel_of(self, button: Any, panel: Any) -> bool:
        if panel.tag == "nav" or panel.get("role") in {"menu", "navigation"} or not is_content(panel):
            return False
        if panel.tag in {"dialog", "template"}:
            return self.is_opened_dialog(panel)
        if _is_trigger(button) and (button.get("aria-expanded") is not None or button.get("aria-controls")):
            return True
        return is_hidden(panel) or bool(_PANEL_WORDS & _names(panel) or _TRIGGER_WORDS & _names(button))


def name_tabs(page: Any) -> None:
    """Put the name of each tab above the part that it opens: lists of tabs are menus, and menus are left out."""
    tabs = [element for element in page.xpath(_MAYBE_TABS) if _is_tab(element)]
    parts = {element.get("id"): element for element in page.xpath("//*[@id!='']")} if tabs else {}
    for tab in tabs:
        names = ((tab.get(key) or "").lstrip("#") for key in _TAB_TARGETS)
        panel = next((parts[name] for name in names if name in parts), None)
        panel = _panel_by_order(tab) if panel is None else panel
        if panel is not None and panel.tag not in {"dialog", "template", "nav"}:
            _name_panel(panel, tab)


def _name_panel(panel: Any, tab: Any) -> None:
    words, text = one_line("".join(tab.itertext())), one_line("".join(panel.itertext()))
    if not words or not text or any(above is panel for above in tab.iterancestors()):
        return
    if not text.casefold().startswith(words.casefold()):
        title = panel.makeelement("p")
        title.text, title.tail, panel.text = words, panel.text, None
        panel.insert(0, title)
    tab.drop_tree()


def _panel_by_order(tab: Any) -> Any | None:
    """Return the part of a tab that names none: the panels stand behind the list of tabs, in its order."""
    bar = next((above for above in tab.iterancestors() if above.get("role") == "tablist"), None)
    if bar is None or tab.get("role") != "tab" or (tab.get("href") or "#") != "#":
        return None
    at = int(tab.get(_ORDER) or 0)
    if not tab.get(_ORDER):
        # Tabs are dropped one by one: their places are written down at the first.
        for number, each in enumerate(each for each in bar.iter() if each.get("role") == "tab"):
            each.set(_ORDER, str(number))
        at = int(tab.get(_ORDER))
    for following in bar.itersiblings():
        panels = [each for each in following.iter() if isinstance(each.tag, str) and each.get("role") == "tabpanel"]
        outer = [each for each in panels if not any(above in panels for above in each.iterancestors())]
        if outer:
            return outer[at] if at < len(outer) else None
    return None


def _is_tab(element: Any) -> bool:
    if element.get("role") == "tab":
        return True
    return any(element.get(key) in {"tab", "pill"} for key in ("data-toggle", "data-bs-toggle"))


def has_words_beside(element: Any) -> bool:
    """Say whether text of the same line touches an element, so that it is a word of a sentence."""
    before, parent = element.getprevious(), element.getparent()
    ahead = before.tail if before is not None else parent.text if parent is not None else ""
    return bool(one_line(f"{ahead or ''}{element.tail or ''}"))


def is_fallback(noscript: Any) -> bool:
    """Say whether a `<noscript>` holds content, not a request to switch scripts on."""
    text = one_line("".join(noscript.itertext()))
    return len(text.split()) >= _MIN_WORDS and not _SCRIPT_TALK.search(text)


def _is_control(element: Any) -> bool:
    if element.tag in _CONTROL_TAGS or element.get("role") in _CONTROL_ROLES:
        return True
    return any(element.get(mark) is not None for mark in _CONTROL_MARKS)


def _is_trigger(element: Any) -> bool:
    if element.tag in {"button", "summary", "label"} or element.get("aria-expanded") is not None:
        return True
    if element.get("role") in {"tab", "button"} or element.get("onclick"):
        return True
    return (element.tag == "a" and (element.get("href") or "#")[:1] == "#") or bool(_TRIGGER_WORDS & _names(element))


def is_content(element: Any) -> bool:
    """Say whether an element holds words that are not for the most part links."""
    text = one_line(" ".join(element.itertext()))
    if len(text.split()) < _MIN_WORDS:
        return False
    linked = sum(len(one_line("".join(link.itertext()))) for link in element.iter("a"))
    return linked < _LINK_SHARE * len(text)


def _before(element: Any) -> Any | None:
    """Return the element before a hidden part, other hidden parts skipped."""
    before = element.getprevious()
    while before is not None and (not isinstance(before.tag, str) or before.tag in {"script", "style", "input", "br"}):
        before = before.getprevious()
    return before if before is not None and not _is_invisible(before) else None


def _next_to(button: Any) -> Any | None:
    """Return the element behind a button, or behind what holds nothing but the button."""
    element = button
    for _ in range(_CLIMB):
        following = next((e for e in element.itersiblings() if isinstance(e.tag, str)), None)
        if following is not None:
            return None if following.tag == "button" else following
        parent = element.getparent()
        if parent is None or one_line("".join(parent.itertext())) != one_line("".join(button.itertext())):
            return None
        element = parent
    return None


def _names(element: Any) -> set[str]:
    """Return the words in an element's id and classes."""
    return {word.lower() for word in _WORDS.findall(f"{element.get('id') or ''} {element.get('class') or ''}")}
