"""The semantic chunker: a new chunk where the subject changes, as the corpus's own embedder sees it.

After Kamradt's "semantic splitting" (5 Levels of Text Splitting, 2023), with one vector a sentence instead of one a
window: a window's vector is the mean of its sentences', so that every sentence is embedded once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ingest.chunkers.assemble import Assembler, Cut
from ingest.chunkers.measure import Embed, Model, Ruler, bodies, sentence_ranges
from ingest.chunkers.plain import with_overlap
from rag.errors import ConfigError
from rag.settings import ChunkerSettings
from rag.types import Chunk, Document, Span, Vectors

_WINDOW = 2
_BATCH = 256
_MINIMUM_SHARE = 4


def semantic(document: Document, model: Model, settings: ChunkerSettings) -> list[Chunk]:
    """Cut between sentences where the windows of two sentences before and after differ most.

    A boundary is a breakpoint when its cosine distance is above `breakpoint_percentile` of the document's. Chunks stay
    above a quarter of `max_tokens` where they can; one that would grow too long ends at the widest gap within reach.

    Raises:
        ConfigError: there is no embedder.
    """
    if model.embed is None:
        raise ConfigError("the chunker 'semantic' needs an embedder, and here is only its tokenizer")
    assembler = Assembler(document, model.tokenizer, settings)
    ruler = Ruler.of(document.text, model.tokenizer, assembler.tables)
    limit = assembler.shared_room() - settings.overlap_tokens
    heading_ends = {block.span.end for block in document.blocks if block.kind == "heading"}
    cuts: list[Cut] = []
    for body in bodies(document):
        units = [s for part in ruler.parts(body, sentence_ranges) for s in ruler.split(part, limit, ())]
        gaps = _gaps(document.text, units, model.embed)
        # A heading belongs to what follows it.
        gaps[[i for i, unit in enumerate(units[:-1]) if unit.end in heading_ends]] = 0
        spans = list(_segments(units, gaps, ruler, limit, settings.breakpoint_percentile))
        cuts += (Cut(span) for span in with_overlap(spans, ruler, settings.overlap_tokens))
    return assembler.chunks(cuts)


def _gaps(text: str, units: Sequence[Span], embed: Embed) -> NDArray[np.float64]:
    """Return `(n - 1,)` cosine distances (0..2) between the windows before and after each boundary.

    Vectors are held for one batch and a window at a time, so that a long document needs no more memory than a short.
    """
    gaps = np.zeros(max(0, len(units) - 1))
    held: Vectors | None = None
    first = done = 0
    for start in range(0, len(units), _BATCH):
        batch = embed([text[unit.start : unit.end] for unit in units[start : start + _BATCH]])
        held = batch if held is None else np.concatenate([held, batch])
        known = first + len(held)
        final = known == len(units)
        while done < len(gaps) and (final or done + _WINDOW < known):
            at = done + 1 - first
            gaps[done] = _distance(held[max(0, at - _WINDOW) : at].sum(0), held[at : at + _WINDOW].sum(0))
            done += 1
        drop = max(0, done + 1 - _WINDOW - first)
        held, first = held[drop:], first + drop
    return gaps


def _distance(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return 1 - float(a @ b) / length if length else 0.0


def _segments(
    units: Sequence[Span], gaps: NDArray[np.float64], ruler: Ruler, limit: int, percentile: float
) -> Iterator[Span]:
    """Yield runs of units: each ends at its first breakpoint above the minimum, or where it may grow no more."""
    threshold = float(np.percentile(gaps, percentile)) if len(gaps) else 0.0
    start = 0
    while start < len(units):
        end = _end(start, units, gaps, ruler, limit, threshold)
        yield Span(units[start].start, units[end].end)
        start = end + 1


def _end(
    start: int, units: Sequence[Span], gaps: NDArray[np.float64], ruler: Ruler, limit: int, threshold: float
) -> int:
    """Return the index of the last unit of the run that starts at `start`."""
    allowed: list[int] = []
    end = start
    while end < len(units) and ruler.fits(Span(units[start].start, units[end].end), limit):
        if end == len(units) - 1:
            return end
        if ruler.tokens(units[start].start, units[end].end) * _MINIMUM_SHARE >= limit:
            if gaps[end] > threshold:
                return end
            allowed.append(end)
        end += 1
    # The earliest of equals, so that the result does not depend on how ties are sorted.
    return max(allowed, key=lambda i: (gaps[i], -i)) if allowed else max(start, end - 1)
