"""What a corpus knows of words: how many of its chunks hold each, and the acronyms that its documents define."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from rag.cache.recent import Recent
from rag.ports import Catalogue
from rag.text import words
from rag.types import Generation

_BATCH = 2000
_SHORT = re.compile(r"\(([A-Z][A-Za-z0-9&/-]{1,9})\)")
_BEFORE = re.compile(r"[^\s()]+")
_SPACE = re.compile(r"\s+")
_WINDOW = 200


@dataclass(frozen=True, slots=True)
class Definition:
    """A long form, and the chunks (by pk) that say that the acronym stands for it."""

    long_form: str
    pks: frozenset[int]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The words of a generation, lower-cased, with the number of chunks that hold them; its acronyms."""

    words: Mapping[str, int]
    acronyms: Mapping[str, tuple[Definition, ...]]


class Lexicons:
    """Lexicons of generations, each read from the catalogue when it is first asked for; blocking.

    Nothing of it is written to disk, so that an erased document leaves no word behind.
    """

    def __init__(self, catalogue: Catalogue, size: int = 4) -> None:
        self._catalogue = catalogue
        self._recent: Recent[int, Lexicon] = Recent(size)
        self._reading = threading.Lock()

    def of(self, generation: Generation) -> Lexicon:
        """Return the lexicon of a generation."""
        with self._reading:
            found = self._recent.get(generation.id)
            if found is None:
                found = read_lexicon(self._texts(generation))
                self._recent.put(generation.id, found)
            return found

    def _texts(self, generation: Generation) -> Iterator[tuple[int, str]]:
        pks = sorted(self._catalogue.matching(generation, ()))
        for i in range(0, len(pks), _BATCH):
            found = self._catalogue.chunks(pks[i : i + _BATCH])
            yield from ((pk, found[pk].indexed_text) for pk in sorted(found))


def read_lexicon(texts: Iterable[tuple[int, str]]) -> Lexicon:
    """Return the lexicon of chunks, given as `(pk, text)`."""
    counts: Counter[str] = Counter()
    defined: dict[str, dict[str, tuple[str, set[int]]]] = {}
    for pk, text in texts:
        counts.update(set(words(text)))
        for short, long_form in definitions(text):
            known = defined.setdefault(short, {}).setdefault(long_form.lower(), (long_form, set()))
            known[1].add(pk)
    acronyms = {
        short: tuple(Definition(form, frozenset(pks)) for form, pks in sorted(forms.values(), key=_most_used))
        for short, forms in defined.items()
    }
    return Lexicon(dict(counts), acronyms)


def definitions(text: str) -> list[tuple[str, str]]:
    """Return the acronyms that a text defines as `Long Form (LF)`, as `(short, long form)`, in order.

    Schwartz and Hearst, "A simple algorithm for identifying abbreviation definitions in biomedical text" (PSB 2003):
    the letters of the short form occur in the long form in order, the first of them at the start of a word.
    """
    found = []
    for match in _SHORT.finditer(text):
        short = match.group(1)
        before = text[max(0, match.start() - _WINDOW) : match.start()]
        nearest = [*_BEFORE.finditer(before)][-min(len(short) + 5, 2 * len(short)) :]
        long_form = _long_form(short, before[nearest[0].start() :].rstrip() if nearest else "")
        if long_form:
            found.append((short, _SPACE.sub(" ", long_form)))
    return found


def _long_form(short: str, text: str) -> str | None:
    """Return the end of `text` that the short form abbreviates, matched from right to left."""
    position = len(text)
    letters = [letter.lower() for letter in short if letter.isalnum()]
    for number in range(len(letters) - 1, -1, -1):
        position -= 1
        while position >= 0 and not (text[position].lower() == letters[number] and _starts(text, position, number)):
            position -= 1
        if position < 0:
            return None
    long_form = text[position:]
    return long_form if len(long_form) > len(short) and " " in long_form else None


def _starts(text: str, position: int, number: int) -> bool:
    return number > 0 or position == 0 or not text[position - 1].isalnum()


def _most_used(entry: tuple[str, set[int]]) -> tuple[int, str]:
    return -len(entry[1]), entry[0]
