"""Near-duplicate removal among hits: the better ranked of two that say the same stays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from rag.text import words
from rag.types import Dropped, Hit, Span

_SHINGLE = 3


def drop_near_duplicates(hits: Sequence[Hit], threshold: float) -> tuple[list[Hit], list[Dropped]]:
    """Keep each hit unless one kept before it says the same: Jaccard or containment of word 3-shingles >= threshold.

    Containment is that of the later hit in the earlier one, so a longer text is never dropped for a shorter one. Two
    hits of one document that share at least that part of their range are the same, too.
    """
    judged = list(_judged(hits, threshold))
    dropped = [Dropped(hit.chunk.doc_id, hit.chunk.span, "near_duplicate") for hit, repeats in judged if repeats]
    return [hit for hit, repeats in judged if not repeats], dropped


def collapse(hits: Sequence[Hit], threshold: float, top_k: int) -> tuple[Hit, ...]:
    """Return the best `top_k` hits that do not repeat a better one, ranked anew from 1."""
    distinct = (hit for hit, repeats in _judged(hits, threshold) if not repeats)
    return tuple(replace(hit, rank=rank) for rank, hit in enumerate(islice(distinct, top_k), start=1))


def _judged(hits: Iterable[Hit], threshold: float) -> Iterator[tuple[Hit, bool]]:
    """Yield every hit with whether it says the same as one that was yielded before and did not repeat another."""
    kept: list[tuple[Hit, frozenset[tuple[str, ...]]]] = []
    for hit in hits:
        shingles = frozenset(_shingles(words(hit.chunk.text)))
        repeats = any(_same(hit, shingles, other, known, threshold) for other, known in kept)
        if not repeats:
            kept.append((hit, shingles))
        yield hit, repeats


def similarity(a: frozenset[tuple[str, ...]], b: frozenset[tuple[str, ...]]) -> float:
    """Return the larger of Jaccard(a, b) and the share of `a` found in `b` (0..1; 0 when `a` is empty)."""
    if not a:
        return 0.0
    # |a & b| / |a| is never below |a & b| / |a | b|, so containment is the larger one
    return len(a & b) / len(a)


def _same(
    hit: Hit, shingles: frozenset[tuple[str, ...]], other: Hit, known: frozenset[tuple[str, ...]], threshold: float
) -> bool:
    if hit.chunk.doc_id == other.chunk.doc_id and _shared(hit.chunk.span, other.chunk.span) >= threshold:
        return True
    return similarity(shingles, known) >= threshold


def _shared(a: Span, b: Span) -> float:
    return max(0, min(a.end, b.end) - max(a.start, b.start)) / len(a)


def _shingles(tokens: Sequence[str]) -> Iterable[tuple[str, ...]]:
    if 0 < len(tokens) < _SHINGLE:
        return [tuple(tokens)]
    return (tuple(tokens[i : i + _SHINGLE]) for i in range(len(tokens) - _SHINGLE + 1))
