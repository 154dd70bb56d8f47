"""Pure clean-up of extracted text: whitespace, line-end hyphens, running headers, titles."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

_SPACE = re.compile(r"\s+")
_DIGITS = re.compile(r"\d+")
_BROKEN_WORD = re.compile(r"[^\W\d_]{2,}-$")
_SOFT_HYPHEN = "\u00ad"
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u2060\ufeff\x00"))
_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")

TITLE_CHARS = 160


def one_line(text: str) -> str:
    """Return `text` without invisible characters, its whitespace runs collapsed to single spaces."""
    return _SPACE.sub(" ", _CONTROL.sub(" ", text.translate(_INVISIBLE))).strip()


def trim_lines(text: str) -> str:
    """Return code as it stands, without trailing blanks and outer blank lines."""
    lines = [_CONTROL.sub(" ", line).rstrip() for line in _LINE_ENDS.split(text.translate(_INVISIBLE))]
    while lines and not lines[0]:
        lines.pop(0)
    while lines and not lines[-1]:
        lines.pop()
    return "\n".join(lines)


def table_text(rows: Iterable[Sequence[str]]) -> str:
    """Return a table as one line a row, cells joined by ' | '; empty rows and trailing empty cells are left out."""
    lines = []
    for row in rows:
        cells = [one_line(cell) for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            lines.append(" | ".join(cells).lstrip())
    return "\n".join(line.strip() for line in lines)


def join_lines(lines: Sequence[str]) -> str:
    r"""Join the lines of one paragraph, mending words that were hyphenated at a line's end.

    A hyphen is dropped only where the next line goes on in lower case, so "non-\nNATO" keeps it.
    """
    text = ""
    for line in (one_line(line) for line in lines):
        if not line:
            continue
        if text.endswith(_SOFT_HYPHEN):
            text = text[:-1] + line
        elif _BROKEN_WORD.search(text) and line[0].islower():
            text = text[:-1] + line
        else:
            text = f"{text} {line}" if text else line
    return text.replace(_SOFT_HYPHEN, "")


def clip(text: str, limit: int = TITLE_CHARS) -> str:
    """Return one line of at most `limit` characters, cut at a word with an ellipsis."""
    line = one_line(text)
    if len(line) <= limit:
        return line
    head = line[: limit - 1]
    if " " in head and line[limit - 1] != " ":
        head = head.rsplit(" ", 1)[0]
    return head.rstrip(" ,;:") + "…"


def repeated_lines(pages: Sequence[Iterable[str]], share: float = 0.5, minimum: int = 3) -> frozenset[str]:
    """Return the margin lines, as `margin_key`, that stand on more than `share` of the pages.

    They must stand on at least `minimum` pages, or on both of two.
    """
    counts: Counter[str] = Counter()
    for lines in pages:
        counts.update({margin_key(line) for line in lines})
    needed = max(2, min(minimum, len(pages)), int(len(pages) * share) + 1)
    return frozenset(key for key, count in counts.items() if key and count >= needed)


def margin_key(line: str) -> str:
    """Return a line with its numbers blanked, so that 'Page 3' and 'Page 4' are the same line."""
    return _DIGITS.sub("#", one_line(line)).casefold()


def normalise_newlines(text: str) -> str:
    """Strip a byte order mark and turn CRLF into LF; nothing else changes."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n")
