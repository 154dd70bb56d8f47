"""Where a run lost a passage: told from its ranking and its context's ledger; pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from rag.explain.values import Fate, Gate, Target
from rag.pipeline import Trace
from rag.settings import Settings
from rag.types import Context, Dropped, DropReason, Hit, Span, StageScore

_LEDGER: dict[DropReason, Gate] = {
    "budget": "budget",
    "max_passages": "max_passages",
    "compressed_away": "compression",
    "max_per_document": "max_per_document",
    "near_duplicate": "near_duplicate",
}
"""Reasons of a context's ledger, the latest gate first: of several chunks the one that came furthest counts."""

DEPTH: dict[Gate | None, int] = {
    "not_ingested": 0,
    "candidates": 1,
    "fusion": 2,
    "rerank": 2,
    "near_duplicate": 3,
    "max_per_document": 4,
    "compression": 5,
    "max_passages": 6,
    "budget": 6,
    None: 7,
}
"""How far a passage came that a gate removed; ranking is one step, packing another."""


def fate(trace: Trace, target: Target) -> Fate:
    """Return what became of a passage in a run."""
    context = trace.context.context
    held = held_parts(context, target)
    hit = next((hit for hit in trace.hits if hit.chunk.chunk_id in target.chunk_ids), None)
    left_out = tuple(d for d in context.dropped if d.doc_id == target.doc_id and d.span.overlaps(target.span))
    gate = None if held else _gate(target, hit, left_out, trace.context.packed_from)
    return Fate(gate, hit, held, left_out, context)


def gate_of(reasons: Collection[DropReason]) -> Gate:
    """Return the latest gate of those that a context's ledger names; without an entry compression cut it out."""
    return next((gate for name, gate in _LEDGER.items() if name in reasons), "compression")


def held_parts(context: Context, target: Target) -> tuple[Span, ...]:
    """Return the parts of a passage that the context holds, in order."""
    spans = [span for p in context.passages if p.doc_id == target.doc_id for span in p.spans]
    inside = (Span(max(s.start, target.span.start), min(s.end, target.span.end)) for s in spans if _meets(s, target))
    return tuple(sorted(inside))


def changed_chars(before: Context, after: Context) -> int:
    """Count the characters that one of two contexts holds and the other does not."""
    ours, theirs = _by_document(before), _by_document(after)
    shared = sum(
        max(0, min(a.end, b.end) - max(a.start, b.start))
        for doc_id, spans in ours.items()
        for a in spans
        for b in theirs.get(doc_id, ())
    )
    return _size(ours.values()) + _size(theirs.values()) - 2 * shared


def reason(found: Fate, stages: Mapping[str, StageScore | None], settings: Settings) -> str:
    """Return one sentence that says what the gate did."""
    return REASONS[found.gate](found, stages, settings)


def _gate(target: Target, hit: Hit | None, left_out: Sequence[Dropped], packed_from: int) -> Gate:
    if not target.chunks:
        return "not_ingested"
    if hit is None:
        return "candidates"
    if hit.rank > packed_from:
        return "rerank" if "reranked" in hit.stages else "fusion"
    return gate_of([item.reason for item in left_out])


def _meets(span: Span, target: Target) -> bool:
    return span.overlaps(target.span)


def _by_document(context: Context) -> dict[str, list[Span]]:
    spans: dict[str, list[Span]] = {}
    for passage in context.passages:
        spans.setdefault(passage.doc_id, []).extend(passage.spans)
    return spans


def _size(documents: Iterable[Sequence[Span]]) -> int:
    return sum(len(span) for spans in documents for span in spans)


def _not_a_candidate(found: Fate, stages: Mapping[str, StageScore | None], settings: Settings) -> str:
    first = {name: stages.get(name) for name in settings.retrieval.retrievers}
    places = (f"{name} ranks it {at.rank}" if at else f"{name} gives it no score" for name, at in first.items())
    return f"No first stage has it among its best {settings.retrieval.candidates}: {', '.join(places)}."


def _ranked_too_low(found: Fate, stages: Mapping[str, StageScore | None], settings: Settings) -> str:
    rank = found.hit.rank if found.hit else None
    stage = "Reranking" if found.gate == "rerank" else "Fusion"
    return f"{stage} ranks it {rank}; the context is packed from the best {settings.context.max_hits}."


REASONS: dict[Gate | None, Callable[[Fate, Mapping[str, StageScore | None], Settings], str]] = {
    None: lambda found, stages, settings: "It is in the context.",
    "not_ingested": lambda found, stages, settings: (
        "No chunk holds it: front matter and the headers and footers of pages are not searched."
    ),
    "candidates": _not_a_candidate,
    "fusion": _ranked_too_low,
    "rerank": _ranked_too_low,
    "near_duplicate": lambda found, stages, settings: "A better hit says the same.",
    "max_per_document": lambda found, stages, settings: (
        f"Better hits of its document filled the {settings.context.max_per_document} that a document may have."
    ),
    "compression": lambda found, stages, settings: (
        f"Compression kept other sentences: {settings.context.keep:.0%} of the hits' text is kept, the best first."
    ),
    "max_passages": lambda found, stages, settings: (
        f"Better hits made {settings.context.max_passages} passages, which is the most that a context may hold."
    ),
    "budget": lambda found, stages, settings: (
        f"The budget of {settings.context.budget_tokens} tokens went to better passages."
    ),
}
"""What each gate did, for a reader."""
