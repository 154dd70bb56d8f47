"""Gold passages follow their text: an edit above a passage moves its offsets, and no set is labelled again for that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from eval.golden import Case, GoldSpan
from eval.golden.places import places
from rag.types import Span


def anchored(gold: GoldSpan, text: str) -> GoldSpan:
    """Return the passage where a document's text has it now: in its place, else at the occurrence nearest to it.

    Runs of whitespace count as equal. A passage whose text is gone is `lost`: it is put behind the end of the
    document, where nothing can be retrieved, so that it counts as missed.
    """
    if text[gold.span.start : gold.span.end] == gold.text:
        return gold
    found = places(gold.text, text)
    if not found:
        return replace(gold, span=Span(len(text), len(text) + len(gold.text)), lost=True)
    start, end = min(found, key=lambda place: abs(place[0] - gold.span.start))
    return replace(gold, span=Span(start, end))


def anchor_counts(labelled: Iterable[Case], asked: Iterable[Case]) -> dict[str, int]:
    """Return how many passages are in their labelled place (`kept`), elsewhere (`moved`) or gone (`lost`)."""
    counts = Counter({"kept": 0, "moved": 0, "lost": 0})
    for before, after in zip(labelled, asked, strict=True):
        for old, new in zip(before.spans, after.spans, strict=True):
            counts["lost" if new.lost else "kept" if old.span == new.span else "moved"] += 1
    return dict(counts)
