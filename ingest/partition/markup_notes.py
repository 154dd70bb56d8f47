"""Footnotes of HTML pages and e-books: which links are their marks, and which elements hold their texts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ingest.partition.clean import one_line
from ingest.partition.raised import note_mark, note_text

_EPUB_TYPE = ("{http://www.idpf.org/2007/ops}type", "epub:type")
_LABEL = re.compile(r"[\[(]?\s*(?:[\w*†‡§]{1,4}|(?:note|nb|fn|lower-alpha|n)\.?\s?\w{1,3})\s*[\])]?", re.IGNORECASE)
_BACK = frozenset({"↩", "↩︎", "⤴", "↑", "^", "↲", "⏎", "back", "return", "↵", "⬆"})
_REFERENCES = frozenset({"footnote-reference", "footnote-ref", "footnoteref", "noteref", "fnref", "fn-ref"})
_BACK_CLASSES = frozenset({"fn-backref", "footnote-backref", "footnote-back", "backref", "reversefootnote"})
_BACK_GROUP = re.compile(r"\(\s*\w{1,3}(?:\s*,\s*\w{1,3})+\s*\)")
_OWN_NUMBER = re.compile(r"(?:\[\^[^\]]{1,8}\]:?|[\[(]\s*(\w{1,4}|[*†‡§])\s*[\])]:?|(\w{1,4}|[*†‡§])[.):]?)\s+")


@dataclass(frozen=True, slots=True)
class Notes:
    """The label of the note in each element that a mark links to, by the element's id."""

    labels: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, root: Any) -> Notes:
        """Collect the labels of a page from its marks; the first mark of a note counts."""
        labels: dict[str, str] = {}
        for link in root.iter("a"):
            target = (link.get("href") or "").partition("#")[2]
            if target and _is_mark_link(link):
                labels.setdefault(target, one_line("".join(link.itertext())).strip("[]() "))
        return cls(labels)

    def is_mark(self, element: Any) -> bool:
        """Say whether a `<sup>` or a link is nothing but the mark of a note."""
        if element.tag == "a":
            return _is_mark_link(element)
        links = list(element.iter("a"))
        own = one_line("".join(element.itertext()))
        linked = one_line("".join("".join(link.itertext()) for link in links))
        return len(links) == 1 and own.strip("[]()") == linked.strip("[]()") and _is_mark_link(links[0])

    def is_back_link(self, element: Any) -> bool:
        """Say whether a link only leads back from a note to its mark."""
        if "#" not in (element.get("href") or ""):
            return False
        text = one_line("".join(element.itertext())).rstrip("\ufe0e\ufe0f").lower()
        # The name of the note itself may be the link: it is dropped where the mark stands before the text anyway.
        return text in _BACK or (_leads_back(element) and not _LABEL.fullmatch(text) and not _is_label(element))

    def label(self, element: Any) -> str:
        """Return the label of the note that an element holds, or ''."""
        return self.labels.get(element.get("id") or element.get("name") or "", "")

    def is_own_number(self, label: str, text: str) -> bool:
        """Say whether a text is nothing but the number of the note that it begins."""
        return bool(label) and len(text) <= len(label) + 4 and note_mark(text) == note_mark(label)

    def labelled(self, label: str, text: str) -> str:
        """Return the text of a note behind its mark, which takes the place of a number of its own."""
        if not label:
            return text
        match = _OWN_NUMBER.match(text)
        own = next((group for group in match.groups() if group), label) if match else ""
        rest = text[match.end() :] if match and note_mark(own) == note_mark(label) else text
        return note_text(label, rest)


def drop_back_links(root: Any) -> None:
    """Drop the links that lead from a note to each of its marks: "(1, 2, 3)"."""
    links = [link for link in root.iter("a") if _leads_back(link)]
    for group in {link.getparent() for link in links} - {None}:
        if group.getparent() is not None and _BACK_GROUP.fullmatch(one_line("".join(group.itertext()))):
            group.drop_tree()


def _leads_back(link: Any) -> bool:
    if link.get("role") == "doc-backlink" or _BACK_CLASSES & set((link.get("class") or "").split()):
        return True
    parent = link.getparent()
    return parent is not None and bool(_BACK_CLASSES & set((parent.get("class") or "").split()))


def _is_label(element: Any) -> bool:
    parent = element.getparent()
    return parent is not None and bool({"label", "brackets"} & set((parent.get("class") or "").split()))


def _is_mark_link(link: Any) -> bool:
    """Say whether a link is the mark of a note: named so, or raised and short, and leads to an anchor."""
    if "#" not in (link.get("href") or ""):
        return False
    if link.get("role") == "doc-noteref" or _REFERENCES & set((link.get("class") or "").split()):
        return True
    if any("noteref" in (link.get(key) or "") for key in _EPUB_TYPE):
        return True
    text = one_line("".join(link.itertext()))
    if not _LABEL.fullmatch(text) or text.strip("[]()^ ") == "":
        return False
    parent = link.getparent()
    if any(child.tag == "sup" for child in link) and not (link.text or "").strip():
        return True
    return parent is not None and parent.tag == "sup"
