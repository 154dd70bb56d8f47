"""Where a run lost a passage: told from its ranking and its context's ledger; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from rag.explain.values import Fate, Target
from rag.retrieve.demote import BEFORE, matching
from rag.settings import Settings
from rag.tables import tables_of
from rag.types import Chunk, Context, Dropped, DropReason, Hit, Span, StageScore
from rag.types.loss import LOSS_OF_GATE, REACHED, Gate, furthest


def fate(hits: Sequence[Hit], packed_from: int, context: Context, target: Target) -> Fate:
    """Return what became of a passage in a run: its whole ranking, and the context packed from its first hits."""
    held = held_parts(context, target)
    hit = _best(hits, target)
    left_out = tuple(d for d in context.dropped if d.doc_id == target.doc_id and d.span.overlaps(target.span))
    gate = None if held else _gate(target, hit, left_out, packed_from)
    return Fate(gate, hit, held, left_out, context)


def behind(hits: Sequence[Hit], packed_from: int, target: Target) -> Fate:
    """Return the fate of a passage in a run whose context cannot hold it, see `may_hold`; nothing need be packed."""
    hit = _best(hits, target)
    return Fate(_gate(target, hit, (), packed_from), hit, (), (), None)


def may_hold(hits: Sequence[Hit], target: Target) -> bool:
    """Say whether a context packed from these hits can hold a character of the passage.

    A hit carries its own characters, those of its parent, and the heads that its table rows need.
    """
    return any(_may_carry(hit.chunk, target) for hit in hits if hit.chunk.doc_id == target.doc_id)


def _may_carry(chunk: Chunk, target: Target) -> bool:
    heads = (table.head.span for table in tables_of(chunk) if table.head)
    return any(span.overlaps(target.span) for span in (chunk.parent or chunk.span, chunk.span, *heads))


def _best(hits: Sequence[Hit], target: Target) -> Hit | None:
    ids = target.chunk_ids
    return next((hit for hit in hits if hit.chunk.chunk_id in ids), None)


def depth(gate: Gate | None) -> int:
    """Return how far a passage came that a gate removed; None removed nothing."""
    return REACHED if gate is None else LOSS_OF_GATE[gate].depth


def gate_of(reasons: Collection[DropReason]) -> Gate:
    """Return the latest gate of those that a context's ledger names; without an entry compression cut it out."""
    loss = furthest(reasons)
    return loss.gate if loss else "compression"


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


def reason(found: Fate, target: Target, stages: Mapping[str, StageScore | None], settings: Settings) -> str:
    """Return one sentence that says what the gate did."""
    if found.gate is None:
        return "It is in the context."
    loss = LOSS_OF_GATE[found.gate]
    before = found.hit.stages.get(BEFORE) if found.hit else None
    rules = {"left_out": target.left_out, "demoted": matching(target.metadata, tuple(settings.retrieval.demote))}
    return loss.sentence.format(
        value=settings.value(loss.setting) if loss.setting else None,
        rank=found.hit.rank if found.hit else None,
        places=", ".join(_places(stages, settings.retrieval.retrievers)),
        before=before.rank if before else None,
        rules=", ".join(rules.get(found.gate, ())),
    )


def _gate(target: Target, hit: Hit | None, left_out: Sequence[Dropped], packed_from: int) -> Gate:
    if not target.chunks:
        return "not_ingested"
    if hit is None:
        return "left_out" if target.left_out else "candidates"
    if hit.rank > packed_from:
        if BEFORE in hit.stages and hit.stages[BEFORE].rank <= packed_from:
            return "demoted"
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


def _places(stages: Mapping[str, StageScore | None], retrievers: Sequence[str]) -> Iterator[str]:
    """Yield where each first stage ranks a passage, in words."""
    for name in retrievers:
        at = stages.get(name)
        yield f"{name} ranks it {at.rank}" if at else f"{name} gives it no score"
