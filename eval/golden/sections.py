"""Sections of documents: what stands under one heading, the unit in which coverage and synthesis count."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from rag.types import NOT_CHUNKED, Block, Document, Span

_MARKS = re.compile(r"\*\*|__|``?|(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w)")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_HEADING_MARK = re.compile(r"^\s*(?:#{1,6}\s+|={2,}\s*)|\s+#+\s*$")
_NUMBERING = re.compile(r"^(?:\d+[.)]|\d+(?:\.\d+)+[.)]?|[A-Z][.)]|(?:Chapter|Section|Part)\s+\d+[.:])\s+(?=[^\W\d])")


@dataclass(frozen=True, slots=True)
class Section:
    """The blocks under one heading path, that of `headings`, without those of the headings below it."""

    doc_id: str
    headings: tuple[str, ...]
    blocks: tuple[Block, ...]

    @property
    def span(self) -> Span:
        """From the first character to the last."""
        return Span(self.blocks[0].span.start, self.blocks[-1].span.end)

    @property
    def heading(self) -> str:
        """The innermost heading as a reader says it, without marks and numbering; "" above the first one."""
        return heading_text(self.headings[-1]) if self.headings else ""

    @property
    def path(self) -> str:
        """The document and its headings down to this one."""
        return " > ".join((self.doc_id, *map(heading_text, self.headings)))


def sections_of(document: Document) -> Iterator[Section]:
    """Yield the sections that hold text which is chunked, in order."""
    body = (block for block in document.blocks if block.kind != "heading" and block.kind not in NOT_CHUNKED)
    for headings, blocks in groupby(body, key=lambda block: block.headings):
        yield Section(document.doc_id, headings, tuple(blocks))


def heading_text(heading: str) -> str:
    """Return a heading without marks and numbering."""
    return _NUMBERING.sub("", plain(_HEADING_MARK.sub("", heading))) or plain(heading)


def plain(text: str) -> str:
    """Return text as it is read: without Markdown's emphasis and link targets, on one line."""
    return " ".join(_MARKS.sub("", _LINK.sub(r"\1", text)).split())
