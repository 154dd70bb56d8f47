"""Keyword search for a question of nothing but stop words: `up` is the name of a command somewhere, IT a department.

The keyword index leaves stop words out, so such a question finds nothing there. It is rare enough to read the chunks.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from rag.ports import Catalogue
from rag.text import is_cased, words_as_names
from rag.types import Candidate, Query

_WORD = re.compile(r"\w+")
_MOST_CHUNKS = 20_000  # read in about a second
_BATCH = 500
_SATURATION = 1.5
_SHORTER = 0.75


@dataclass(frozen=True, slots=True)
class _Counted:
    pk: int
    chunk_id: str
    length: int
    counts: Mapping[str, int]


def by_stop_words(query: Query, catalogue: Catalogue) -> list[Candidate]:
    """Return up to `query.top_k` chunks that hold words of the question, best first, ties by chunk_id.

    The score is BM25's with an idf that is never negative, so that the rarest word decides. A word with a capital
    letter counts only where it is written so, the question's first one aside. A corpus too large to read gives none.
    """
    asked = words_as_names(query.text)
    pks = sorted(catalogue.matching(query.generation, query.filter))
    if not asked or len(pks) > _MOST_CHUNKS:
        return []
    rows = list(_counted(pks, asked, catalogue))
    scores = _scores(rows, asked)
    found = sorted((row for row in rows if scores[row.pk] > 0), key=lambda row: (-scores[row.pk], row.chunk_id))
    return [Candidate(row.pk, scores[row.pk]) for row in found[: query.top_k]]


def _counted(pks: list[int], asked: frozenset[str], catalogue: Catalogue) -> Iterator[_Counted]:
    for start in range(0, len(pks), _BATCH):
        for pk, chunk in catalogue.chunks(pks[start : start + _BATCH]).items():
            words = _WORD.findall(chunk.indexed_text)
            held = Counter(word for word in words if word in asked and is_cased(word))
            held.update(word for word in map(str.lower, words) if word in asked)
            yield _Counted(pk, chunk.chunk_id, len(words), held)


def _scores(rows: Iterable[_Counted], asked: frozenset[str]) -> dict[int, float]:
    counted = list(rows)
    average = sum(row.length for row in counted) / max(1, len(counted))
    frequency = Counter(word for row in counted for word in row.counts)
    rarity = {
        word: math.log(1 + (len(counted) - n + 0.5) / (n + 0.5)) for word, n in frequency.items() if word in asked
    }
    return {row.pk: sum(rarity[word] * _weight(n, row, average) for word, n in row.counts.items()) for row in counted}


def _weight(count: int, row: _Counted, average: float) -> float:
    penalty = _SATURATION * (1 - _SHORTER + _SHORTER * row.length / max(average, 1.0))
    return count * (_SATURATION + 1) / (count + penalty)
