"""What must be said together: a sentence that ends in a colon with what it introduces, a fenced block as a whole; pure.

"Set these variables:" answers nothing, and half a fenced block would turn all that follows it into code.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from rag.context.tags import fences
from rag.tables import is_row
from rag.text import sentences
from rag.types import Span

LONGEST = 1500
"""Characters that are said together at most; a longer list is cut behind a line, longer code is not said as a whole."""

_COLON = re.compile(r"[:：][\"'”’)*_`]*\s*(?:\[\^?\d[^\[\]]{0,40}\])*$")
_LINE = re.compile(r"[^\n]*\n?")
_ITEM = re.compile(r"[ \t>]*(?:[-*+•–◦▪‣][ \t]|\(?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,5})[.)][ \t])")
_DEFINES = re.compile(r"[ \t]*:[ \t]+\S")
_HEADING = re.compile(r"#{1,6}[ \t]")
_INDENTED = re.compile(r"(?: {4}|\t)[ \t]*\S")
_FENCE = re.compile(r"^[ \t>]*(?:`{3,}|~{3,})[^\n]*\n?", re.MULTILINE)

_Goes = Callable[[str, bool], bool]
"""Whether a line belongs to a block that has begun; the second value says whether it follows a blank line."""


def said_with(text: str, said: Span) -> Span | None:
    """Return the range that must be said so that a sentence of a text says something; None where there is none.

    Args:
        text: A range of a document.
        said: The sentence in it.
    """
    for begin, end in fences(text):
        if begin < said.end and said.start < end and end - begin <= LONGEST:
            return Span(begin, end)
    marks = _FENCE.match(text, said.start, said.end)
    said = Span(marks.end(), said.end) if marks else said
    if _COLON.search(text[said.start : said.end]) is None:
        return said
    block = _introduced(text, said.end)
    return Span(said.start, block.end) if block else None


def _introduced(text: str, position: int) -> Span | None:
    """Return the block that begins behind a colon: code, a list, definitions, a table, or else the next sentence."""
    rest = text[position:]
    start = text.rfind("\n", 0, position + len(rest) - len(rest.lstrip())) + 1
    first = _line(text, max(start, position))
    if not first.strip() or _HEADING.match(first):
        return None
    start = max(start, position)
    if _FENCE.match(first):
        ends = (end for begin, end in fences(text) if begin >= start)
        return _shortened(text, start, next(ends, start))
    return _shortened(text, start, _end(text, start, first))


def _end(text: str, start: int, first: str) -> int:
    """Return where the block that begins with a line ends."""
    if _ITEM.match(first):
        return _run(text, start, lambda line, parted: bool(_ITEM.match(line)) or line[:1].isspace() or not parted)
    if _INDENTED.match(first):
        return _run(text, start, lambda line, _: line[:1].isspace())
    if _DEFINES.match(_line(text, start + len(first))):
        return _definitions(text, start)
    if is_row(first):
        return _run(text, start, lambda line, parted: not parted and is_row(line))
    return start + next((span.end for span in sentences(text[start : start + LONGEST])), 0)


def _definitions(text: str, start: int) -> int:
    """Return where terms with their definitions below, parted by blank lines or not, end."""
    end = position = start
    while position < len(text):
        term = _line(text, position)
        if term.strip() and not _DEFINES.match(_line(text, position + len(term))):
            break
        position += len(term)
        if term.strip():
            end = position = _run(text, position, lambda line, parted: not parted and _continues(line))
    return end


def _continues(line: str) -> bool:
    return bool(_DEFINES.match(line)) or line[:1].isspace()


def _run(text: str, start: int, goes: _Goes) -> int:
    position, end, parted = start, start, False
    while position < len(text):
        line = _line(text, position)
        if line.strip():
            if _HEADING.match(line) or position > start and not goes(line, parted):
                break
            end = position + len(line)
        parted = not line.strip()
        position += len(line)
    return end


def _shortened(text: str, start: int, end: int) -> Span | None:
    """Return a block without its last lines where it is too long or ends inside a fence; None if nothing is left."""
    if end - start > LONGEST:
        end = text.rfind("\n", start, start + LONGEST)
    marks = [match.start() for match in _FENCE.finditer(text[start : max(start, end)])]
    if len(marks) % 2:
        end = start + marks[-1]
    kept = text[start : max(start, end)].rstrip()
    return Span(start, start + len(kept)) if kept.strip() else None


def _line(text: str, position: int) -> str:
    found = _LINE.match(text, position)
    return found.group() if found else ""
