"""Expansion of questions without a model: acronyms, synonyms, pseudo-relevance feedback, words of the history."""

from __future__ import annotations

import asyncio
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from rag.context.terms import STOP_WORDS
from rag.ports import Catalogue, Indexes, KeywordIndex
from rag.query.lexicon import Lexicons
from rag.settings import QuerySettings
from rag.text import words
from rag.types import Query, StepTrace


class AcronymExpansion:
    """Puts the long form behind an acronym of the question, from the settings' list and from what documents define.

    `MFA` becomes `MFA (multi-factor authentication)`, for the search only. Case counts: `it` is no `IT`.
    """

    name = "acronyms"

    def __init__(self, settings: QuerySettings, catalogue: Catalogue, lexicons: Lexicons) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._lexicons = lexicons

    async def apply(self, query: Query) -> Query:
        """Return the query with long forms in its text."""
        return await asyncio.to_thread(self._apply, query)

    def _apply(self, query: Query) -> Query:
        text, added = query.text, []
        for short, long_form in self._known(query).items():
            found = re.search(rf"(?<![\w-]){re.escape(short)}(?![\w-])", text)
            if found and long_form.lower() not in text.lower():
                text = f"{text[: found.end()]} ({long_form}){text[found.end() :]}"
                added.append(f"{short}: {long_form}")
        trace = StepTrace(self.name, text, tuple(added))
        return replace(query, text=text, asked=query.question, steps=(*query.steps, trace))

    def _known(self, query: Query) -> dict[str, str]:
        listed = self._settings.acronyms.get(query.generation.corpus, {})
        if not self._settings.mine_acronyms:
            return dict(listed)
        mined: dict[str, str] = {}
        wanted = set(re.findall(r"[\w&/-]+", query.text))
        allowed = self._catalogue.matching(query.generation, query.filter) if query.filter else None
        for short, forms in self._lexicons.of(query.generation).acronyms.items():
            if short in wanted:
                seen = [form for form in forms if allowed is None or not form.pks.isdisjoint(allowed)]
                mined |= {short: seen[0].long_form} if seen else {}
        return {**mined, **listed}


class SynonymExpansion:
    """Adds the synonyms of the question's words and phrases to the keyword search, at a lower weight."""

    name = "synonyms"

    def __init__(self, settings: QuerySettings, indexes: Indexes) -> None:
        self._settings = settings
        self._indexes = indexes

    async def apply(self, query: Query) -> Query:
        """Return the query with further keyword terms."""
        return await asyncio.to_thread(self._apply, query)

    def _apply(self, query: Query) -> Query:
        keywords = self._indexes(query.generation.index_id).keywords
        own = keywords.terms(query.text)
        added: list[str] = []
        for group in self._settings.synonyms.get(query.generation.corpus, ()):
            present = [phrase for phrase in group if _holds(own, keywords.terms(phrase))]
            if present:
                added += [phrase for phrase in group if phrase not in present]
        terms = {term for phrase in added for term in keywords.terms(phrase)} - set(own)
        weighted = _added(query.terms, dict.fromkeys(terms, self._settings.synonym_weight))
        trace = StepTrace(self.name, query.text, tuple(added))
        return replace(query, terms=weighted, steps=(*query.steps, trace))


class RelevanceFeedback:
    """RM3: adds the terms that stand out in the best chunks of a first keyword search.

    The relevance model is the mean of the chunks' term distributions, weighted by their scores (RM1, Lavrenko and
    Croft, SIGIR 2001), interpolated with the question's (RM3, Abdul-Jaleel et al., "UMass at TREC 2004: Novelty and
    HARD"). Only what the filter lets through gives terms.
    """

    name = "rm3"

    def __init__(self, settings: QuerySettings, indexes: Indexes, catalogue: Catalogue) -> None:
        self._settings = settings
        self._indexes = indexes
        self._catalogue = catalogue

    async def apply(self, query: Query) -> Query:
        """Return the query with further keyword terms."""
        return await asyncio.to_thread(self._apply, query)

    def _apply(self, query: Query) -> Query:
        keywords = self._indexes(query.generation.index_id).keywords
        allowed = self._catalogue.matching(query.generation, query.filter) if query.filter else None
        limit = self._settings.feedback_chunks
        best = keywords.search(query.text, limit, query.generation.id, allowed, query.terms)
        chunks = self._catalogue.chunks([candidate.pk for candidate in best])
        texts = [(c.score, chunks[c.pk].indexed_text) for c in best if c.pk in chunks]
        model = relevance_model(keywords, texts, self._settings.feedback_terms)
        own = keywords.terms(query.text)
        # Scores are linear in weights: with the question's terms at 1, these have the share that the setting says.
        share = self._settings.feedback_weight / (1 - self._settings.feedback_weight) * len(own)
        added = _added(query.terms, {term: share * weight for term, weight in model.items()})
        trace = StepTrace(self.name, query.text, tuple(term for term in model if term not in own))
        return replace(query, terms=added, steps=(*query.steps, trace))


class HistoryWords:
    """Appends the content words of the user's last turns, so that a follow-up is searched with its subject."""

    name = "history"

    def __init__(self, settings: QuerySettings) -> None:
        self._turns = settings.history_turns

    async def apply(self, query: Query) -> Query:
        """Return the query with the words that it lacks at its end; without an earlier turn, as it is."""
        asked = [turn.text for turn in query.history if turn.role == "user"][-self._turns :]
        if not asked:
            return query
        known = set(words(query.text))
        told = dict.fromkeys(word for text in asked for word in words(text))
        added = tuple(word for word in told if word not in known and word not in STOP_WORDS)
        text = " ".join((query.text, *added))
        trace = StepTrace(self.name, text, added)
        return replace(query, text=text, asked=query.question, steps=(*query.steps, trace))


def relevance_model(keywords: KeywordIndex, texts: Iterable[tuple[float, str]], size: int) -> dict[str, float]:
    """Return the `size` most probable terms of scored texts with their probabilities, which add up to 1."""
    model: dict[str, float] = {}
    for score, text in texts:
        terms = keywords.terms(text)
        for term, count in Counter(terms).items():
            model[term] = model.get(term, 0.0) + score * count / len(terms)
    best = sorted(model.items(), key=lambda item: (-item[1], item[0]))[:size]
    total = math.fsum(weight for _, weight in best)
    return {term: weight / total for term, weight in best}


def _added(terms: Mapping[str, float], more: Mapping[str, float]) -> dict[str, float]:
    return {term: terms.get(term, 0.0) + more.get(term, 0.0) for term in sorted({*terms, *more})}


def _holds(terms: Sequence[str], phrase: Sequence[str]) -> bool:
    size = len(phrase)
    return bool(size) and any(list(terms[i : i + size]) == list(phrase) for i in range(len(terms) - size + 1))
