"""Sentences and words with exact offsets; the one place that decides where a sentence ends."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rag.types import Span

_ABBREVIATIONS = frozenset(
    """al approx ave bldg blvd ca cf co corp dept dr e.g ed eds eq esp est etc ex figs gen gov hon i.e inc jr ltd mr mrs
    ms prof rep rev sen sgt sr st tel univ u.k u.s vs""".split()
)
_BEFORE_NUMBERS = frozenset("art ch col fig max min no nos op p para pp sec v ver vol vols".split())
# a reference behind a full stop: [1], [1–3], [^2], [a], [note 4], [1](https://…), raised figures
_REFERENCE = r"""(?:\[\^?(?:\d{1,4}(?:[ ]?[,;–-][ ]?\d{1,4})*+|[a-z]|(?:note|nb|n)[ ]?\d{1,3}|citation[ ]needed)\]
    (?:\([^()\s]{0,2000}\))?+|[［【]\d{1,4}[］】]|[¹²³⁴-⁹⁰]{1,4})"""
_BREAK = re.compile(
    rf"""(?P<stop>(?<![.!?…])[.!?…]++)(?:["'”’)\]]|{_REFERENCE})*+(?=\s)  # a stop, what closes around it, white space
    |(?P<wide>[。！？]+(?:[」』”）]|{_REFERENCE})*+)         # CJK stops need no white space
    |(?P<line>\n[ \t]*\n\s*)                             # a blank line
    |(?P<item>\n(?=[ \t]*(?:[-*+•]\s|\d{{1,3}}[.)]\s|\||\#{{1,6}}\s|>\s?|```|~~~)))  # before a list item or a heading
    |(?P<row>(?<=\ \|)\n|(?<=\|)\n|\n(?=\|\ |[^\n]*\ \|\ ))                           # around a table row
    |(?P<head>(?<![^\n])\#{{1,6}}\ [^\n]*\n)                                       # after a heading
    """,
    re.VERBOSE,
)
_MAY_BREAK = re.compile(r"[.!?…。！？\n#]")  # what _BREAK starts with: looked for alone, it is found five times as fast
_LAST_WORD = re.compile(r"[^\s(\[\"'“‘]+$")
_NEXT = re.compile(r"\s+(\S)")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))


def sentences(text: str) -> list[Span]:
    """Return the spans of the sentences of `text`, in order.

    A span neither starts nor ends with white space, and together they cover everything else. Table rows, headings
    and list items are sentences of their own; a line break inside a paragraph does not end one.
    """
    spans = []
    start = 0
    for cut in (*_cuts(text), len(text)):
        piece = text[start:cut]
        stripped = piece.strip()
        if stripped:
            left = start + len(piece) - len(piece.lstrip())
            spans.append(Span(left, left + len(stripped)))
        start = cut
    return spans


def words(text: str) -> list[str]:
    """Return the words of `text`, lower-cased, in order: runs of letters and digits, inner apostrophes kept."""
    return [word.lower() for word in _WORD.findall(unbroken(text))]


def unbroken(text: str) -> str:
    """Return `text` without soft hyphens and zero-width characters, which say where a word may break, not that it ends.

    Offsets in the result are not those of `text`.
    """
    return text if text.isascii() else text.translate(_INVISIBLE)


def word_spans(text: str) -> list[tuple[int, int]]:
    """Return the `[start, end)` ranges of what `words` returns."""
    return [match.span() for match in _WORD.finditer(text)]


def _cuts(text: str) -> Iterator[int]:
    position = 0
    while start := _MAY_BREAK.search(text, position):
        match = _BREAK.match(text, start.start())
        position = match.end() if match else start.end()
        if match and (match["stop"] is None or _ends_sentence(text, match)):
            yield position


def _ends_sentence(text: str, match: re.Match[str]) -> bool:
    """Say whether a full stop ends a sentence, rather than an abbreviation, an initial or a list number."""
    following = _NEXT.match(text, match.end())
    if following is None:
        return True
    if following.group(1).islower():
        return False
    word = _LAST_WORD.search(text, max(0, match.start() - 24), match.start())
    if match["stop"] != "." or word is None:
        return True
    last = word.group()
    is_initial = len(last) == 1 and last.isupper()
    is_item_number = last.isdigit() and _starts_line(text, word.start())
    numbered = following.group(1).isdigit() and last.lower() in _BEFORE_NUMBERS
    return not (is_initial or is_item_number or numbered or last.lower() in _ABBREVIATIONS)


def _starts_line(text: str, position: int) -> bool:
    # Step by step: looking for the line's start would cost its whole length, for every number of a very long line.
    while position and text[position - 1] != "\n":
        position -= 1
        if not text[position].isspace():
            return False
    return True


_ASKING = frozenset("what who whom whose which where when why how do does did is are was were the an of to".split())
_WORDS = re.compile(r"\w+")


def words_as_names(question: str) -> frozenset[str]:
    """Return the words of a question that could be names: with capitals as they are written, else in lower case.

    Words that only ask are left out, unless there are no others.

    >>> [sorted(words_as_names(question)) for question in ("What does IT do?", "Who is it?", "What is?")]
    [['IT'], ['it'], ['is', 'what']]
    """
    words = _WORDS.findall(question)
    first = words[:1]
    kept = [word if is_cased(word) and not (word in first and word.istitle()) else word.lower() for word in words]
    return frozenset(kept) - _ASKING or frozenset(kept)


def is_cased(word: str) -> bool:
    """Say whether a word is written with a capital; one letter says nothing."""
    return word != word.lower() and len(word) > 1
