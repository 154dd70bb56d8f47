"""Releases of one document: the newer one goes first, and the older one says that there is a newer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from rag.context.terms import content_terms
from rag.text import words
from rag.types import Chunk, Hit

_DATES = ("date", "updated", "published", "valid_from")
_SAME_SUBJECT = 0.3
_NUMBER = re.compile(r"\d+")


def prefer_newest(hits: Sequence[Hit]) -> list[Hit]:
    """Let hits of newer releases take the places of hits of older ones on the same subject, and mark the older ones.

    Documents are releases of one when their titles differ at most in words with digits; which is newer say their
    `version`, else a date (`date`, `updated`, `published`, `valid_from`), else the numbers in the titles. Two hits
    are on the same subject when they share 30 % of the content terms of the smaller one. The older hit stays, behind
    the newer, its title naming the newer document; what it only repeats goes with the near-duplicates.
    """
    order = list(hits)
    terms = {hit.chunk.chunk_id: frozenset(content_terms(hit.chunk.text)) for hit in hits}
    newer: dict[str, Hit] = {}
    for i, older in enumerate(order):
        found = [j for j, hit in enumerate(order) if _supersedes(hit, older) and _related(terms, hit, older)]
        if not found:
            continue
        newer[older.chunk.chunk_id] = order[found[0]]
        if found[0] > i:
            order[i], order[found[0]] = _exchanged(older, order[found[0]])
    return [_marked(hit, newer.get(hit.chunk.chunk_id)) for hit in order]


def is_newer(a: Chunk, b: Chunk) -> bool:
    """Say whether one release is newer than the other: by version, then date, then the numbers in the titles."""
    for key in ("version", *_DATES):
        ours, theirs = a.metadata.get(key), b.metadata.get(key)
        if isinstance(ours, str) and isinstance(theirs, str) and _numbers(ours) != _numbers(theirs):
            return _numbers(ours) > _numbers(theirs)
    return _numbers(a.title) > _numbers(b.title) > ()


def _supersedes(hit: Hit, older: Hit) -> bool:
    family = _family(hit.chunk.title)
    same = bool(family) and family == _family(older.chunk.title) and hit.chunk.doc_id != older.chunk.doc_id
    return same and is_newer(hit.chunk, older.chunk)


def _family(title: str) -> tuple[str, ...]:
    return tuple(word for word in words(title) if not _NUMBER.search(word))


def _related(terms: dict[str, frozenset[str]], hit: Hit, other: Hit) -> bool:
    a, b = terms[hit.chunk.chunk_id], terms[other.chunk.chunk_id]
    return len(a & b) >= _SAME_SUBJECT * (min(len(a), len(b)) or 1)


def _numbers(text: str) -> tuple[int, ...]:
    """Return the numbers of a version, an ISO date or a title, in order."""
    return tuple(int(number) for number in _NUMBER.findall(text))


def _exchanged(older: Hit, newer: Hit) -> tuple[Hit, Hit]:
    return (
        replace(newer, rank=older.rank, score=older.score),
        replace(older, rank=newer.rank, score=newer.score),
    )


def _marked(hit: Hit, newer: Hit | None) -> Hit:
    if newer is None:
        return hit
    title = f"{hit.chunk.title} (older release; newer: {newer.chunk.doc_id})"
    return replace(hit, chunk=replace(hit.chunk, title=title))
