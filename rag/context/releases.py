"""Releases of one document: the newer one goes first, and the older one says that there is a newer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from rag.context.terms import content_terms
from rag.text import words
from rag.types import Hit, Metadata

_DATES = ("date", "updated", "published", "valid_from")
_SAME_SUBJECT = 0.3
_NUMBER = re.compile(r"\d+")


def prefer_newest(hits: Sequence[Hit]) -> list[Hit]:
    """Let hits of newer releases take the places of hits of older ones on the same subject, and mark the older ones.

    Documents are releases of one when their titles differ at most in words with digits and both have a `version` or
    both a date (`date`, `updated`, `published`, `valid_from`). Two hits are on the same subject when they share 30 % of
    the content terms of the smaller one. The older hit stays, behind the newer, its title naming the newer document;
    what it only repeats goes with the near-duplicates.
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


def is_newer(a: Metadata, b: Metadata) -> bool:
    """Say whether the metadata of one release are of a newer one than the other's; versions decide before dates."""
    versions = _version(a), _version(b)
    if all(versions) and versions[0] != versions[1]:
        return versions[0] > versions[1]
    dates = [
        (str(a[key]), str(b[key])) for key in _DATES if isinstance(a.get(key), str) and isinstance(b.get(key), str)
    ]
    return bool(dates) and dates[0][0] > dates[0][1]


def _supersedes(hit: Hit, older: Hit) -> bool:
    family = _family(hit.chunk.title)
    same = bool(family) and family == _family(older.chunk.title) and hit.chunk.doc_id != older.chunk.doc_id
    return same and is_newer(hit.chunk.metadata, older.chunk.metadata)


def _family(title: str) -> tuple[str, ...]:
    return tuple(word for word in words(title) if not _NUMBER.search(word))


def _related(terms: dict[str, frozenset[str]], hit: Hit, other: Hit) -> bool:
    a, b = terms[hit.chunk.chunk_id], terms[other.chunk.chunk_id]
    return len(a & b) >= _SAME_SUBJECT * (min(len(a), len(b)) or 1)


def _version(metadata: Metadata) -> tuple[int, ...]:
    value = metadata.get("version", "")
    return tuple(int(number) for number in _NUMBER.findall(value)) if isinstance(value, str) else ()


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
