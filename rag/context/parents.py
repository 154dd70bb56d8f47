"""Search small, return large: a hit whose chunk has a parent reaches the context as that larger range."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from rag.context.pack import ReadDocument
from rag.context.unit_scores import SpanScorer
from rag.ports import Catalogue
from rag.types import Chunk, Hit, Query, Reading, Span


def expand(hits: Sequence[Hit], read: ReadDocument) -> list[Hit]:
    """Put parents in the place of children, each once, with the rank, score and stages of its best child.

    A parent is known by `parent == span`; it has no key, for no index holds it. `read` may block.
    """
    texts: dict[str, str] = {}
    shown: dict[tuple[str, Span], Hit] = {}
    for hit in hits:
        chunk = hit.chunk
        place = (chunk.doc_id, chunk.parent or chunk.span)
        if chunk.parent is None or place in shown:
            shown.setdefault(place, hit)
            continue
        if chunk.doc_id not in texts:
            texts[chunk.doc_id] = read(chunk.doc_id)
        shown[place] = replace(hit, chunk=_parent(chunk, chunk.parent, texts[chunk.doc_id]))
    return list(shown.values())


def merge_children(
    hits: Sequence[Hit], share: float, children: Callable[[str, Sequence[Span]], Sequence[Chunk]]
) -> list[Hit]:
    """Take the parent from hits where less than `share` (0..1) of its chunks are hits, so that they stay themselves.

    0 leaves every parent; `children` returns the chunks of some parents of a document and may block.
    """
    found = Counter((hit.chunk.doc_id, hit.chunk.parent) for hit in hits if hit.chunk.parent)
    if not share or not found:
        return list(hits)
    parents: dict[str, list[Span]] = {}
    for doc_id, parent in found:
        if parent:
            parents.setdefault(doc_id, []).append(parent)
    sizes = Counter((c.doc_id, c.parent) for doc_id, spans in parents.items() for c in children(doc_id, spans))
    few = {place for place, count in found.items() if count < share * sizes[place]}
    return [
        replace(hit, chunk=replace(hit.chunk, parent=None)) if (hit.chunk.doc_id, hit.chunk.parent) in few else hit
        for hit in hits
    ]


def by_children(scorer: SpanScorer, catalogue: Catalogue) -> SpanScorer:
    """Return a scorer that scores the ranges of a parent by its children, whose token vectors the index holds.

    A range that several children share gets the best of their scores and the vector of the one that is closer; no model
    runs over the parent, which may be larger than its window.
    """

    def score(query: Query, pieces: Sequence[tuple[Chunk, Sequence[Span]]]) -> list[list[Reading]]:
        if not any(is_parent(chunk) for chunk, _ in pieces):
            return scorer(query, pieces)
        families = _families(query, [chunk for chunk, _ in pieces], catalogue)
        parts: list[tuple[Chunk, Sequence[Span]]] = []
        places: list[tuple[int, list[int]]] = []
        for number, ((_, spans), family) in enumerate(zip(pieces, families, strict=True)):
            for child in family:
                inside = [i for i, span in enumerate(spans) if span.overlaps(child.span)]
                parts.append((child, [spans[i] for i in inside]))
                places.append((number, inside))
        found = [[Reading()] * len(spans) for _, spans in pieces]
        for (number, inside), readings in zip(places, scorer(query, parts), strict=True):
            for i, reading in zip(inside, readings, strict=True):
                found[number][i] = _better(found[number][i], reading)
        return found

    return score


def is_parent(chunk: Chunk) -> bool:
    """Say whether a chunk is a parent that `expand` put in the place of its children."""
    return chunk.parent == chunk.span


def _better(one: Reading, other: Reading) -> Reading:
    vector = other.vector if one.vector is None or other.chosen > one.chosen else one.vector
    return Reading(max(one.close, other.close), max(one.chosen, other.chosen), vector)


def _families(query: Query, chunks: Sequence[Chunk], catalogue: Catalogue) -> Iterator[list[Chunk]]:
    """Yield, per chunk, the stored chunks inside it: a parent's children, else the chunk itself."""
    parents: dict[str, list[Span]] = {}
    for chunk in chunks:
        if is_parent(chunk):
            parents.setdefault(chunk.doc_id, []).append(chunk.span)
    children = {doc_id: catalogue.children(query.generation, doc_id, spans) for doc_id, spans in parents.items()}
    for chunk in chunks:
        own = [child for child in children.get(chunk.doc_id, ()) if child.parent == chunk.span]
        yield own if is_parent(chunk) else [chunk]


def _parent(child: Chunk, span: Span, text: str) -> Chunk:
    name = f"{child.doc_id}\x1fparent\x1f{span.start}\x1f{span.end}"
    return replace(
        child,
        chunk_id=hashlib.sha256(name.encode()).hexdigest()[:16],
        span=span,
        text=text[span.start : span.end],
        tokens=0,
        boxes=(),
        pk=0,
    )
