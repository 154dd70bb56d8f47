"""What an answer would be worth without a passage: its citations, located and checked again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from rag.context.citations import locate, span_texts
from rag.context.pack import JOINT, minus
from rag.context.tags import untagged
from rag.explain.values import SupportChange, Target
from rag.ports import Verifier
from rag.types import Answer, Passage, Span, Support

_NONE = Support(0.0, False)


async def without(answer: Answer, target: Target, verifier: Verifier) -> tuple[SupportChange, ...]:
    """Return, per sentence of the answer, its support before and after the passage is cut out of the context."""
    passages = answer.context.context.passages
    rest = {passage.tag: left for passage in passages if (left := cut(passage, target)) is not None}
    pairs = [
        (number, sentence.claim or untagged(sentence.text), rest[citation.tag])
        for number, sentence in enumerate(answer.sentences)
        for citation in sentence.citations
        if citation.tag in rest
    ]
    found = await verifier.verify([(claim, locate(claim, passage).evidence) for _, claim, passage in pairs])
    after: dict[int, list[Support]] = {}
    for (number, _, _), support in zip(pairs, found, strict=True):
        after.setdefault(number, []).append(support)
    return tuple(
        SupportChange(sentence, _best(c.support for c in sentence.citations), _best(after.get(number, ())))
        for number, sentence in enumerate(answer.sentences)
    )


def cut(passage: Passage, target: Target) -> Passage | None:
    """Return what is left of a passage of the context without the target's characters; None when nothing is."""
    if passage.doc_id != target.doc_id or not any(span.overlaps(target.span) for span in passage.spans):
        return passage
    left = [
        (part, text[part.start - span.start : part.end - span.start])
        for span, text in span_texts(passage)
        for part in minus(span, [target.span])
    ]
    kept = [(_stripped(part, text), text.strip()) for part, text in left if text.strip()]
    if not kept:
        return None
    units = tuple(unit for unit in passage.units if not unit.span.overlaps(target.span))
    return replace(
        passage, spans=tuple(span for span, _ in kept), text=JOINT.join(text for _, text in kept), units=units
    )


def _stripped(span: Span, text: str) -> Span:
    start = span.start + len(text) - len(text.lstrip())
    return Span(start, start + len(text.strip()))


def _best(found: Iterable[Support]) -> Support:
    return max(found, key=lambda support: (support.supported, support.score), default=_NONE)
