"""Spelling repair from the words of the corpus: what it has never seen becomes its nearest word, if one is near."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from rag.ports import Catalogue, Indexes
from rag.query.lexicon import Lexicons
from rag.types import Query, StepTrace

_WORD = re.compile(r"(?<![\w.@/\-])[^\W\d_]+(?![\w@/\-]|\.\w)")
_MIN_LETTERS = 5
_LONG_WORD = 9
_MIN_CHUNKS = 2
_NEAREST = 8

_Holders = Callable[[str, int], int]
"""Returns how many chunks hold a word, counted up to a limit."""


class SpellingRepair:
    """Replaces words that no chunk holds by the nearest word that chunks hold.

    At most one edit (insertion, deletion, substitution or swap of neighbours) in words of 5 to 8 letters, two from 9
    on; the first letter stays. Left alone are identifiers, acronyms, and what the embedder's vocabulary has whole, for
    that is a word. A repair must stand in at least two chunks, of those that the filter lets through.
    """

    name = "spelling"

    def __init__(self, indexes: Indexes, catalogue: Catalogue, lexicons: Lexicons) -> None:
        self._indexes = indexes
        self._catalogue = catalogue
        self._lexicons = lexicons

    async def apply(self, query: Query) -> Query:
        """Return the query with its misspelt words replaced."""
        return await asyncio.to_thread(self._apply, query)

    def _apply(self, query: Query) -> Query:
        held = self._holders(query)
        repairs: list[str] = []

        def repaired(match: re.Match[str]) -> str:
            word = match.group()
            better = self._repair(query, word, held)
            if better is None:
                return word
            repairs.append(f"{word} -> {better}")
            return better

        asked = _WORD.sub(repaired, query.question)
        # what earlier steps appended for the search is theirs: only the question itself is repaired
        text = query.text.replace(query.question, asked, 1)
        trace = StepTrace(self.name, text, tuple(repairs))
        return replace(query, text=text, asked=asked, steps=(*query.steps, trace))

    def _holders(self, query: Query) -> _Holders:
        index = self._indexes(query.generation.index_id)
        allowed = self._catalogue.matching(query.generation, query.filter) if query.filter else None
        return lambda word, limit: len(index.keywords.search(word, limit, query.generation.id, allowed))

    def _repair(self, query: Query, word: str, held: _Holders) -> str | None:
        plain = word.lower()
        tokenizer = self._indexes(query.generation.index_id).embedder.tokenizer
        if len(word) < _MIN_LETTERS or not word[1:].islower() or held(plain, 1) or tokenizer.count(plain) == 1:
            return None
        known = self._lexicons.of(query.generation).words
        for near in nearest(plain, known):
            if held(near, _MIN_CHUNKS) >= _MIN_CHUNKS:
                return near.capitalize() if word[0].isupper() else near
        return None


def nearest(word: str, known: Mapping[str, int]) -> list[str]:
    """Return the words within reach of an edit or two, the nearest first, then those that more chunks hold."""
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    reach = 2 if len(word) >= _LONG_WORD else 1
    choices = [w for w in known if w[0] == word[0] and abs(len(w) - len(word)) <= reach and w.isalpha()]
    found = process.extract(word, choices, scorer=OSA.distance, score_cutoff=reach, limit=None)
    ranked = sorted((distance, -known[near], near) for near, distance, _ in found)
    return [near for _, _, near in ranked[:_NEAREST]]
