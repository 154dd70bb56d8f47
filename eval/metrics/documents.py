"""Document ranking metrics through ir-measures (trec_eval): each document counts once, at its first hit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eval.metrics.base import Metric, Value, not_applicable
from eval.observation import Observation, Range


def ranked_documents(hits: tuple[Range, ...]) -> list[str]:
    """Return the documents of a ranking of chunks, each at the place of its first hit."""
    return list(dict.fromkeys(hit.doc_id for hit in hits))


def document_run(hits: tuple[Range, ...]) -> dict[str, float]:
    """Return the documents with strictly falling scores, so that no evaluator can reorder ties."""
    documents = ranked_documents(hits)
    return {doc_id: float(len(documents) - i) for i, doc_id in enumerate(documents)}


def ndcg(k: int) -> Metric:
    """Normalised discounted cumulative gain of the first `k` documents, 0..1 (Järvelin & Kekäläinen 2002)."""
    return _metric(f"nDCG@{k}", f"gain of the first {k} documents, discounted by rank", lambda ir: ir.nDCG @ k)


def recall(k: int) -> Metric:
    """Share of the relevant documents among the first `k`, 0..1."""
    return _metric(f"Recall@{k}", f"share of the gold documents among the first {k}", lambda ir: ir.R @ k)


def mrr(k: int) -> Metric:
    """Reciprocal rank of the first relevant document if it is among the first `k`, else 0."""
    return _metric(f"MRR@{k}", f"1 / rank of the first gold document within {k}", lambda ir: ir.RR @ k)


def average_precision() -> Metric:
    """Average precision over the whole ranking that was asked for; its mean over cases is MAP."""
    return _metric("MAP", "precision averaged over the ranks of the gold documents", lambda ir: ir.AP)


def _metric(name: str, meaning: str, measure: Callable[[Any], Any]) -> Metric:
    def compute(seen: Observation) -> Value:
        import ir_measures

        if not seen.case.doc_ids:
            return not_applicable("the case names no relevant document")
        qrels = {"q": dict.fromkeys(seen.case.doc_ids, 1)}
        run = {"q": document_run(seen.hits)}
        if not run["q"]:
            return 0.0
        return float(next(ir_measures.iter_calc([measure(ir_measures)], qrels, run)).value)

    return Metric(name, "documents", meaning, compute)
