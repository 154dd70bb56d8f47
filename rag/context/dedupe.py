"""Near-duplicate removal among hits: the better ranked of two that say the same stays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice

from rag.text import words
from rag.types import Dropped, Hit, Span

_SHINGLE = 3
_KNOWN_TEXTS = 1024  # of hits, about 20 MB


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
    kept = _Kept()
    for hit in hits:
        repeats = kept.says(hit, threshold)
        if not repeats:
            kept.add(hit)
        yield hit, repeats


class _Kept:
    """The hits that stay: which of them hold a shingle, and where they stand in their documents.

    A hit is compared with those that share a shingle with it only, which are few.
    """

    def __init__(self) -> None:
        self._holders: dict[tuple[str, ...], list[int]] = {}
        self._spans: dict[str, list[Span]] = {}
        self._count = 0

    def add(self, hit: Hit) -> None:
        """Keep a hit."""
        for shingle in _shingles(hit.chunk.text):
            self._holders.setdefault(shingle, []).append(self._count)
        self._spans.setdefault(hit.chunk.doc_id, []).append(hit.chunk.span)
        self._count += 1

    def says(self, hit: Hit, threshold: float) -> bool:
        """Say whether a hit that is kept says the same as this one."""
        if any(_shared(hit.chunk.span, span) >= threshold for span in self._spans.get(hit.chunk.doc_id, ())):
            return True
        shingles = _shingles(hit.chunk.text)
        found = Counter(holder for shingle in shingles for holder in self._holders.get(shingle, ()))
        # |a & b| / |a| is never below |a & b| / |a | b|, so containment is the larger one
        return bool(found) and max(found.values()) / len(shingles) >= threshold


def _shared(a: Span, b: Span) -> float:
    return max(0, min(a.end, b.end) - max(a.start, b.start)) / len(a)


@lru_cache(maxsize=_KNOWN_TEXTS)
def _shingles(text: str) -> frozenset[tuple[str, ...]]:
    """Return the shingles of a text; what was hit lately is not split again."""
    tokens = words(text)
    if 0 < len(tokens) < _SHINGLE:
        return frozenset([tuple(tokens)])
    return frozenset(tuple(tokens[i : i + _SHINGLE]) for i in range(len(tokens) - _SHINGLE + 1))
