"""Text to BM25 terms, the same way at index time and at query time."""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Callable, Iterable
from itertools import pairwise

from rag.errors import UnknownKeyError
from rag.settings import Bm25Settings
from rag.text import unbroken

# Runs of word characters, joined by the signs that hold identifiers, versions and names together; `C++` and `C#`.
_RUN = re.compile(r"\d{1,3}(?:,\d{3})+(?![\w,])|\b[A-Za-z](?:\+\+|#)(?!\w)|\w+(?:[.\-'’]\w+)*")
# Letters of scripts that put no blank between words: Chinese, Japanese, Thai, Lao, Khmer, Burmese; and Korean, which
# glues particles to them. Their words are found by pairs of letters.
_UNSPACED = (
    "\u0e01-\u0e7f\u0e81-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3130-\u318f\u3400-\u4dbf"
    + ("\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff")
)
_PIECES = re.compile(rf"[{_UNSPACED}]+|[^{_UNSPACED}]+")
_HAS_UNSPACED = re.compile(rf"[{_UNSPACED}]")
# Vowel signs and tones over and below letters, which no run of word characters holds.
_SIGNS = re.compile(
    r"[\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ecd\u102b-\u103e\u17b4-\u17d3\u3099\u309a]+"
)
_GROUPED_NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+")
_PART = re.compile(r"\d+(?:\.\d+)*|[^\W\d_]+")
_VERSION = re.compile(r"\d+(?:\.\d+){2,}")
_HYPHENS = {0x2010: "-", 0x2011: "-", 0x2212: "-"}  # NFKC leaves them apart from "-"
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_POSSESSIVE = re.compile(r"['’][sS]$")
_MAX_CACHED_RUNS = 200_000

_FOLD_FIRST = ("english", "porter", "none")
"""Stemmers whose language writes without accents: `résumés` must become what `resumes` becomes."""

ENGLISH_STOP_WORDS = frozenset(
    """
    a about am an and any are aren as at be been being but by can cannot could couldn d did didn do does doesn doing
    don for from had hadn has hasn have haven having he her hers him his how i if in into is isn it its itself just ll
    m may me might must my of on or our ours re s shall she should shouldn so some such t than that the their theirs
    them then there these they this those to too us ve was wasn we were weren what when where which while who whom
    whose why will with won would wouldn you your yours
    """.split()
)
"""Function words of English; `no` and `not` are kept because they carry the sense of a question."""


_BUILT_UP = re.compile(r"(?<=\d)(?=[²³¹⁰-⁹₀-₉⁺⁻¼-¾⅐-⅞↉])(?<![²³¹⁰-⁹₀-₉⁺⁻])")
"""Where a digit meets a raised or lowered one, or a fraction: NFKC would make 106 of 10⁶ and 21/2 of 2½."""


class Analyzer:
    """Turns text into terms: lower-cased, folded, stemmed words; identifiers and versions whole and in parts.

    With `identifiers: prefixes` versions are found by their beginnings, too, names of any script are cut at their
    capitals, and Unicode's hyphens join like `-`.

    Words of scripts without blanks are terms of two letters each: 停车场 is 停车 and 车场.

    Raises:
        UnknownKeyError: there is no such stemmer.
    """

    def __init__(self, settings: Bm25Settings) -> None:
        self._stem = _stemmer(settings.stemmer)
        self._fold_first = settings.stemmer in _FOLD_FIRST
        self._prefixes = settings.identifiers == "prefixes"
        english = settings.stop_words and self._fold_first
        self._stop_words: frozenset[str] = ENGLISH_STOP_WORDS if english else frozenset()
        self._known: dict[str, tuple[str, ...]] = {}
        self._lock = threading.Lock()

    def terms(self, text: str) -> list[str]:
        """Return the terms of `text` in reading order, repeated as often as they occur."""
        if not text.isascii():
            text = unicodedata.normalize("NFKC", _BUILT_UP.sub(" ", unbroken(text)))
            text = _SIGNS.sub("", text)
            if self._prefixes:
                text = text.translate(_HYPHENS)
        known = self._known
        found: list[str] = []
        for run in _RUN.findall(text):
            terms = known.get(run)
            found += self._learn(run) if terms is None else terms
        return found

    def _learn(self, run: str) -> tuple[str, ...]:
        with self._lock:  # stemmers keep state between calls
            terms = self._analyze(run)
            if self._prefixes:
                terms = tuple(dict.fromkeys((*terms, *version_prefixes(run))))
            if len(self._known) >= _MAX_CACHED_RUNS:
                self._known.clear()
            self._known[run] = terms
        return terms

    def _analyze(self, run: str) -> tuple[str, ...]:
        if not run.isascii() and _HAS_UNSPACED.search(run):
            return tuple(term for piece in _PIECES.findall(run) for term in self._of_piece(piece))
        return self._spaced(run)

    def _of_piece(self, piece: str) -> Iterable[str]:
        """Return the pairs of letters of a piece without blanks between its words, or the terms of another piece."""
        if not _HAS_UNSPACED.match(piece):
            return self._spaced(piece)
        return [a + b for a, b in pairwise(piece)] or [piece]

    def _spaced(self, run: str) -> tuple[str, ...]:
        if _GROUPED_NUMBER.fullmatch(run):
            return (run.replace(",", ""),)
        run = _POSSESSIVE.sub("", run).strip("_")
        parts = [piece for part in _PART.findall(run) for piece in self._humps(part)]
        if len(parts) <= 1:
            return tuple(self._words([run] if run.endswith(("+", "#")) else parts))
        # One letter out of a compound (`e.g.`, `I/O`'s halves, `don't`) says nothing alone.
        words = self._words(part for part in parts if len(part) > 1 or part.isdigit())
        if "'" in run or "’" in run:
            return tuple(words)
        whole = _fold(run.lower())
        return (whole, *(word for word in words if word != whole))

    def _humps(self, part: str) -> list[str]:
        if not self._prefixes or part.isascii():
            return _CAMEL.split(part)
        starts = [i for i in range(1, len(part)) if part[i].isupper() and not part[i - 1 : i + 2].isupper()]
        return [part[start:end] for start, end in pairwise([0, *starts, len(part)])]

    def _words(self, parts: Iterable[str]) -> list[str]:
        lowered = (part.lower() for part in parts)
        return [self._word(part) for part in lowered if part not in self._stop_words]

    def _word(self, word: str) -> str:
        return self._stem(_fold(word)) if self._fold_first else _fold(self._stem(word))


def version_prefixes(run: str) -> list[str]:
    """Return the beginnings, of two numbers or more, of the dotted versions in a run: `4.2` of `4.2.1`."""
    found = (match.group().split(".") for match in _VERSION.finditer(run))
    return [".".join(numbers[:n]) for numbers in found for n in range(2, len(numbers))]


def _fold(word: str) -> str:
    """Return the word without accents: `café` becomes `cafe`."""
    if word.isascii():
        return word
    return "".join(char for char in unicodedata.normalize("NFKD", word) if not unicodedata.combining(char))


def _stemmer(name: str) -> Callable[[str], str]:
    import Stemmer

    if name == "none":
        return str
    if name not in Stemmer.algorithms():
        raise UnknownKeyError("stemmer", name, [*Stemmer.algorithms(), "none"])
    stem: Callable[[str], str] = Stemmer.Stemmer(name).stemWord
    return stem
