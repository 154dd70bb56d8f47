"""Bars of a page that lead to the pages beside it: "Prev | Up | Next".

Generators of documentation write them above and below the text of each page, as tables, paragraphs or lists without a
name that says so. The links give them away: all of them turn pages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ingest.partition.clean import one_line

_MAX_CHARS = 300
_MAX_TITLE_CHARS = 120
_BARS = frozenset({"table", "div", "p", "ul", "ol", "center", "section", "footer", "header", "span", "dl"})
_NOT_BARS = ("h1", "h2", "h3", "h4", "h5", "h6", "pre")
_BESIDE = frozenset({"prev", "previous", "next"})
_RELATIONS = _BESIDE | {"up", "index", "contents", "start", "top", "home", "first", "last", "glossary", "toc"}
_WORDS_BESIDE = (
    "prev previous next back forward zurück weiter précédent suivant anterior siguiente precedente successivo vorige"
    " volgende föregående nästa"
)
_WORDS = f"{_WORDS_BESIDE} up top home index contents toc main chapter page section topic article lesson"
_TURNS = re.compile(rf"(?:{'|'.join(_WORDS.split())})(?:\s+(?:page|chapter|section|topic|article|lesson))?")
_TURNS_BESIDE = re.compile(
    rf"(?:{'|'.join(_WORDS_BESIDE.split())})\b(?:\s+(?:page|chapter|section|topic|article|lesson))?"
)
_NAMED = re.compile(rf"{_TURNS_BESIDE.pattern}\s*[:»›→—]")
_LABELS = frozenset(_WORDS.split()) | {"table", "of"}
_SIGNS = " \t«»‹›<>←→⇐⇒↑▲◀▶|[]()·•:-–—"


def turner_bars(page: Any, sizes: Mapping[Any, int]) -> set[Any]:
    """Return the outermost elements of a page that hold nothing but links to the pages beside it.

    `sizes` are the characters of text below each element.
    """
    links = [link for link in page.iter("a") if sizes.get(link, 0) <= _MAX_CHARS and _turns(link)]
    if len(links) < 2:
        return set()
    turning = set(links)
    bars: set[Any] = set()
    for link in links:
        bar = None
        for above in link.iterancestors():
            if sizes.get(above, 0) > _MAX_CHARS or not _holds_only(above, turning):
                break
            bar = above if above.tag in _BARS else bar
        if bar is not None and _is_bar(bar):
            bars.add(bar)
    return bars


def _turns(link: Any) -> bool:
    """Say whether a link leads to a page beside, above or at the start of this one."""
    relation = link.get("rel")
    if relation is None and (link.get("href") or "#").startswith("#"):
        return False
    if relation is not None and _RELATIONS & set(relation.lower().split()):
        return True
    words = _shown(link)
    return bool(_TURNS.fullmatch(words) or _NAMED.match(words))


def _turns_beside(link: Any) -> bool:
    return bool(_BESIDE & set((link.get("rel") or "").lower().split()) or _TURNS_BESIDE.match(_shown(link)))


def _shown(link: Any) -> str:
    parts = [link.text or ""]
    if len(link):
        parts = [*link.itertext(), *(image.get("alt") or "" for image in link.iter("img"))]
    return one_line(" ".join(parts)).strip(_SIGNS).casefold()


def _holds_only(element: Any, turning: set[Any]) -> bool:
    if next(element.iterdescendants(*_NOT_BARS), None) is not None:
        return False
    return all(link in turning for link in element.iterdescendants("a"))


def _is_bar(element: Any) -> bool:
    links = list(element.iterdescendants("a"))
    if len(links) < 2 or not any(map(_turns_beside, links)):
        return False
    outside = _outside(element)
    if element.tag == "table" or next(element.iterdescendants("table"), None) is not None:
        return len(outside) <= _MAX_TITLE_CHARS  # the titles of the page and of its chapter
    return set(re.findall(r"\w+", outside.casefold())) <= _LABELS


def _outside(element: Any) -> str:
    """Return the text of an element that is in no link."""
    parts = [element.text or ""]
    for child in element:
        if isinstance(child.tag, str) and child.tag != "a":
            parts.append(_outside(child))
        parts.append(child.tail or "")
    return one_line(" ".join(parts))
