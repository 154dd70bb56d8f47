"""Extractive compression: the sentences and table rows that the question needs, as ranges of the source."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from rag.context.terms import content_terms
from rag.errors import UnknownKeyError
from rag.idf import coverage, local_idf
from rag.ports import Compressor
from rag.scaling import min_max
from rag.settings import ContextSettings
from rag.types import Chunk, Dropped, Hit, Query, ScoredSpan, Selection, Span
from rag.units import Unit, units_of

SpanScorer = Callable[[Query, Sequence[tuple[Chunk, Sequence[Span]]]], list[list[tuple[float, float]]]]
"""Scores ranges of chunks (document offsets) against the question, about 0..1, higher is closer; may block.

Each range has two scores: one to judge by how close it is, one to choose by (`rag.models.late_interaction.Reading`).
"""

# chosen on development questions of span-labelled sets; results hardly move within a factor of two of each
_TERM_WEIGHT = 0.15
_NEIGHBOUR_WEIGHT = 0.5
_HIT_WEIGHT = 0.25
_MORE_OF_A_HIT = 0.02
_LENGTH_POWER = 0.2
_USUAL_CHARS = 100
_SHORT_CHARS = 20


@dataclass(frozen=True, slots=True)
class Scored:
    """A hit, its units (offsets in the document) and each unit's closeness to the question, 0..1.

    `scores` are shown and judged by; `chosen_by` is the closeness that decides what is kept.
    """

    hit: Hit
    units: tuple[Unit, ...]
    scores: tuple[float, ...]
    chosen_by: tuple[float, ...]


class WholeHits:
    """Keeps every hit whole; its sentences are scored all the same, for the stages that follow."""

    name = "none"

    def __init__(self, scorer: SpanScorer) -> None:
        self._scorer = scorer

    async def compress(self, query: Query, hits: Sequence[Hit]) -> list[Selection]:
        """Return one whole selection per hit."""
        scored = await asyncio.to_thread(score_units, query, hits, self._scorer)
        return [
            Selection(item.hit, (item.hit.chunk.span,), _units(item, worth, range(len(item.units))))
            for item, worth in zip(scored, values(scored), strict=True)
        ]


class SentenceCompressor:
    """Keeps the best sentences and rows over all hits together until `keep` of their characters are used.

    A kept sentence that leans on the one before it ("It also …") brings that one along; a kept table row brings its
    header row. Better hits keep more, and a hit of which nothing is needed vanishes.
    """

    name = "sentences"

    def __init__(self, scorer: SpanScorer, keep: float) -> None:
        self._scorer = scorer
        self._keep = keep

    async def compress(self, query: Query, hits: Sequence[Hit]) -> list[Selection]:
        """Return what is kept of each hit, in the order of `hits`; at least one sentence over all."""
        return await asyncio.to_thread(self._compress, query, hits)

    def _compress(self, query: Query, hits: Sequence[Hit]) -> list[Selection]:
        scored = score_units(query, hits, self._scorer)
        kept = select(scored, self._keep)
        found = zip(scored, values(scored), kept, strict=True)
        return [_selection(item, worth, indexes) for item, worth, indexes in found if indexes]


def score_units(query: Query, hits: Sequence[Hit], scorer: SpanScorer) -> list[Scored]:
    """Split every hit into units and score each by the scorer and by the question's terms it holds."""
    split = [[_shifted(unit, hit.chunk.span.start) for unit in units_of(hit.chunk.text)] for hit in hits]
    close = scorer(query, [(hit.chunk, [u.span for u in units]) for hit, units in zip(hits, split, strict=True)])
    pool = [frozenset(content_terms(hit.chunk.indexed_text)) for hit in hits]
    weights = local_idf(sorted(set(content_terms(query.text))), pool)
    scored = []
    for hit, units, similarities in zip(hits, split, close, strict=True):
        shares = [coverage(weights, frozenset(content_terms(_text(hit.chunk, unit.span)))) for unit in units]
        scores, chosen_by = (
            tuple(_with_terms(pair[which], share) for pair, share in zip(similarities, shares, strict=True))
            for which in (0, 1)
        )
        scored.append(Scored(hit, tuple(units), scores, chosen_by))
    return scored


def select(scored: Sequence[Scored], keep: float) -> list[list[int]]:
    """Return, per hit, the indexes of the units to keep: the best of all hits until `keep` of all characters is used.

    The unit that would pass the limit ends the selection, except that the first one is always kept.
    """
    if keep >= 1:
        return [list(range(len(item.units))) for item in scored]
    allowance = keep * sum(len(unit.span) for item in scored for unit in item.units)
    kept: list[set[int]] = [set() for _ in scored]
    used = 0
    for h, i in _by_priority(scored):
        wanted = _with_needs(scored[h].units, i) - kept[h]
        used += sum(len(scored[h].units[j].span) for j in wanted)
        if used > allowance and any(kept):
            break
        kept[h] |= wanted
    return [sorted(indexes) for indexes in kept]


def values(scored: Sequence[Scored]) -> list[list[float]]:
    """Return, per hit, what each unit is worth: its closeness, lifted beside good ones, and a share of its hit's.

    Every further unit of a hit adds less, so that one hit does not crowd out the others; and of two that are as close
    the shorter one is worth more, for it leaves room.
    """
    places = min_max([item.hit.score for item in scored])
    return [_worths(item, _HIT_WEIGHT * place) for item, place in zip(scored, places, strict=True)]


def compressed_away(hits: Sequence[Hit], selections: Sequence[Selection]) -> list[Dropped]:
    """Return the ranges of the hits' non-blank text that no selection of the same hit holds."""
    kept = {selection.hit.chunk.chunk_id: selection.spans for selection in selections}
    dropped = []
    for hit in hits:
        for gap in _gaps(hit.chunk.span, kept.get(hit.chunk.chunk_id, ())):
            if _text(hit.chunk, gap).strip():
                dropped.append(Dropped(hit.chunk.doc_id, gap, "compressed_away"))
    return dropped


def merge(spans: Sequence[Span], text: str, offset: int) -> tuple[Span, ...]:
    """Join ordered ranges with nothing but white space between them; `text` starts at document offset `offset`."""
    merged: list[Span] = []
    for span in spans:
        if merged and not text[merged[-1].end - offset : span.start - offset].strip():
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return tuple(merged)


def compressor(settings: ContextSettings, scorer: SpanScorer) -> Compressor:
    """Return the compressor that the settings name.

    Raises:
        UnknownKeyError: `settings.compressor` is no key of COMPRESSORS.
    """
    if settings.compressor not in COMPRESSORS:
        raise UnknownKeyError("compressor", settings.compressor, COMPRESSORS)
    return COMPRESSORS[settings.compressor](settings, scorer)


def _by_priority(scored: Sequence[Scored]) -> list[tuple[int, int]]:
    keyed = [
        (-value, item.hit.chunk.chunk_id, h, i)
        for h, (item, worth) in enumerate(zip(scored, values(scored), strict=True))
        for i, value in enumerate(worth)
    ]
    return [(h, i) for _, _, h, i in sorted(keyed)]


def _worths(item: Scored, of_hit: float) -> list[float]:
    close = [score + of_hit for score in _smoothed(item.chosen_by)]
    better = {i: rank for rank, i in enumerate(sorted(range(len(close)), key=lambda i: (-close[i], i)))}
    sizes = [max(_SHORT_CHARS, len(unit.span)) / _USUAL_CHARS for unit in item.units]
    return [
        (value - _MORE_OF_A_HIT * better[i]) / size**_LENGTH_POWER
        for i, (value, size) in enumerate(zip(close, sizes, strict=True))
    ]


def _smoothed(scores: Sequence[float]) -> list[float]:
    """Lift sentences beside good ones: what answers a question is often more than one sentence."""
    padded = [scores[0], *scores, scores[-1]] if scores else []
    return [
        (score + _NEIGHBOUR_WEIGHT * (padded[i] + padded[i + 2]) / 2) / (1 + _NEIGHBOUR_WEIGHT)
        for i, score in enumerate(scores)
    ]


def _with_needs(units: Sequence[Unit], i: int) -> set[int]:
    found = {i}
    open_ends = [i]
    while open_ends:
        for j in units[open_ends.pop()].needs:
            if j not in found:
                found.add(j)
                open_ends.append(j)
    return found


def _selection(item: Scored, worth: Sequence[float], kept: Sequence[int]) -> Selection:
    chunk = item.hit.chunk
    spans = merge([item.units[i].span for i in kept], chunk.text, chunk.span.start)
    return Selection(item.hit, spans, _units(item, worth, kept))


def _units(item: Scored, worth: Sequence[float], indexes: Iterable[int]) -> tuple[ScoredSpan, ...]:
    """Give the kept units their scores and values; what others need counts as much as the best of those."""
    found = {i: (item.scores[i], worth[i]) for i in indexes}
    for i in sorted(found, reverse=True):
        for needed in item.units[i].needs:
            score, value = found[needed]
            found[needed] = (max(score, found[i][0]), max(value, found[i][1]))
    return tuple(
        ScoredSpan(item.units[i].span, score, item.units[i].kind, value) for i, (score, value) in found.items()
    )


def _gaps(whole: Span, kept: Sequence[Span]) -> list[Span]:
    edges = [whole.start, *(edge for span in kept for edge in (span.start, span.end)), whole.end]
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [Span(start, end) for start, end in pairs if start < end]


def _shifted(unit: Unit, offset: int) -> Unit:
    return replace(unit, span=Span(unit.span.start + offset, unit.span.end + offset))


def _text(chunk: Chunk, span: Span) -> str:
    return chunk.text[span.start - chunk.span.start : span.end - chunk.span.start]


def _with_terms(similarity: float, share: float) -> float:
    """Return the closeness of a unit (0..1) from its similarity and the share of the question's terms it holds."""
    return min(1.0, max(0.0, (similarity + _TERM_WEIGHT * share) / (1 + _TERM_WEIGHT)))


COMPRESSORS: dict[str, Callable[[ContextSettings, SpanScorer], Compressor]] = {
    "none": lambda settings, scorer: WholeHits(scorer),
    "sentences": lambda settings, scorer: SentenceCompressor(scorer, settings.keep),
}
