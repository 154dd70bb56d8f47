"""Which code page of a Latin script bytes are in: the one whose letters are those of one language.

Statistics over all encodings take a short list of French or Danish names for Hungarian, and read è as č.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache

_WESTERN = (  # as one string, or with blanks where an entry has two letters
    "àâæçèéêëîïôœùûüÿ",  # French
    "äöüßéè",  # German
    "áéíñóúüçàèòïª",  # Spanish, Catalan
    "à á â ã ç é ê í ó ô ú ü õe",  # Portuguese
    "àèéìîòùó",  # Italian
    "åäöæøéüèô",  # Danish, Norwegian, Swedish, Finnish
    "áðéíóúýþæö",  # Icelandic
    "ëïéèöüáóê",  # Dutch
)
_PAGES = (
    ("cp1252", _WESTERN),
    ("cp1250", ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "ăâîşţ", "čćđšž")),
    ("cp1257", ("ąčęėįšųūž", "āčēģīķļņšūž", "ä ö õ õe ü š ž")),
    ("cp1254", ("çğıİöşüâîû",)),
    ("cp850", _WESTERN),
    ("mac_roman", _WESTERN),
)
_HIGH = re.compile(rb"[\x80-\xff]+")
_WORD = re.compile(rb"[A-Za-z\x80-\xff'&.,;:-]*[\x80-\xff][A-Za-z\x80-\xff'-]*")
_JOINS = frozenset("’‘–—·…&´`'/®™")  # stand between two letters
_LONGEST_RUN = 2.5
_MOST_MISSES = 0.1


def latin_page(data: bytes) -> str:
    """Return the encoding of text in a Latin script, '' where the bytes look like another script.

    Ties go to the page of Western Europe, which most programs write.
    """
    runs = _HIGH.findall(data)
    total = sum(map(len, runs))
    if not runs or total > _LONGEST_RUN * len(runs):
        return ""
    words = Counter(_WORD.findall(data))
    misses = [(*_misses(words, page, alphabets), at) for at, (page, alphabets) in enumerate(_PAGES)]
    _, unknown, at = min(misses, key=lambda found: (found[0], found[2]))
    return _PAGES[at][0] if unknown <= max(1, total) * _MOST_MISSES else ""


def _misses(words: Counter[bytes], page: str, alphabets: tuple[str, ...]) -> tuple[int, int]:
    """Return how many characters do not fit the language that they fit best, and how many fit none of the page."""
    odd = 0
    letters: Counter[str] = Counter()
    for word, count in words.items():
        text = word.decode(page, errors="replace")
        for at, sign in enumerate(text):
            if sign.isascii():
                continue
            if not sign.isalpha() or sign in "ªº":
                odd += count * _is_odd_sign(text, at)
            elif sign.isupper() and at and text[at - 1].islower():
                odd += count
            else:
                # Portuguese writes õ before e only, Hungarian never there.
                lower = sign if sign == "İ" else sign.lower()
                letters["õe" if text[at : at + 2].lower() == "õe" else lower] += count
    strangers = [sum(n for letter, n in letters.items() if letter not in _entries(alphabet)) for alphabet in alphabets]
    return odd + min(strangers), odd + sum(
        n for letter, n in letters.items() if not any(letter in _entries(alphabet) for alphabet in alphabets)
    )


def _is_odd_sign(text: str, at: int) -> bool:
    """Say whether a sign stands where none does: between two letters, or a control character."""
    sign = text[at]
    if sign == "\ufffd" or unicodedata.category(sign) in {"Cc", "Cn", "Co"}:
        return True
    if sign in _JOINS:
        return False
    before, after = text[at - 1 : at] if at else "", text[at + 1 : at + 2]
    is_inside = before.isalpha() and after.isalpha()
    # Letters of other pages look like these signs at the edge of a word, too.
    return is_inside or (sign in "¹³¿£¥¼¾¤¢‚„ƒˆ‰‹ŒŽ‡†" and after.isalpha() and sign not in "¿£¥„‚‹")


@lru_cache
def _entries(alphabet: str) -> frozenset[str]:
    return frozenset(alphabet.split() if " " in alphabet else alphabet)
