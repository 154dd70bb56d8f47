"""Answerability: whether the context can carry an answer, decided before anything is written."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from rag.answer.answerability import features, unknown_names
from rag.answer.extractive import statements
from rag.answer.logistic import Logistic
from rag.answer.lookup import answered
from rag.answer.mentions import absent
from rag.context.terms import content_terms
from rag.ports import AnswerGate, Catalogue, Indexes
from rag.settings import AnswerSettings
from rag.text import words, words_as_names
from rag.types import Answerability, Context, Hit, Query

ANSWERABLE = Logistic(
    -6.859,
    {
        "maxsim_lead": 10.56,
        "units": 8.878,
        "unknown_name": -0.81,
        "missing_numbers": -1.987,
        "chatty": -1.782,
        "long": 2.185,
        "mark": 1.402,
        "personal": 0.998,
    },
)
"""Fitted when a context was packed from ten hits, by an earlier form of `eval.recipes.fit_gate` that also hid gold
documents. Fits for twenty hits were better at some thresholds and worse at others, so these stayed; fit them again
with the recipe when more labelled questions are at hand. `mark` and `chatty` are of style and may not carry over."""

_READ_CHARS = 2**24  # of a corpus, before it is said not to mention a name: a tenth of a second, mostly

_VAGUE = frozenset(
    content_terms(
        "work works working problem issue error code thing stuff help fix start slow long keep much change wrong "
        "broken happen limit button screen light question any still mean"
    )
)
_POINTER = frozenset("it its it's this that these those them they thing".split())
_PROBE = re.compile(
    r"\b(?:system prompt|developer mode|jailbreak)\b"
    r"|\b(?:ignore|forget|disregard|override)\b.{0,30}\b(?:instructions?|rules?|guidelines?|prompt)\b"
    r"|\b(?:your|hidden|internal|secret)\s+(?:\w+\s+)?(?:instructions|prompt|rules)\b"
    r"|\bhidden (?:text|message)\b|\btext above this (?:conversation|chat)\b"
    r"|\b(?:which|what) (?:ai |language )?model are you\b",
    re.IGNORECASE,
)


class AnswerabilityGate:
    """Refuses probes of the assistant, questions too vague to look up, and questions that the hits do not answer.

    The last is a logistic regression over how close the best sentences are, how far the best hit stands out, and
    which words of the question the corpus does not know. A look-up that a table row answers is never refused: a row is
    too short to come close to a question, and of all rows its own stands out little.
    """

    name = "answerability"

    def __init__(self, indexes: Indexes, catalogue: Catalogue, threshold: float) -> None:
        self._indexes = indexes
        self._catalogue = catalogue
        self._threshold = threshold

    async def judge(self, query: Query, hits: Sequence[Hit], context: Context) -> Answerability:
        """Return a sentence that says why there is no answer, or none to go on, with the probability behind it."""
        return await asyncio.to_thread(self._judged, query, hits, context)

    def _judged(self, query: Query, hits: Sequence[Hit], context: Context) -> Answerability:
        refused = _by_rule(query, context)
        if refused is not None or answered(query.question, statements(context)):
            return Answerability(refused)
        unknown = self.unknown_terms(query)
        probability = ANSWERABLE.probability(features(query.question, hits, context, unknown))
        if probability >= self._threshold:
            return Answerability(None, probability)
        names = unknown_names(query.question, unknown)
        not_found = absent(names, (hit.chunk.indexed_text for hit in hits))
        return Answerability(_reason(self.nowhere(query, not_found), not_found, context), probability)

    def unknown_terms(self, query: Query) -> frozenset[str]:
        """Return the content terms of the question that no chunk holds, of those that the filter lets through."""
        keywords = self._indexes(query.generation.index_id).keywords
        allowed = self._catalogue.matching(query.generation, query.filter) if query.filter else None
        found = {word: keywords.terms(word) for word in dict.fromkeys(words(query.question))}
        held = keywords.held({term for terms in found.values() for term in terms}, query.generation.id, allowed)
        # the index leaves stop words out, so a word without terms may be anywhere
        unknown = (word for word, terms in found.items() if terms and held.isdisjoint(terms))
        return frozenset(term for word in unknown for term in content_terms(word))

    def nowhere(self, query: Query, names: Sequence[str]) -> list[str]:
        """Return those of the names that nothing mentions which the caller may see; none if there is too much to read.

        The index cannot tell: it knows neither the inside of words nor front matter and running lines.
        """
        if not names:
            return []
        return absent(names, self._catalogue.texts(query.generation, query.filter), _READ_CHARS)


def is_vague(query: Query) -> bool:
    """Say whether a question on its own names nothing that could be looked up; a follow-up never is."""
    if query.history:
        return False
    telling = set(content_terms(query.question)) - _VAGUE
    tokens = set(words(query.question))
    if not telling:
        return True
    return len(telling) == 1 and len(tokens) <= 8 and not tokens.isdisjoint(_POINTER)


def answer_gate(settings: AnswerSettings, indexes: Indexes, catalogue: Catalogue) -> AnswerGate:
    """Return the gate with the threshold that the settings name."""
    return AnswerabilityGate(indexes, catalogue, settings.abstain_below)


def _by_rule(query: Query, context: Context) -> str | None:
    if _PROBE.search(query.typed or query.text) or _PROBE.search(query.question):
        return "This asks about the assistant's own instructions; only questions about the documents are answered."
    if is_vague(query) and not _is_about_a_name(query.question, context):
        return "The question does not say what it is about; name the product, feature, document or error you mean."
    return None if context.passages else "No passage of the corpus matches this question."


def _is_about_a_name(question: str, context: Context) -> bool:
    """Say whether a question without a telling word has one that is a name here: a passage is headed by it alone.

    `up` is a command where a section is called so. A heading in capitals is meant only by a word in capitals: the
    question "What is it?" does not ask for the department IT. A bare word asks nothing.
    """
    if len(words(question)) < 2:
        return False
    asked = words_as_names(question)
    heads = (head.strip("`'\"*.:?! ") for p in context.passages for head in (p.title, *p.headings[-1:]))
    return any((head if head.isupper() else head.lower()) in asked for head in heads)


def _reason(nowhere: Sequence[str], not_found: Sequence[str], context: Context) -> str:
    """Return why there is no answer: names that are `nowhere` in the corpus, or at least in no passage found."""
    if nowhere:
        return f"The corpus does not mention {' or '.join(nowhere[:3])}, so it cannot answer this."
    if not_found:
        return f"None of the passages found mentions {' or '.join(not_found[:3])}, so they cannot answer this."
    nearest = context.passages[0]
    return (
        "The passages found do not answer this question closely enough; "
        f"the nearest is from {nearest.title or nearest.doc_id!r}."
    )
