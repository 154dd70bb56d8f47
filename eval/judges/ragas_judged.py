"""The RAGAS metrics that need a language model, fed and called one case at a time.

A context of p passages costs p requests for context precision and 2p + 3 for noise sensitivity; the others take one to
four, whatever the context.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from eval.judges.base import JudgeMetric, Material, Need, Score
from eval.metrics.base import Better
from rag.errors import UnknownKeyError

_FIELDS: dict[str, Callable[[Material], Any]] = {
    "user_input": lambda material: material.question,
    "response": lambda material: material.answer,
    "retrieved_contexts": lambda material: list(material.contexts or ()),
    "reference": lambda material: material.reference,
    "rubrics": lambda material: dict(material.rubrics),
}
_NEEDS: dict[str, Need] = {"response": "answer", "retrieved_contexts": "contexts", "reference": "reference"}
_ASPECT_FIELDS = ("user_input", "response", "retrieved_contexts", "reference")
_DEFAULT_BEST = 5


def judge_metrics(aspects: Mapping[str, str], names: Sequence[str] | None = None) -> dict[str, JudgeMetric]:
    """Return the metrics of these names, default all: those of JUDGE_METRICS and `aspect.NAME` for every aspect.

    Raises:
        UnknownKeyError: there is no such metric.
    """
    known = JUDGE_METRICS | {f"aspect.{name}": aspect(question) for name, question in aspects.items()}
    for name in names or ():
        if name not in known:
            raise UnknownKeyError("judge metric", name, known)
    return {name: metric for name, metric in known.items() if names is None or name in names}


def aspect(question: str) -> JudgeMetric:
    """Return the metric of one yes-no question about an answer: 1 is yes (RAGAS' AspectCritic)."""

    def build(llm: Any, embedding: Any) -> Score:
        from ragas.metrics import AspectCritic
        from ragas.metrics._aspect_critic import AspectCriticInput, AspectCriticOutput

        # its own scoring method reports to RAGAS and writes a user id into the home folder; its prompt does neither
        prompt = AspectCritic(name="aspect", definition=question).single_turn_prompt

        async def score(material: Material) -> float:
            fields = {name: _FIELDS[name](material) for name in _ASPECT_FIELDS}
            verdict = await llm.agenerate(prompt.to_string(AspectCriticInput(**fields)), AspectCriticOutput)
            return float(verdict.verdict)

        return score

    return JudgeMetric(question, ("answer",), build, rate=True, definition=question)


def _collected(class_name: str, fields: Sequence[str], llm: Any, **options: Any) -> Score:
    """Return the scoring coroutine of a metric of `ragas.metrics.collections`."""
    import ragas.metrics.collections

    scorer = getattr(ragas.metrics.collections, class_name)(llm=llm, **options)

    async def score(material: Material) -> float:
        return float((await scorer.ascore(**{name: _FIELDS[name](material) for name in fields})).value)

    return score


def _collection(class_name: str, meaning: str, *fields: str, better: Better = "higher", **options: Any) -> JudgeMetric:
    needs = tuple(_NEEDS[name] for name in fields if name in _NEEDS)

    def build(llm: Any, embedding: Any) -> Score:
        return _collected(class_name, fields, llm, **options)

    return JudgeMetric(meaning, needs, build, better)


def _answer_relevancy(llm: Any, embedding: Any) -> Score:
    score = _collected("AnswerRelevancy", ("user_input", "response"), llm, embeddings=embedding)

    async def not_below_zero(material: Material) -> float:
        return max(0.0, await score(material))  # a mean of cosines

    return not_below_zero


def _rubrics(llm: Any, embedding: Any) -> Score:
    """Return the score by the case's own rubric, else by RAGAS' default of five levels, stretched to 0..1."""

    async def score(material: Material) -> float:
        return (await _rating(material, llm) - 1) / (_best(material.rubrics) - 1)

    return score


def _best(rubrics: Mapping[str, str]) -> int:
    levels = [int(number) for name in rubrics for number in re.findall(r"score(\d+)", name)]
    return max((level for level in levels if level > 1), default=_DEFAULT_BEST)


async def _rating(material: Material, llm: Any) -> float:
    fields = ["user_input", "response", *(["reference"] if material.reference else [])]
    if material.rubrics:
        return await _collected("InstanceSpecificRubrics", ["rubrics", *fields], llm)(material)
    with_reference = bool(material.reference)
    return await _collected("DomainSpecificRubrics", fields, llm, with_reference=with_reference)(material)


JUDGE_METRICS: dict[str, JudgeMetric] = {
    "faithfulness": _collection(
        "Faithfulness",
        "share of the answer's statements that the context supports",
        "user_input",
        "response",
        "retrieved_contexts",
    ),
    "response_groundedness": _collection(
        "ResponseGroundedness",
        "how well the context supports the answer, mean of two prompts",
        "response",
        "retrieved_contexts",
        max_retries=1,  # we try again where it helps, and say what went wrong
    ),
    "context_precision": _collection(
        "ContextPrecision",
        "rank-weighted share of passages that help to the reference",
        "user_input",
        "reference",
        "retrieved_contexts",
    ),
    "context_recall": _collection(
        "ContextRecall",
        "share of the reference's statements that the context holds",
        "user_input",
        "reference",
        "retrieved_contexts",
    ),
    "factual_correctness": _collection(
        "FactualCorrectness", "F1 of the claims of answer and reference", "response", "reference"
    ),
    "answer_relevancy": JudgeMetric(
        "likeness of the question to questions that the answer answers",
        ("answer",),
        _answer_relevancy,
        uses_embedder=True,
    ),
    "noise_sensitivity": _collection(
        "NoiseSensitivity",
        "share of the answer's statements that are wrong though the passage behind them is right",
        "user_input",
        "response",
        "reference",
        "retrieved_contexts",
        better="lower",
    ),
    "rubrics": JudgeMetric("score by the case's rubric, else by five general levels", ("answer",), _rubrics),
}
