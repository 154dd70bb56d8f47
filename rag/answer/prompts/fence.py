"""Keeps text of documents and callers inside the `<passage>` elements of a prompt."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

_OPENERS = "<＜﹤‹〈〈⟨⧼❬❮❰˂ᐸᚲ≺"
_CLOSERS = ">＞﹥›〉〉⟩⧽❭❯❱˃ᐳ≻"
_QUOTES = '"＂“”„‟″❝❞'
# the ways to write a "<" or a ">" or a quotation mark that a model may read as one
_ENTITIES = {
    "<": r"&(?:amp;)*(?:lt|\#0*60|\#x0*3c);?|\\(?:u\{?0*3c\}?|x3c|074)|%3c",
    ">": r"&(?:amp;)*(?:gt|\#0*62|\#x0*3e);?|\\(?:u\{?0*3e\}?|x3e|076)|%3e",
    '"': r"&(?:amp;)*(?:quot|\#0*34|\#x0*22);?|\\(?:u\{?0*22\}?|x22|042)|%22",
}
_OPENER = re.compile(rf"[{_OPENERS}]|{_ENTITIES['<']}", re.IGNORECASE)
_WRITTEN = re.compile(rf"(?:{_ENTITIES['<']})\Z", re.IGNORECASE)
_LONGEST_ESCAPE = 64
# letters of other scripts that look like ours and have no compatibility decomposition to them
_TWINS = {"p": "рРρΡⲣᴘ", "a": "аАαΑɑᴀ", "s": "ѕЅꜱʂ", "g": "ɡɢԍԌ", "e": "еЕεΕҽᴇєꬲ"}
# Latin with marks, phonetic forms, letters in circles, mathematical alphabets, full width
_LOOKALIKES = ((0xAA, 0x250), (0x1D00, 0x1F00), (0x2070, 0x2190), (0x2460, 0x2500), (0xFF00, 0xFFF0))
_BEYOND = ((0x1D400, 0x1D800), (0x1F100, 0x1F200))


def fenced(text: str) -> str:
    """Return the text with no `<passage` or `</passage` in it, however written: their `<` becomes `(`.

    Full-width and small forms, look-alikes, escapes, entities, and characters that nobody sees count as well.
    """
    pieces = []
    position = 0
    for word in _word().finditer(text):
        start = word.start()
        first = _before_marks(text, start, position)
        pieces += (text[position:first], _OPENER.sub("(", text[first:start]))
        position = start
    return "".join([*pieces, text[position:]])


def attribute(text: str) -> str:
    """Return the text on one line, without marks that could end a quoted attribute or its element."""
    line = _marks('"', _QUOTES).sub("'", fenced(" ".join(text.split())))
    return _marks(">", _CLOSERS).sub(")", _marks("<", _OPENERS).sub("(", line))


def _before_marks(text: str, position: int, stop: int) -> int:
    """Return where the marks, spaces and written-out `<` that end at a position begin, at `stop` at the earliest."""
    while True:
        while position > stop and not text[position - 1].isalnum():
            position -= 1
        written = _WRITTEN.search(text, max(stop, position - _LONGEST_ESCAPE), position)
        if written is None:
            return position
        position = written.start()


@cache
def _word() -> re.Pattern[str]:
    return re.compile(r"[\W_]*".join(f"[{_forms(letter)}]" for letter in "passage"), re.IGNORECASE)


@cache
def _marks(mark: str, forms: str) -> re.Pattern[str]:
    return re.compile(rf"[{forms}]|{_ENTITIES[mark]}", re.IGNORECASE)


@cache
def _forms(letter: str) -> str:
    """Return every character that is this letter without its marks, font and case, and those that look like it."""
    ranges = (*_LOOKALIKES, *_BEYOND)
    found = [chr(code) for start, end in ranges for code in range(start, end) if _plain(chr(code)) == letter]
    return "".join([letter, letter.upper(), *_TWINS[letter], *found])


def _plain(character: str) -> str:
    decomposed = unicodedata.normalize("NFKD", character)
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()
