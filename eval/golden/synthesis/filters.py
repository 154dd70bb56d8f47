"""What a draft must pass before it is a case; each test returns why it fails, or "" where it passes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from eval.golden.sections import plain
from eval.golden.synthesis.draft import Draft, Place
from rag.types import Document, Hit

_FIRST_STAGES_ONLY = ("fused", "reranked")
_COVERED = 0.5
_MAX_WORDS = 40

AMBIGUOUS = "several places answer it, each otherwise"
NO_ANSWER = "its place does not hold the answer"
NOT_FOUND = "retrieval does not find its place"
MAY_BE_ANSWERED = "another place may answer it"


def answerability(draft: Draft, documents: Mapping[str, Document]) -> str:
    """Check that the places are the documents' text to the character, and that they hold the answer."""
    for place in draft.places:
        if documents[place.doc_id].text[place.span.start : place.span.end] != place.text:
            return NO_ANSWER
    if not draft.answer or not any(_flat(draft.answer) in _flat(place.text) for place in draft.places):
        return NO_ANSWER
    return "" if len(draft.question.split()) <= _MAX_WORDS else "it is too long"


def round_trip(draft: Draft, hits: Sequence[Hit], top_k: int) -> str:
    """Check that a first stage ranks a chunk over at least half of one of the places among its `top_k`."""
    for hit in hits:
        ranks = [at.rank for name, at in hit.stages.items() if name not in _FIRST_STAGES_ONLY]
        if min(ranks, default=hit.rank) <= top_k and any(_covers(hit, place) for place in draft.places):
            return ""
    return NOT_FOUND


def unambiguous(drafts: Iterable[Draft], names: Mapping[str, str]) -> tuple[list[Draft], int]:
    """Join drafts that ask and answer the same, make the others say which document they mean; count what is left.

    `names` is what each document is called. A question that is answered otherwise in one and the same document, or in
    two of the same name, is left out.
    """
    kept: list[Draft] = []
    dropped = 0
    for group in _grouped(drafts, lambda draft: _flat(draft.question)):
        joined = _joined(group)
        if len(joined) == 1:
            kept += joined
            continue
        told = [draft.qualified(names[draft.doc_id]) for draft in joined]
        for same in _grouped(told, lambda draft: _flat(draft.question)):
            alone = len(same) == 1 and len({place.doc_id for place in same[0].places}) == 1
            kept += same if alone else []
            dropped += 0 if alone else len(same)
    return kept, dropped


def _joined(drafts: Collection[Draft]) -> list[Draft]:
    """Return one draft for each answer, with all its places."""
    found = []
    for group in _grouped(drafts, lambda draft: _flat(draft.answer)):
        places: dict[Place, None] = dict.fromkeys(place for draft in group for place in draft.places)
        found.append(replace(group[0], places=tuple(places)))
    return found


def _grouped(drafts: Iterable[Draft], key: Callable[[Draft], str]) -> Iterable[list[Draft]]:
    groups: dict[str, list[Draft]] = defaultdict(list)
    for draft in drafts:
        groups[key(draft)].append(draft)
    return groups.values()


def _covers(hit: Hit, place: Place) -> bool:
    shared = min(hit.chunk.span.end, place.span.end) - max(hit.chunk.span.start, place.span.start)
    return hit.chunk.doc_id == place.doc_id and shared >= _COVERED * len(place.span)


def _flat(text: str) -> str:
    return " ".join(plain(text).casefold().split()).rstrip(".?!")
