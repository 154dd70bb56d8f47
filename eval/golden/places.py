"""Where a passage stands in a text, and how two texts that look alike differ."""

from __future__ import annotations

import re
import unicodedata
from difflib import SequenceMatcher
from itertools import zip_longest

_BEFORE = 12
_AFTER = 28


def places(passage: str, text: str) -> list[tuple[int, int]]:
    r"""Return every `[start, end)` at which a text holds a passage; runs of white space count as equal.

    >>> places("thirty days", "within thirty\ndays"), places("thirty days", "30 days")
    ([(7, 18)], [])
    """
    if not passage:
        return []
    parts = (r"\s+" if part.isspace() else re.escape(part) for part in re.split(r"(\s+)", passage))
    return [match.span() for match in re.finditer("".join(parts), text)]


def first_difference(there: str, wanted: str) -> str:
    """Return what two texts have from their first difference on, with a little before it.

    Characters that look alike are written as their codes.

    >>> first_difference("Refunds take 30 days.", "Refunds take 14 days.")
    "'unds take 30 days.' there, not 'unds take 14 days.' (from character 13)"
    """
    pairs = enumerate(zip_longest(there, wanted))
    at = next((i for i, (one, other) in pairs if one != other), len(there))
    left, right = (text[max(0, at - _BEFORE) : at + _AFTER] for text in (there, wanted))
    show = ascii if _look_alike(left, right) else repr
    return f"{show(left)} there, not {show(right)} (from character {at})"


def marked_difference(first: str, second: str) -> str:
    """Return the first text with `[-what only it has-]` and `{+what only the second has+}`, by words.

    >>> marked_difference("How long is the warranty?", "How long was the warranty?")
    'How long [-is-]{+was+} the warranty?'
    """
    ours, theirs = first.split(), second.split()
    parts: list[str] = []
    for kind, low, high, start, end in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        gone, come = " ".join(ours[low:high]), " ".join(theirs[start:end])
        if kind == "equal":
            parts.append(gone)
            continue
        if _look_alike(gone, come):
            gone, come = (text.encode("ascii", "backslashreplace").decode() for text in (gone, come))
        parts.append((f"[-{gone}-]" if gone else "") + (f"{{+{come}+}}" if come else ""))
    return " ".join(parts)


def _look_alike(first: str, second: str) -> bool:
    return first != second and unicodedata.normalize("NFKC", first) == unicodedata.normalize("NFKC", second)
