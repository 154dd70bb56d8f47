"""The table of metrics. A metric is one function that returns a `Metric`, and one row here."""

from __future__ import annotations

from collections.abc import Iterable

from eval.metrics.abstention import abstention_precision, abstention_recall, false_abstention
from eval.metrics.base import Metric, Unmeasured, Value
from eval.metrics.citations import (
    citation_precision,
    citation_recall,
    citation_validity,
    gold_citation_precision,
    gold_citation_recall,
)
from eval.metrics.cost import context_tokens, cost_usd, input_tokens, latency, output_tokens
from eval.metrics.documents import average_precision, mrr, ndcg, recall
from eval.metrics.shape import schema_validity
from eval.metrics.spans import (
    context_recall_at_characters,
    precision_omega,
    recall_at_characters,
    span_iou,
    span_precision,
    span_recall,
)
from rag.errors import UnknownKeyError

__all__ = ["METRICS", "Metric", "Unmeasured", "Value", "choose_metrics"]

_ALL: tuple[Metric, ...] = (
    ndcg(10),
    recall(1),
    recall(5),
    recall(10),
    mrr(10),
    average_precision(),
    span_recall(5),
    span_precision(5),
    span_iou(5),
    precision_omega(),
    recall_at_characters(2000),
    recall_at_characters(4000),
    recall_at_characters(8000),
    context_recall_at_characters(2000),
    context_recall_at_characters(4000),
    context_recall_at_characters(8000),
    citation_validity(),
    citation_recall(),
    citation_precision(),
    gold_citation_precision(),
    gold_citation_recall(),
    schema_validity(),
    abstention_recall(),
    abstention_precision(),
    false_abstention(),
    latency(),
    context_tokens(),
    input_tokens(),
    output_tokens(),
    cost_usd(),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}


def choose_metrics(names: Iterable[str]) -> tuple[Metric, ...]:
    """Return the metrics of these names, in their order.

    Raises:
        UnknownKeyError: the table has no such metric.
    """
    chosen = []
    for name in names:
        if name not in METRICS:
            raise UnknownKeyError("metric", name, METRICS)
        chosen.append(METRICS[name])
    return tuple(chosen)
