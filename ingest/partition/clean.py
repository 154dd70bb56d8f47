"""Pure clean-up of extracted text: whitespace, line-end hyphens, titles."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

_BROKEN_WORD = re.compile(r"[^\W\d_]{2,}-$")
_FIRST_WORD = re.compile(r"[^\W\d_]+")
_SOFT_HYPHEN = "\u00ad"
_INNER_SOFT_HYPHEN = re.compile("\u00ad(?!$)")
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u2060\ufeff\x00"))
_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_FILE_LINE_ENDS = re.compile(r"\r+\n|\r")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")

TITLE_CHARS = 160

KeepsHyphen = Callable[[str, str], bool]
"""Says whether "half" and "baked", parted by a hyphen at a line's end, are a word with a hyphen of its own."""


def one_line(text: str) -> str:
    """Return `text` without invisible characters, its whitespace runs collapsed to single spaces."""
    # Readers call this for every piece of text: most of it is ASCII, and `split` is faster than a pattern.
    if not text.isascii() or "\x00" in text:
        text = text.translate(_INVISIBLE)
    return " ".join(_CONTROL.sub(" ", text).split())


def trim_lines(text: str) -> str:
    """Return code as it stands, without trailing blanks and outer blank lines."""
    lines = [_CONTROL.sub(" ", line).rstrip() for line in _LINE_ENDS.split(text.translate(_INVISIBLE))]
    while lines and not lines[0]:
        lines.pop(0)
    while lines and not lines[-1]:
        lines.pop()
    return "\n".join(lines)


def table_text(rows: Iterable[Sequence[str]]) -> str:
    r"""Return a table as one line a row, cells joined by ' | '; empty rows and trailing empty cells are left out.

    A bar inside a cell is written `\|`, as in Markdown, so that it parts no columns.
    """
    lines = []
    for row in rows:
        cells = [one_line(cell).replace("|", "\\|") for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            lines.append(" | ".join(cells).lstrip())
    return "\n".join(line.strip() for line in lines)


def join_lines(lines: Sequence[str]) -> str:
    r"""Join the lines of one paragraph, mending words that were hyphenated at a line's end.

    A hyphen is dropped only where the next line goes on in lower case, so "non-\nNATO" keeps it.
    """
    return join_placed(lines)[0]


def join_placed(
    lines: Sequence[str], keeps_hyphen: KeepsHyphen | None = None
) -> tuple[str, tuple[tuple[int, int], ...]]:
    """Join lines as `join_lines` does; return the text and the range `[start, end)` of each line in it.

    `keeps_hyphen` is asked about the two halves of a word that a line's end parts; without it the hyphen goes.
    """
    text = ""
    ranges: list[tuple[int, int]] = []
    for line in (_INNER_SOFT_HYPHEN.sub("", one_line(line)) for line in lines):
        cut, gap = _joint(text, line, keeps_hyphen)
        if cut:
            text, ranges[-1] = text[:-cut], (ranges[-1][0], ranges[-1][1] - cut)
        text += gap
        ranges.append((len(text), len(text) + len(line)))
        text += line
    whole = text.removesuffix(_SOFT_HYPHEN)
    return whole, tuple((start, min(end, len(whole))) for start, end in ranges)


def _joint(text: str, line: str, keeps_hyphen: KeepsHyphen | None) -> tuple[int, str]:
    """Return how many characters go from the end of the text before a line, and what goes between the two."""
    if not text or not line:
        return 0, ""
    if text.endswith(_SOFT_HYPHEN):
        return 1, ""
    broken = _BROKEN_WORD.search(text)
    if broken is None or not line[0].islower():
        return 0, " "
    rest = _FIRST_WORD.match(line)
    keep = keeps_hyphen is not None and rest is not None and keeps_hyphen(broken.group()[:-1], rest.group())
    return (0, "") if keep else (1, "")


def clip(text: str, limit: int = TITLE_CHARS) -> str:
    """Return one line of at most `limit` characters, cut at a word with an ellipsis."""
    line = one_line(text)
    if len(line) <= limit:
        return line
    head = line[: limit - 1]
    if " " in head and line[limit - 1] != " ":
        head = head.rsplit(" ", 1)[0]
    return head.rstrip(" ,;:") + "…"


def line_ends(text: str) -> str:
    r"""Return the text of a file with LF line ends and without a byte order mark.

    Files come with `\r\n`, with `\r` of old Macs, and with `\r\r\n` where a program wrote `\r\n` as text.
    """
    return _FILE_LINE_ENDS.sub("\n", text.removeprefix("\ufeff")) if "\r" in text else text.removeprefix("\ufeff")


def normalise_newlines(text: str) -> str:
    """Strip a byte order mark and turn CRLF into LF; nothing else changes."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n")
