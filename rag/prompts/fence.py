"""Keeps text of documents and callers inside the `<passage>` elements of a prompt."""

from __future__ import annotations

import html
import re
import unicodedata
from functools import cache
from urllib.parse import unquote

_OPENERS = "<＜﹤‹〈〈⟨⧼❬❮❰˂ᐸᚲ≺"
_CLOSERS = ">＞﹥›〉〉⟩⧽❭❯❱˃ᐳ≻"
_QUOTES = '"＂“”„‟″❝❞'
_OPENER = re.compile(f"[{_OPENERS}]")
_MARKS = str.maketrans({**dict.fromkeys(_OPENERS, "("), **dict.fromkeys(_CLOSERS, ")"), **dict.fromkeys(_QUOTES, "'")})
_MAY_BE_WRITTEN = re.compile(r"[&%\\]")
_AMPERSANDS = re.compile(r"&(?:amp;)+")
_BACKSLASHED = re.compile(r"\\(?:u\{0*([\da-f]{1,6})\}|u([\da-f]{4})|x([\da-f]{2}))", re.IGNORECASE)
_ROUNDS = 4  # an escape written by an escape, and so on
# letters of other scripts that look like ours and have no compatibility decomposition to them
_TWINS = {"p": "рРρΡⲣᴘ", "a": "аАαΑɑᴀ", "s": "ѕЅꜱʂ", "g": "ɡɢԍԌ", "e": "еЕεΕҽᴇєꬲ"}
# Latin with marks, phonetic forms, letters in circles, full width, mathematical alphabets
_LOOKALIKES = ((0xAA, 0x250), (0x1D00, 0x1F00), (0x2070, 0x2190), (0x2460, 0x2500), (0xFF00, 0xFFF0))
_BEYOND = ((0x1D400, 0x1D800), (0x1F100, 0x1F200))


def fenced(text: str) -> str:
    """Return the text with no `<passage` or `</passage` in it, however written: their `<` becomes `(`.

    Full-width and small forms, look-alikes, and characters that nobody sees count as well. A text that hides one behind
    entities or escapes goes out with these resolved.
    """
    read = _resolved(text)
    if read != text and _opened(read) != read:
        text = read
    return _opened(text)


def attribute(text: str) -> str:
    """Return the text on one line, without marks that could end a quoted attribute or its element."""
    return " ".join(_resolved(text).translate(_MARKS).split())


def _opened(text: str) -> str:
    """Return the text with a `(` for every `<` that has only marks and spaces between it and the word."""
    pieces: list[str] = []
    position = 0
    for word in _word().finditer(text):
        start = first = word.start()
        while first > position and not text[first - 1].isalnum():
            first -= 1
        pieces += (text[position:first], _OPENER.sub("(", text[first:start]))
        position = start
    return "".join([*pieces, text[position:]])


def _resolved(text: str) -> str:
    """Return what a reader sees who resolves HTML entities, percent signs and backslashes."""
    for _ in range(_ROUNDS):
        if not _MAY_BE_WRITTEN.search(text):
            break
        before, text = text, _BACKSLASHED.sub(_character, unquote(html.unescape(_AMPERSANDS.sub("&", text))))
        if text == before:
            break
    return text


def _character(match: re.Match[str]) -> str:
    code = int(match[1] or match[2] or match[3], 16)
    return chr(code) if code <= 0x10FFFF and not 0xD800 <= code < 0xE000 else match.group()


@cache
def _word() -> re.Pattern[str]:
    return re.compile(r"[\W_]*".join(f"[{_forms(letter)}]" for letter in "passage"), re.IGNORECASE)


@cache
def _forms(letter: str) -> str:
    """Return every character that is this letter without its marks, font and case, and those that look like it."""
    ranges = (*_LOOKALIKES, *_BEYOND)
    found = [chr(code) for start, end in ranges for code in range(start, end) if _plain(chr(code)) == letter]
    return "".join([letter, letter.upper(), *_TWINS[letter], *found])


def _plain(character: str) -> str:
    decomposed = unicodedata.normalize("NFKD", character)
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()
