"""Page numbers in lines of text: where in a line one may stand, and whether a series of them counts the pages; pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ingest.partition.clean import one_line
from ingest.partition.grids import numeral

_NUMBER = r"(?P<number>\d{1,5}|[ivxlc]{1,8})"
_TOTAL = r"(?:\s*(?:/|of|von|de|sur|di|van|af|av|из|z)\s*\d{1,5})"
_PAGE = (
    r"(?:pages?|seite|blatt|página|pagina|pág|pag|strona|stránka|sida|side|sivu|страница|стр|sheet|slide|folie"
    r"|(?:pp?|pg|s|str)(?=\.))"
)
_DASH = r"[-\u2010-\u2015]"
_WITH_WORD = re.compile(rf"(?<![^\W_]){_PAGE}(?![^\W_])\.?\s*:?\s*{_NUMBER}(?![^\W_]){_TOTAL}?")
_CJK = re.compile(rf"第?\s*{_NUMBER}\s*(?:页|頁|ページ|쪽)")
_ALONE = re.compile(rf"\A[^\w$€£¥%+§#]*(?:(?:[a-z]|\d{{1,3}}){_DASH})?{_NUMBER}{_TOTAL}?[^\w$€£¥%]*\Z")
_AT_END = re.compile(rf"(?:[|·•\u2013\u2014]|\s{_DASH}|\s/)\s*{_NUMBER}{_TOTAL}?\Z|(?<=\s)(?P<of>\d{{1,5}}){_TOTAL}\Z")
_AT_START = re.compile(rf"\A{_NUMBER}{_TOTAL}?\s*(?:[|·•\u2013\u2014]|{_DASH}\s)")
_DIGITS = re.compile(r"\d+")
_FILLING = re.compile(rf"(?<![^\W_])(?:{_PAGE}|of|von|de|sur|di|van|af|av|из|z)(?![^\W_])|[第页頁ペジー쪽共]")
_LETTER_OR_DIGIT = re.compile(r"[^\W_]")
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}
_COUNTING_SHARE = 0.75


@dataclass(frozen=True, slots=True)
class Reading:
    """A line with the number in it that may be the page's.

    `text` is the line in lower case; in `rest` a `#` stands for the number and the count of pages after it.
    `worded` says that the number follows a word for "page", or is all that the line says.
    """

    text: str
    rest: str
    number: int | None = None
    worded: bool = False

    @property
    def pattern(self) -> str:
        """The line with all of its numbers blanked."""
        return _DIGITS.sub("#", self.rest)

    @property
    def is_bare(self) -> bool:
        """Say whether the line says nothing but the number, without the word for "page" too."""
        return self.number is not None and not _LETTER_OR_DIGIT.search(self.rest)

    @property
    def words(self) -> str:
        """What the line says beside the page number; empty for "Page 3 of 12"."""
        if self.number is None:
            return self.text
        words = _FILLING.sub(" ", self.rest) if "#" in self.rest else self.rest
        return self.rest.strip(" #|·•/–—-") if _LETTER_OR_DIGIT.search(words) else ""


def reading(text: str) -> Reading:
    """Find the number of a line that may be the page's: after "page", alone, or set off by a bar or a dash at an end.

    "Invoice 7103" and "Article 3" have none: there a number names what the words before it say.
    """
    line = one_line(text).casefold()
    for pattern, worded in ((_WITH_WORD, True), (_CJK, True), (_ALONE, False), (_AT_END, False), (_AT_START, False)):
        found = pattern.search(line)
        if found and (read := _read(line, found, worded)):
            return read
    return Reading(line, line)


def _read(line: str, found: re.Match[str], worded: bool) -> Reading | None:
    groups = found.groupdict()
    name = "number" if groups["number"] else "of"
    number = _value(groups[name])
    if number is None:
        return None
    end = found.end(name)
    total = re.compile(_TOTAL).match(line, end)
    rest = line[: found.start(name)] + "#" + line[total.end() if total else end :]
    return Reading(line, rest, number, worded)


def _value(digits: str) -> int | None:
    """Return the value of an Arabic or Roman number."""
    if digits.isdecimal():
        return int(digits)
    values = [_ROMAN[letter] for letter in digits]
    total = sum(-a if a < b else a for a, b in pairwise([*values, 0]))
    return total if numeral(total, "i") == digits else None


def counts_pages(found: Sequence[tuple[int, int]]) -> bool:
    """Say whether numbers go up as the pages do, from `(page, number)` in the order of pages; it may begin anew at 1.

    A few misprints or inserted sheets do no harm, if three in four steps are right.
    """
    steps = [(q - p, b - a, b) for (p, a), (q, b) in pairwise(found) if q > p]
    right = sum(pages == numbers or first == 1 for pages, numbers, first in steps)
    return any(pages == numbers for pages, numbers, _ in steps) and right >= _COUNTING_SHARE * len(steps)
