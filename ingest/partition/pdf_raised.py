"""Raised and lowered characters of PDF pages, told by size and baseline; pure.

A PDF only says where each character stands: 10⁶ is a small "6" a little higher up behind "10". Without a look at its
place it would be read as 106.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from ingest.partition.pdf_page import Line, joined
from ingest.partition.raised import lowered, raised

_SMALLER = 0.9
_SMALLEST = 0.35
_RISE = (0.15, 0.7)
_FALL = (0.08, 0.55)
_ADJACENT = 0.25
_NO_BLANK = 0.1
_MARK_CHARS = 5
# The step down from a raised digit looks like the start of another word.
_ENDS_IN_MARK = re.compile(r"(?:\^[-+]?\w+|\[\^\w+\]|_\w+)\Z")


@dataclass(frozen=True, slots=True)
class Run:
    """Characters of one word in one size on one baseline (y downwards, in points)."""

    text: str
    size: float
    baseline: float


def base_of(runs: Sequence[Run]) -> Run:
    """Return the run on whose baseline a word stands: the first of the largest."""
    return max(runs, key=lambda run: run.size)


def written(runs: Sequence[Run], before: str, after: str) -> str:
    """Return the text of a word whose parts stand at several heights.

    `before` and `after` are the texts around it on its line.
    """
    base = base_of(runs)
    text = ""
    for i, run in enumerate(runs):
        rest = "".join(other.text for other in runs[i + 1 :]) + after
        rise = _rise(run.size, run.baseline, base.size, base.baseline)
        if rise > 0:
            text += raised(before + text, run.text, rest)
        elif rise < 0:
            text += lowered(before + text, run.text, rest)
        else:
            text += run.text
    return text


def _rise(size: float, baseline: float, base_size: float, base_line: float) -> int:
    """Return 1 for what is raised, -1 for what is lowered, 0 for what stands on the baseline or is not small."""
    if not _SMALLEST * base_size < size < _SMALLER * base_size:
        return 0
    rise = (base_line - baseline) / base_size
    return int(_RISE[0] < rise < _RISE[1]) - int(_FALL[0] < -rise < _FALL[1])


def marked(words: Sequence[Line]) -> Iterator[Line]:
    """Yield the words of a page, those that are a raised or lowered mark of a neighbour written as such.

    A mark behind a word becomes a part of it; one before a word (of a footnote's text) stays a word.
    """
    pending: Line | None = None
    for word, after in zip_longest(words, words[1:]):
        if pending is not None and _may_be_mark(word, pending) and (rise := _beside(pending, word)):
            sign = raised if rise > 0 else lowered
            mark = replace(word, text=sign(pending.text, word.text, after.text if after else ""))
            pending = _with(pending, mark, "" if _gap(pending, word) < _ADJACENT else " ")
        elif pending is not None and _ENDS_IN_MARK.search(pending.text) and _goes_on(pending, word):
            pending = _with(pending, word, "")
        else:
            if pending is not None:
                yield pending
            pending = word
            if after is not None and _may_be_mark(word, after) and _beside(after, word) > 0:
                pending = replace(word, text=raised("", word.text, " " + after.text).strip())
    if pending is not None:
        yield pending


def _with(base: Line, mark: Line, separator: str) -> Line:
    whole = joined([base, mark], separator)
    return replace(whole, top=base.top, bottom=base.bottom, size=base.size, bold=base.bold)


def _gap(before: Line, after: Line) -> float:
    return (after.left - before.right) / before.size


def _goes_on(before: Line, word: Line) -> bool:
    """Say whether a word follows without a blank, as the rest of a word does after its raised digit."""
    return abs(_gap(before, word)) < _NO_BLANK and abs(before.baseline - word.baseline) < _NO_BLANK * before.size


def _may_be_mark(word: Line, base: Line) -> bool:
    return word.size < _SMALLER * base.size and len(word.text) <= _MARK_CHARS


def _beside(base: Line, mark: Line) -> int:
    """Return whether a mark that stands next to a word is raised (1), lowered (-1) or neither (0)."""
    gap = max(mark.left - base.right, base.left - mark.right)
    if not -0.5 * base.size < gap < base.size:
        return 0
    return _rise(mark.size, mark.baseline, base.size, base.baseline)
