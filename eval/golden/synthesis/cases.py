"""A draft as a row of `questions.jsonl`, marked as synthetic, with everything that made it."""

from __future__ import annotations

import hashlib
from typing import Any

from eval.golden.synthesis.draft import Draft

Json = dict[str, Any]

SOURCE = "ragwright golden synthesize"


def case_row(draft: Draft, seed: int, change: str = "", question: str = "", answerable: bool = True) -> Json:
    """Return the row of a draft; with `change` it is the draft asked otherwise (`question`), or one without an answer.

    A changed question keeps the cluster of the section, so that intervals do not count it as a case of its own.
    """
    asked = question or draft.question
    spans = [{"doc_id": at.doc_id, "start": at.span.start, "end": at.span.end, "text": at.text} for at in draft.places]
    provenance: Json = {"source": SOURCE, "template": draft.template, "seed": seed, "drafted_at": _where(draft)}
    return {
        "id": _identity(asked, draft),
        "question": asked,
        "answers": [draft.answer] if answerable else [],
        "relevant": spans if answerable else [],
        "answerable": answerable,
        "expect": "answer" if answerable else "abstain",
        "kind": "golden" if answerable and not change else "edge" if answerable else "adversarial",
        "tags": [tag.replace(" ", "-").lower() for tag in (draft.template, change) if tag],
        "cluster": draft.section,
        "synthetic": True,
        "provenance": provenance | ({"change": change} if change else {}),
    }


def _where(draft: Draft) -> Json:
    first = draft.places[0]
    return {"doc_id": first.doc_id, "start": first.span.start, "end": first.span.end}


def _identity(question: str, draft: Draft) -> str:
    """Return an id that another run over the same documents gives to the same question."""
    first = draft.places[0]
    key = f"{question}\n{first.doc_id}\n{first.span.start}"
    return f"syn-{hashlib.blake2b(key.encode(), digest_size=5).hexdigest()}"
