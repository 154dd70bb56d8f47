"""The judge port, what a judge is shown, and what its metrics are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from eval.metrics.base import Better, Unmeasured, Value, not_applicable
from eval.observation import Observation

Need = Literal["answer", "contexts", "reference"]


@dataclass(frozen=True, slots=True)
class Material:
    """What a judge sees of one case. None: there is none; `contexts` is empty where the context holds no passage.

    `rubrics` describes the scores of the case's own rubric: `score1_description` and so on, the highest is the best.
    """

    question: str
    answer: str | None = None
    contexts: tuple[str, ...] | None = None
    reference: str | None = None
    rubrics: Mapping[str, str] = field(default_factory=dict)

    def lacks(self, needs: tuple[Need, ...]) -> Unmeasured | None:
        """Return why something that is needed is not there, or None."""
        if "reference" in needs and not self.reference:
            return not_applicable("the case has no reference answer")
        if "answer" in needs and not self.answer:
            return not_applicable("nothing was answered")
        if "contexts" in needs and self.contexts is None:
            return not_applicable("no context was asked for")
        return Unmeasured("the context is empty") if "contexts" in needs and not self.contexts else None


def material_of(seen: Observation) -> Material:
    """Return what a judge is shown of an observation; earlier turns of a dialogue stand before the question."""
    case = seen.case
    turns = [f"{turn.role}: {turn.text}" for turn in case.history]
    return Material(
        question="\n".join([*turns, f"user: {case.question}"]) if turns else case.question,
        answer=seen.answer or None,
        contexts=None if seen.passages is None else tuple(passage.text for passage in seen.passages),
        reference=case.answers[0] if case.answers and case.answerable else None,
        rubrics=case.rubrics,
    )


Score = Callable[[Material], Awaitable[float]]


@dataclass(frozen=True, slots=True)
class JudgeMetric:
    """One thing that a judge scores, 0..1. `build` returns its scoring coroutine over a language model.

    `definition` is what a user wrote into it; it belongs to the metric's version. Only with `uses_embedder` is the
    second argument of `build` more than None.
    """

    meaning: str
    needs: tuple[Need, ...]
    build: Callable[[Any, Any], Score]
    better: Better = "higher"
    rate: bool = False
    definition: str = ""
    uses_embedder: bool = False


@dataclass(slots=True)
class Cost:
    """What a judge used. Replies that were already at hand cost nothing; `usd` is None while no price is known.

    `failed` counts the requests that brought no reply, by reason; `missing` names what a replay did not find.
    """

    calls: int = 0
    replayed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    usd: float | None = None
    uncounted: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    missing: list[str] = field(default_factory=list)


class Judge(Protocol):
    """Somebody who scores answers. `fingerprint` changes whenever another model or prompt would score."""

    name: str
    model: str
    concurrency: int
    repeats: int
    metrics: Mapping[str, JudgeMetric]

    @property
    def cost(self) -> Cost:
        """What was used so far."""
        ...

    def fingerprint(self, metric: str) -> str:
        """Return 12 hex digits of the model and of everything that decides how it scores a metric."""
        ...

    async def score(self, metric: str, material: Material, repeat: int = 0) -> Value:
        """Return one score, 0..1, or why there is none; never raises for a case."""
        ...


async def judged(judge: Judge, metric: str, material: Material) -> tuple[Value, tuple[float, ...]]:
    """Return the mean of a judge's repeats and each of them; one failed repeat leaves the case unmeasured."""
    lacking = material.lacks(judge.metrics[metric].needs)
    if lacking is not None:
        return lacking, ()
    scores: list[float] = []
    for repeat in range(judge.repeats):
        score = await judge.score(metric, material, repeat)
        if isinstance(score, Unmeasured):
            return score, ()
        scores.append(score)
    return sum(scores) / len(scores), tuple(scores)
