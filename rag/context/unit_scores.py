"""What each sentence and table row of the hits is worth in a context: close to the question, in a good place, short."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from rag.context.terms import content_terms
from rag.idf import coverage, local_idf
from rag.scaling import min_max
from rag.types import Chunk, Hit, Query, Reading, Span, Table, Vectors
from rag.units import Unit, units_with_heads

SpanScorer = Callable[[Query, Sequence[tuple[Chunk, Sequence[Span]]]], list[list[Reading]]]
"""Reads ranges of chunks (document offsets) against the question; may block."""

_TERM_WEIGHT = 0.15  # in the score that is shown and judged by

# chosen on development questions of span-labelled sets; results hardly move within a quarter of each
_TERMS = 0.4
_LIKE_THE_BEST = 0.15
_BEST = 5
_NEIGHBOUR_WEIGHT = 0.6
_HIT = 0.2
_DOCUMENT = 0.15
_NEAR = 0.15
_NEAR_CHARS = 1500
_MORE_OF_A_HIT = 0.025
_LENGTH_POWER = 0.15
_USUAL_CHARS = 100
_SHORT_CHARS = 20

_KNOWN_TEXTS = 1024  # of hits, about 15 MB


@dataclass(frozen=True, slots=True)
class Scored:
    """A hit, its units (offsets in the document), each unit's closeness to the question (0..1), and its worth.

    `scores` are shown and judged by; `values` decide what is kept, in no unit of their own, the higher the better.
    """

    hit: Hit
    units: tuple[Unit, ...]
    scores: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Text:
    """The units of a chunk (offsets in its document), the heads before it that they need, and the terms of each unit.

    `units` starts with the heads, and `terms` with those of the first unit after them.
    """

    units: tuple[Unit, ...]
    heads: int
    terms: tuple[frozenset[str], ...]

    @property
    def own(self) -> tuple[Unit, ...]:
        """The units of the chunk itself."""
        return self.units[self.heads :]


def score_units(query: Query, hits: Sequence[Hit], scorer: SpanScorer) -> list[Scored]:
    """Split every hit into units and score each by the scorer and by the question's terms it holds.

    A unit's worth is its closeness, lifted beside good ones and where it says the like of the best units of all hits,
    and a share of its hit's rank, of the best rank of its document, and of better hits close by in it. Every further
    unit of a hit adds less, so that one hit does not crowd out the others; and of two that are as close the shorter
    one is worth more, for it leaves room. A table's head is worth what the least of its rows is.
    """
    known = [_split(hit.chunk.text, hit.chunk.span.start, hit.chunk.tables) for hit in hits]
    split = [text.own for text in known]
    read = scorer(query, [(hit.chunk, [u.span for u in units]) for hit, units in zip(hits, split, strict=True)])
    weights = local_idf(sorted(_terms(query.text)), [_terms(hit.chunk.indexed_text) for hit in hits])
    held = [[coverage(weights, terms) for terms in text.terms] for text in known]
    values = _values(hits, split, read, held)
    return [
        _scored(hit, text, [_shown(r.close, share) for r, share in zip(readings, shares, strict=True)], of)
        for hit, text, readings, shares, of in zip(hits, known, read, held, values, strict=True)
    ]


def _scored(hit: Hit, text: _Text, scores: Sequence[float], values: Sequence[float]) -> Scored:
    """Give heads the least score and worth of the rows that need them: a head alone says nothing."""
    every = list(zip([*[0.0] * text.heads, *scores], [*[0.0] * text.heads, *values], strict=True))
    rows: dict[int, list[int]] = {}
    for i, unit in enumerate(text.units):
        for head in unit.needs if unit.kind == "row" else ():
            rows.setdefault(head, []).append(i)
    for head, needing in rows.items():
        every[head] = min(every[i][0] for i in needing), min(every[i][1] for i in needing)
    return Scored(hit, text.units, tuple(score for score, _ in every), tuple(value for _, value in every))


def _values(
    hits: Sequence[Hit],
    units: Sequence[Sequence[Unit]],
    read: Sequence[Sequence[Reading]],
    held: Sequence[Sequence[float]],
) -> list[tuple[float, ...]]:
    """Return each unit's worth; `held` is the share of the question's terms that it holds."""
    places = _places(hits)
    close = [
        [reading.chosen + _TERMS * share for reading, share in zip(readings, shares, strict=True)]
        for readings, shares in zip(read, held, strict=True)
    ]
    alone = [_worths(row, of, place) for row, of, place in zip(close, units, places, strict=True)]
    vectors = [reading.vector for readings in read for reading in readings]
    like = iter(_like_the_best(vectors, [value for row in alone for value in row]))
    lifted = [[value + _LIKE_THE_BEST * next(like) for value in row] for row in close]
    return [tuple(_worths(row, of, place)) for row, of, place in zip(lifted, units, places, strict=True)]


@lru_cache(maxsize=_KNOWN_TEXTS)
def _split(text: str, start: int, tables: tuple[Table, ...] | None) -> _Text:
    """Split a chunk's text into units; what was hit lately is not split again."""
    units, heads = units_with_heads(text, start, tables)
    own = (text[unit.span.start - start : unit.span.end - start] for unit in units[heads:])
    return _Text(tuple(units), heads, tuple(frozenset(content_terms(unit)) for unit in own))


@lru_cache(maxsize=_KNOWN_TEXTS)
def _terms(text: str) -> frozenset[str]:
    return frozenset(content_terms(text))


def _places(hits: Sequence[Hit]) -> list[float]:
    """Return what a unit is worth for the hit that it stands in."""
    ranks, starts = min_max([hit.score for hit in hits]), [hit.chunk.span.start for hit in hits]
    documents: dict[str, list[int]] = {}
    for i, hit in enumerate(hits):
        documents.setdefault(hit.chunk.doc_id, []).append(i)
    places = [0.0] * len(hits)
    for of_document in documents.values():
        best = max(ranks[i] for i in of_document)
        for i in of_document:
            others = ((ranks[j], abs(starts[j] - starts[i])) for j in of_document if j != i)
            near = (rank * math.exp(-distance / _NEAR_CHARS) for rank, distance in others)
            places[i] = _HIT * ranks[i] + _DOCUMENT * best + _NEAR * max(near, default=0.0)
    return places


def _like_the_best(vectors: Sequence[Vectors | None], values: Sequence[float]) -> list[float]:
    """Return, per unit, its cosine to the nearest of the best units (0..1), itself left out.

    It is relevance feedback (Rocchio, 1971) for sentences: what answers a question is said in more than one place, not
    always in its words.
    """
    seen = [i for i, vector in enumerate(vectors) if vector is not None]
    like = [0.0] * len(vectors)
    if not seen:
        return like
    rows = np.stack([vector for vector in vectors if vector is not None])
    best = sorted(range(len(seen)), key=lambda row: -values[seen[row]])[:_BEST]
    cosines = np.stack([rows @ rows[b] for b in best], axis=1)
    cosines[best, range(len(best))] = 0.0
    for i, cosine in zip(seen, cosines.max(axis=1), strict=True):
        like[i] = min(1.0, max(0.0, float(cosine)))
    return like


def _worths(close: Sequence[float], units: Sequence[Unit], place: float) -> list[float]:
    found = [(value / (1 + _TERMS + _LIKE_THE_BEST)) + place for value in _smoothed(close)]
    better = {i: rank for rank, i in enumerate(sorted(range(len(found)), key=lambda i: (-found[i], i)))}
    sizes = [max(_SHORT_CHARS, len(unit.span)) / _USUAL_CHARS for unit in units]
    return [
        (value - _MORE_OF_A_HIT * better[i]) / size**_LENGTH_POWER
        for i, (value, size) in enumerate(zip(found, sizes, strict=True))
    ]


def _smoothed(scores: Sequence[float]) -> list[float]:
    """Lift sentences beside good ones: what answers a question is often more than one sentence."""
    padded = [scores[0], *scores, scores[-1]] if scores else []
    return [
        (score + _NEIGHBOUR_WEIGHT * (padded[i] + padded[i + 2]) / 2) / (1 + _NEIGHBOUR_WEIGHT)
        for i, score in enumerate(scores)
    ]


def _shown(close: float, share: float) -> float:
    """Return the closeness of a unit (0..1) from its reading and the share of the question's terms that it holds."""
    return min(1.0, max(0.0, (close + _TERM_WEIGHT * share) / (1 + _TERM_WEIGHT)))
