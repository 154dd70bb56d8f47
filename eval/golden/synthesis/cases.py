"""A draft as a row of `questions.jsonl`, marked as synthetic, with everything that made it."""

from __future__ import annotations

import hashlib

from eval.golden.new import Drafted, NewCase, NewSpan, Place
from eval.golden.synthesis.draft import Draft

SOURCE = "ragwright golden synthesize"


def case_row(draft: Draft, seed: int, change: str = "", question: str = "", answerable: bool = True) -> NewCase:
    """Return the row of a draft; with `change` it is the draft asked otherwise (`question`), or one without an answer.

    A changed question keeps the cluster of the section, so that intervals do not count it as a case of its own.
    """
    asked = question or draft.question
    first = draft.places[0]
    at = Place(first.doc_id, first.span.start, first.span.end)
    spans = [NewSpan(gold.doc_id, gold.span.start, gold.span.end, gold.text) for gold in draft.places]
    return NewCase(
        id=_identity(asked, draft),
        question=asked,
        answers=[draft.answer] if answerable else [],
        relevant=spans if answerable else [],
        answerable=answerable,
        expect="answer" if answerable else "abstain",
        kind="golden" if answerable and not change else "edge" if answerable else "adversarial",
        tags=[tag.replace(" ", "-").lower() for tag in (draft.template, change) if tag],
        cluster=draft.section,
        synthetic=True,
        provenance=Drafted(SOURCE, draft.template, seed, at, change or None),
    )


def made_by(case: NewCase) -> str:
    """Return the change or the template that a synthetic case comes from."""
    drafted = case.provenance
    return drafted.change or drafted.template if isinstance(drafted, Drafted) else SOURCE


def _identity(question: str, draft: Draft) -> str:
    """Return an id that another run over the same documents gives to the same question."""
    first = draft.places[0]
    key = f"{question}\n{first.doc_id}\n{first.span.start}"
    return f"syn-{hashlib.blake2b(key.encode(), digest_size=5).hexdigest()}"
