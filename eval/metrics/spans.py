"""Span metrics in characters, independent of how documents are chunked (Smith & Troynikov 2024).

R is the union of the gold ranges, C the retrieved ranges. https://research.trychroma.com/evaluating-chunking
"""

from __future__ import annotations

from collections.abc import Iterable

from eval.metrics.base import Metric, Unmeasured, Value, not_applicable
from eval.metrics.ranges import Characters, first_characters, shared, size, union
from eval.observation import Observation, Range


def span_recall(k: int) -> Metric:
    """|R∩C| / |R| over the first `k` hits, 0..1."""

    def compute(seen: Observation) -> Value:
        gold = gold_characters(seen)
        return gold if isinstance(gold, Unmeasured) else shared(gold, union(seen.hits[:k])) / size(gold)

    return Metric(f"span_recall@{k}", "spans", f"share of gold characters in the first {k} hits", compute)


def span_precision(k: int) -> Metric:
    """|R∩C| / Σ|C| over the first `k` hits, 0..1; characters that two hits share are counted twice below the line."""

    def compute(seen: Observation) -> Value:
        gold = gold_characters(seen)
        if isinstance(gold, Unmeasured):
            return gold
        retrieved = _total(seen.hits[:k])
        return shared(gold, union(seen.hits[:k])) / retrieved if retrieved else 0.0

    return Metric(f"span_precision@{k}", "spans", f"share of gold among the characters of the first {k} hits", compute)


def span_iou(k: int) -> Metric:
    """|R∩C| / (Σ|C| + |R∖C|) over the first `k` hits, 0..1."""

    def compute(seen: Observation) -> Value:
        gold = gold_characters(seen)
        if isinstance(gold, Unmeasured):
            return gold
        common = shared(gold, union(seen.hits[:k]))
        return common / (_total(seen.hits[:k]) + size(gold) - common)

    return Metric(f"span_iou@{k}", "spans", f"gold and first {k} hits: shared over joint characters", compute)


def precision_omega() -> Metric:
    """|R∩U| / |U∪R|, U being all chunks that touch R: the best precision that this chunking allows, 0..1."""

    def compute(seen: Observation) -> Value:
        gold = gold_characters(seen)
        if isinstance(gold, Unmeasured):
            return gold
        if seen.evidence.touching is None:
            return Unmeasured("the chunks of the generation were not at hand")
        touching = union(seen.evidence.touching)
        return shared(gold, touching) / size(union([*seen.evidence.touching, *gold_ranges(seen)]))

    return Metric("precision_omega", "spans", "precision if every chunk that touches gold were retrieved", compute)


def recall_at_characters(budget: int) -> Metric:
    """Share of gold in the first `budget` characters of the hits in rank order, the last hit cut, 0..1."""

    def compute(seen: Observation) -> Value:
        return _recall_of(seen, first_characters(seen.hits, budget))

    meaning = f"share of gold characters in the first {budget} characters of the hits"
    return Metric(f"recall@{budget}ch", "spans", meaning, compute)


def context_recall_at_characters(budget: int) -> Metric:
    """Share of gold in the first `budget` characters of the final context's passages, 0..1."""

    def compute(seen: Observation) -> Value:
        if seen.passages is None:
            return not_applicable("no context was asked for")
        return _recall_of(seen, first_characters(context_ranges(seen), budget))

    meaning = f"share of gold characters in the first {budget} characters of the context"
    return Metric(f"context_recall@{budget}ch", "spans", meaning, compute)


def gold_ranges(seen: Observation) -> list[Range]:
    """Return the gold spans of a case as ranges."""
    return [Range(gold.doc_id, gold.span.start, gold.span.end) for gold in seen.case.spans]


def context_ranges(seen: Observation) -> list[Range]:
    """Return the ranges of the final context's passages, in order."""
    return [Range(passage.doc_id, span.start, span.end) for passage in seen.passages or () for span in passage.spans]


def gold_characters(seen: Observation) -> Characters | Unmeasured:
    """Return R of a case, or why it has none."""
    if seen.case.spans:
        return union(gold_ranges(seen))
    return not_applicable("gold is whole documents" if seen.case.doc_ids else "the case has no gold span")


def _recall_of(seen: Observation, ranges: Iterable[Range]) -> Value:
    gold = gold_characters(seen)
    return gold if isinstance(gold, Unmeasured) else shared(gold, union(ranges)) / size(gold)


def _total(ranges: Iterable[Range]) -> int:
    return sum(item.end - item.start for item in ranges)
