"""RAGAS metrics that need no language model: how each is fed and called. `eval.judges.ragas_process` runs them.

RAGAS' own experiment runner drops rows that fail and reorders the rest, so only its metrics are used.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from eval.metrics.base import Unmeasured, not_applicable
from eval.observation import Observation
from rag.types import Vectors

Fields = dict[str, Any]
Score = Callable[[Fields], Awaitable[float]]
VectorOf = Callable[[str], Vectors]
"""Returns the vector `(d,) float32` of one text."""

SIMILARITY = "ragas.semantic_similarity"
"""The metric that needs vectors."""


@dataclass(frozen=True, slots=True)
class RagasMetric:
    """How one RAGAS metric is fed and called; `load` imports it and returns its scoring coroutine."""

    meaning: str
    fields: Callable[[Observation], Fields | Unmeasured]
    load: Callable[[VectorOf], Score]
    rate: bool = False


def comparable(seen: Observation) -> Fields | Unmeasured:
    """Return the answer and its reference, or why they cannot be compared."""
    if not seen.case.answers:
        return not_applicable("the case has no reference answer")
    if not seen.case.answerable:
        return not_applicable("the question is unanswerable")
    if not seen.answer:
        return not_applicable("nothing was answered")
    return {"response": seen.answer, "reference": seen.case.answers[0]}


def _sampled(class_name: str) -> Callable[[VectorOf], Score]:
    """Return a loader of a metric of `ragas.metrics`, which scores samples."""

    def load(vector_of: VectorOf) -> Score:
        import ragas.metrics
        from ragas import SingleTurnSample

        _stop_tracking()
        scorer = getattr(ragas.metrics, class_name)()

        async def score(fields: Fields) -> float:
            return float(await scorer.single_turn_ascore(SingleTurnSample(**fields)))

        return score

    return load


@contextmanager
def _hidden(*packages: str) -> Iterator[None]:
    """Let imports do without optional packages: NLTK, of which ROUGE needs a stemmer, would load them for a second."""
    absent = {name for name in packages if name not in sys.modules}
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


def _direct(class_name: str) -> Callable[[VectorOf], Score]:
    """Return a loader of a metric of `ragas.metrics.collections`, which scores keyword arguments."""

    def load(vector_of: VectorOf) -> Score:
        import ragas.metrics.collections

        scorer = getattr(ragas.metrics.collections, class_name)()

        async def score(fields: Fields) -> float:
            return float((await scorer.ascore(**fields)).value)

        return score

    return load


def _rouge(vector_of: VectorOf) -> Score:
    with _hidden("scipy", "sklearn"):
        import rouge_score.rouge_scorer  # noqa: F401
    return _direct("RougeScore")(vector_of)


def _stop_tracking() -> None:
    import ragas.metrics.base

    # told not to track, sampled metrics still write a user id into the home folder and queue an event per row
    module: Any = ragas.metrics.base
    module.EvaluationEvent = dict
    module._analytics_batcher = SimpleNamespace(add_evaluation=lambda event: None)


def _semantic_similarity(vector_of: VectorOf) -> Score:
    from ragas.metrics.collections import SemanticSimilarity

    from eval.judges.ragas_bridge import RagasEmbedding

    scorer = SemanticSimilarity(embeddings=RagasEmbedding(vector_of))

    async def score(fields: Fields) -> float:
        return float((await scorer.ascore(reference=fields["reference"], response=fields["response"])).value)

    return score


def _ids(seen: Observation) -> Fields | Unmeasured:
    passages = _passages(seen)
    if isinstance(passages, Unmeasured):
        return passages
    ids = list(dict.fromkeys(passage.doc_id for passage in seen.passages or ()))
    return {"retrieved_context_ids": ids, "reference_context_ids": list(seen.case.doc_ids)}


def _contexts(seen: Observation) -> Fields | Unmeasured:
    if not seen.case.spans:
        return not_applicable("the case has no gold span")
    passages = _passages(seen)
    if isinstance(passages, Unmeasured):
        return passages
    return {"retrieved_contexts": passages, "reference_contexts": [gold.text for gold in seen.case.spans]}


def _passages(seen: Observation) -> list[str] | Unmeasured:
    if not seen.case.doc_ids:
        return not_applicable("the case has no gold")
    if seen.passages is None:
        return not_applicable("no context was asked for")
    return [passage.text for passage in seen.passages] or Unmeasured("the context is empty")


def _quotes(seen: Observation) -> Fields | Unmeasured:
    if not seen.answer or not any(mark in seen.answer for mark in '"“'):
        return not_applicable("the answer quotes nothing")
    return {"response": seen.answer, "retrieved_contexts": [passage.text for passage in seen.passages or ()]}


RAGAS_METRICS: dict[str, RagasMetric] = {
    "ragas.id_based_context_precision": RagasMetric(
        "share of context documents that are gold", _ids, _sampled("IDBasedContextPrecision")
    ),
    "ragas.id_based_context_recall": RagasMetric(
        "share of gold documents in the context", _ids, _sampled("IDBasedContextRecall")
    ),
    "ragas.non_llm_context_precision": RagasMetric(
        "rank-weighted share of passages like a gold text",
        _contexts,
        _sampled("NonLLMContextPrecisionWithReference"),
    ),
    "ragas.non_llm_context_recall": RagasMetric(
        "share of gold texts that a passage is like", _contexts, _sampled("NonLLMContextRecall")
    ),
    "ragas.string_similarity": RagasMetric(
        "edit similarity of answer and reference", comparable, _direct("NonLLMStringSimilarity")
    ),
    "ragas.rouge_l": RagasMetric("ROUGE-L F1 of answer and reference", comparable, _rouge),
    "ragas.bleu": RagasMetric("BLEU of answer and reference", comparable, _direct("BleuScore")),
    "ragas.chrf": RagasMetric("chrF of answer and reference", comparable, _direct("CHRFScore")),
    "ragas.exact_match": RagasMetric("answer equals the reference", comparable, _direct("ExactMatch"), rate=True),
    "ragas.string_presence": RagasMetric(
        "the reference stands in the answer", comparable, _direct("StringPresence"), rate=True
    ),
    "ragas.quoted_spans_alignment": RagasMetric(
        "share of quoted words found in the context", _quotes, _direct("QuotedSpansAlignment")
    ),
    SIMILARITY: RagasMetric("cosine of answer and reference embeddings", comparable, _semantic_similarity),
}
