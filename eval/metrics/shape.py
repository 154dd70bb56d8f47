"""Whether an answer has the shape that the contract promises to programs."""

from __future__ import annotations

from eval.metrics.base import Metric, Value, not_applicable
from eval.observation import Observation
from rag.types import Sentence


def schema_validity() -> Metric:
    """1 if sentences and citations fit the answer and its context and a refusal has its reason, else 0.

    Every sentence is the answer's text at `[start, end)`, in order; every tag is that of a passage of the same
    document; a refusal has a reason and no text.
    """

    def compute(seen: Observation) -> Value:
        if seen.abstained is None or seen.passages is None:
            return not_applicable("no answer was asked for")
        if seen.abstained:
            return float(bool(seen.reason) and not seen.answer)
        return float(_in_order(seen.sentences) and all(_fits(sentence, seen) for sentence in seen.sentences))

    return Metric("schema_validity", "citations", "the answer has the shape of the contract", compute, rate=True)


def _in_order(sentences: tuple[Sentence, ...]) -> bool:
    return all(before.end <= after.start for before, after in zip(sentences, sentences[1:], strict=False))


def _fits(sentence: Sentence, seen: Observation) -> bool:
    documents = {passage.tag: passage.doc_id for passage in seen.passages or ()}
    return seen.answer[sentence.start : sentence.end] == sentence.text and all(
        documents.get(cited.tag) == cited.doc_id and cited.span.start < cited.span.end for cited in sentence.citations
    )
