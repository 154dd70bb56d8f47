"""Questions that sound like the corpus and that it cannot answer: the thing asked about is made up, or was removed."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from eval.golden.sections import sections_of
from eval.golden.synthesis.draft import Draft
from rag.context.terms import content_terms
from rag.idf import coverage, local_idf
from rag.types import Document

_ONSETS = "b br c d dr f g gl h k l m n p r s st t tr v z".split()
_VOWELS = "a e i o u a o".split()
_ENDINGS = "bex dan fell kor lin mar nix ra ren sol tis va vik zon".split()
_DIGITS = re.compile(r"\d+")
_LAST_PART = re.compile(r"[^\W\d_]+$")
_FIRST_WORD = re.compile(r"[^\W\d_]+")
_ANSWERING = 0.8
_TRIES = 20
_CODE_WORDS = 2


class Lexicon:
    """What a corpus says, as far as words tell."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._text = "\n".join(document.text for document in documents).casefold()
        titles = {document.doc_id: document.title for document in documents}
        self._sections = [
            frozenset(
                content_terms(f"{titles[d.doc_id]} {section.path} {d.text[section.span.start : section.span.end]}")
            )
            for d in documents
            for section in sections_of(d)
        ]

    def holds(self, phrase: str) -> bool:
        """Say whether a phrase stands anywhere in the corpus, in any case."""
        return phrase.casefold() in self._text

    def may_answer(self, question: str) -> bool:
        """Say whether one section holds nearly all of a question's content words, weighed by how rare they are."""
        terms = set(content_terms(question))
        weights = local_idf(terms, self._sections)
        return any(coverage(weights, section) >= _ANSWERING for section in self._sections)


def swapped(draft: Draft, lexicon: Lexicon, rng: random.Random) -> Draft | None:
    """Return the question about a thing of the same kind that the corpus does not know; None where that fails."""
    if not draft.entity or draft.entity not in draft.question:
        return None
    other = next((name for name in _others(draft.entity, rng) if not lexicon.holds(name)), None)
    if other is None:
        return None
    before, _, after = draft.question.rpartition(draft.entity)  # the last one: a document's name may hold it too
    return replace(draft, question=f"{before}{other}{after}", entity=other, answer="", negated="")


def _others(entity: str, rng: random.Random) -> Iterator[str]:
    """Yield names like `entity`: other digits in a number or code, else a made-up word in its place."""
    for _ in range(_TRIES):
        if _DIGITS.search(entity):
            if len(entity.split()) > _CODE_WORDS:
                return
            yield _DIGITS.sub(lambda digits: _number(len(digits.group()), rng), entity)
        elif re.search(r"\w[._/:]\w", entity):
            yield _LAST_PART.sub(_word(rng), entity)
        else:
            name = _word(rng)
            capital = entity[0].isupper() or " " not in entity
            yield _FIRST_WORD.sub(name.capitalize() if capital else name, entity, count=1)


def _number(length: int, rng: random.Random) -> str:
    return str(rng.randrange(1, 10)) + "".join(str(rng.randrange(10)) for _ in range(length - 1))


def _word(rng: random.Random) -> str:
    # two syllables and an ending: shorter ones hit names that exist
    syllables = (rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(2))
    return "".join(syllables) + rng.choice(_ENDINGS)
