"""Extractive compression: the sentences and table rows that the question needs, as ranges of the source."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from rag.context.unit_scores import Scored, SpanScorer, score_units
from rag.errors import UnknownKeyError
from rag.ports import Compressor
from rag.settings import ContextSettings
from rag.tables import touches
from rag.types import Chunk, Dropped, Hit, Query, ScoredSpan, Selection, Span
from rag.units import Unit

LEAST_CHARS = 2000
"""Characters: less text counts as that much, else half of one small file would go, the sentence that answers too."""


class WholeHits:
    """Keeps every hit whole; its sentences are scored all the same, for the stages that follow."""

    name = "none"

    def __init__(self, scorer: SpanScorer) -> None:
        self._scorer = scorer

    async def compress(self, query: Query, hits: Sequence[Hit]) -> list[Selection]:
        """Return one whole selection per hit."""
        scored = await asyncio.to_thread(score_units, query, hits, self._scorer)
        return [Selection(item.hit, _whole(item), _units(item, range(len(item.units)))) for item in scored]


class SentenceCompressor:
    """Keeps the best sentences and rows over all hits together until `keep` of their characters are used.

    Less text than `least` counts as that much. A kept sentence that leans on the one before it ("It also …") brings
    that one along; a kept table row brings its header row. Better hits keep more, and a hit of which nothing is needed
    vanishes.
    """

    name = "sentences"

    def __init__(self, scorer: SpanScorer, keep: float, least: int = 0) -> None:
        self._scorer = scorer
        self._keep = keep
        self._least = least

    async def compress(self, query: Query, hits: Sequence[Hit]) -> list[Selection]:
        """Return what is kept of each hit, in the order of `hits`; at least one sentence over all."""
        return await asyncio.to_thread(self._compress, query, hits)

    def _compress(self, query: Query, hits: Sequence[Hit]) -> list[Selection]:
        scored = score_units(query, hits, self._scorer)
        kept = select(scored, self._keep, self._least)
        return [_selection(item, indexes) for item, indexes in zip(scored, kept, strict=True) if indexes]


def select(scored: Sequence[Scored], keep: float, least: int = 0) -> list[list[int]]:
    """Return, per hit, the indexes of the units to keep: the best of all hits until `keep` of all characters is used.

    Less than `least` characters count as that many. The unit that would pass the limit ends the selection, except
    that the first one is always kept.
    """
    if keep >= 1:
        return [list(range(len(item.units))) for item in scored]
    allowance = keep * max(least, sum(len(unit.span) for item in scored for unit in item.units))
    kept: list[set[int]] = [set() for _ in scored]
    used = 0
    for h, i in _by_priority(scored):
        wanted = _with_needs(scored[h].units, i) - kept[h]
        used += sum(len(scored[h].units[j].span) for j in wanted)
        if used > allowance and any(kept):
            break
        kept[h] |= wanted
    return [sorted(indexes) for indexes in kept]


def compressed_away(hits: Sequence[Hit], selections: Sequence[Selection]) -> list[Dropped]:
    """Return the ranges of the hits' non-blank text that no selection of the same hit holds."""
    kept = {selection.hit.chunk.chunk_id: selection.spans for selection in selections}
    dropped = []
    for hit in hits:
        start = hit.chunk.span.start
        for gap in _gaps(hit.chunk.span, kept.get(hit.chunk.chunk_id, ())):
            if hit.chunk.text[gap.start - start : gap.end - start].strip():
                dropped.append(Dropped(hit.chunk.doc_id, gap, "compressed_away"))
    return dropped


def merge(spans: Sequence[Span], chunk: Chunk) -> tuple[Span, ...]:
    """Join ordered ranges of a chunk, or of heads before it, with nothing but white space between them."""
    merged: list[Span] = []
    for span in spans:
        if merged and touches(chunk, merged[-1], span):
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
        (-value, item.hit.chunk.chunk_id, h, i) for h, item in enumerate(scored) for i, value in enumerate(item.values)
    ]
    return [(h, i) for _, _, h, i in sorted(keyed)]


def _with_needs(units: Sequence[Unit], i: int) -> set[int]:
    found = {i}
    open_ends = [i]
    while open_ends:
        for j in units[open_ends.pop()].needs:
            if j not in found:
                found.add(j)
                open_ends.append(j)
    return found


def _whole(item: Scored) -> tuple[Span, ...]:
    """Return the range of a hit, behind the heads before it that its rows need."""
    chunk = item.hit.chunk
    heads = [unit.span for unit in item.units if unit.span.start < chunk.span.start]
    return merge([*heads, chunk.span], chunk)


def _selection(item: Scored, kept: Sequence[int]) -> Selection:
    chunk = item.hit.chunk
    spans = merge([item.units[i].span for i in kept], chunk)
    return Selection(item.hit, spans, _units(item, kept))


def _units(item: Scored, indexes: Iterable[int]) -> tuple[ScoredSpan, ...]:
    """Give the kept units their scores and values; what others need counts as much as the best of those."""
    found = {i: (item.scores[i], item.values[i]) for i in indexes}
    for i in sorted(found, reverse=True):
        for needed in item.units[i].needs:
            score, value = found[needed]
            found[needed] = (max(score, found[i][0]), max(value, found[i][1]))
    return tuple(
        ScoredSpan(item.units[i].span, score, item.units[i].kind, value) for i, (score, value) in found.items()
    )


def _gaps(whole: Span, kept: Sequence[Span]) -> list[Span]:
    inside = [(max(whole.start, span.start), min(whole.end, span.end)) for span in kept if span.overlaps(whole)]
    edges = [whole.start, *(edge for pair in inside for edge in pair), whole.end]
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [Span(start, end) for start, end in pairs if start < end]


COMPRESSORS: dict[str, Callable[[ContextSettings, SpanScorer], Compressor]] = {
    "none": lambda settings, scorer: WholeHits(scorer),
    "sentences": lambda settings, scorer: SentenceCompressor(scorer, settings.keep, LEAST_CHARS),
}
