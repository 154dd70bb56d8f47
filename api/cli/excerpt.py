"""The part of a hit that a terminal shows: where the question's words stand; pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.context.terms import content_terms
from rag.text import words

_WORD = re.compile(r"[^\W_]+(?:['’\u00ad\u200b\u2060][^\W_]+)*")
_ELLIPSIS = "…"
_BEFORE = 0.25  # of an excerpt that does not start where its text does stands before the first match


def excerpt(text: str, question: str, size: int) -> str:
    """Return at most `size` characters of a text, as one line: its beginning, unless another part matches more.

    A part matches by how many different words of the question it holds, in any form of theirs.
    """
    line = " ".join(text.split())
    if len(line) <= size:
        return line
    start = _start(_matches(line, question), size)
    room = size - 2 * bool(start) - 2
    if start:
        start = line.rfind(" ", max(0, start - size // 8), start) + 1 or start
    end = start + room
    if end >= len(line):
        return f"{_ELLIPSIS} {line[start:]}"
    cut = line.rfind(" ", start + room // 2, end + 1)
    head = f"{_ELLIPSIS} " if start else ""
    return f"{head}{line[start : cut if cut > 0 else end].rstrip()} {_ELLIPSIS}"


def _matches(line: str, question: str) -> list[tuple[int, str]]:
    """Return where words of the question stand, and which."""
    wanted = frozenset(content_terms(question)) or frozenset(words(question))
    stems: dict[str, str] = {}
    found = []
    for match in _WORD.finditer(line):
        word = match.group()
        if word not in stems:
            stems[word] = next(iter(content_terms(word) or words(word)), "")
        if stems[word] in wanted:
            found.append((match.start(), stems[word]))
    return found


def _start(matches: Sequence[tuple[int, str]], size: int) -> int:
    """Return where the excerpt with the most different words starts: at the beginning, or some way before a match."""
    starts = [0, *(max(0, place - int(_BEFORE * size)) for place, _ in matches)]
    reach = size - size // 8 - 4  # what may be lost to whole words and marks of omission
    held = [len({term for place, term in matches if start <= place < start + reach - len(term)}) for start in starts]
    return starts[max(range(len(starts)), key=lambda i: (held[i], -i))]
