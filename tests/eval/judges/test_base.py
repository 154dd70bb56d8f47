from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from eval.judges.base import Cost, JudgeMetric, Material, judged, material_of
from eval.metrics.base import Unmeasured, Value
from rag.types import Turn
from tests.contracts.test_metrics import FULL, REFUSED, SEARCHED

WHOLE = Material("q?", "a", ("c",), "r")


def metric(*needs: str) -> JudgeMetric:
    return JudgeMetric("how good", needs, lambda llm, embedding: None)  # type: ignore[arg-type, return-value]


@dataclass
class Fixed:
    """A judge that gives the values it was made with, one a repeat."""

    values: tuple[Value, ...]
    name: str = "fixed"
    model: str = "m"
    concurrency: int = 1
    metrics: Mapping[str, JudgeMetric] = field(default_factory=lambda: {"good": metric("answer", "contexts")})

    @property
    def repeats(self) -> int:
        return len(self.values)

    @property
    def cost(self) -> Cost:
        return Cost()

    def fingerprint(self, metric: str) -> str:
        return "0" * 12

    async def score(self, metric: str, material: Material, repeat: int = 0) -> Value:
        return self.values[repeat]


@pytest.mark.parametrize(
    ("changes", "reason", "applicable"),
    [
        ({"reference": None}, "the case has no reference answer", False),
        ({"answer": ""}, "nothing was answered", False),
        ({"contexts": None}, "no context was asked for", False),
        ({"contexts": ()}, "the context is empty", True),
    ],
)
def test_what_is_needed_and_not_there(changes: dict[str, object], reason: str, applicable: bool) -> None:
    lacking = replace(WHOLE, **changes).lacks(("answer", "contexts", "reference"))  # type: ignore[arg-type]
    assert lacking is not None and (lacking.reason, lacking.applicable) == (reason, applicable)
    assert WHOLE.lacks(("answer", "contexts", "reference")) is None
    assert Material("q?").lacks(()) is None


def test_a_judge_sees_the_case_as_it_went() -> None:
    seen = material_of(FULL)
    assert (seen.question, seen.answer, seen.contexts, seen.reference) == (
        "q?",
        FULL.answer,
        ("0123456789",),
        "0123456789",
    )
    assert material_of(REFUSED).reference is None and material_of(SEARCHED).contexts is None
    talk = replace(FULL, case=replace(FULL.case, history=(Turn("user", "Hello"), Turn("assistant", "Hi"))))
    assert material_of(talk).question == "user: Hello\nassistant: Hi\nuser: q?"


async def test_the_score_is_the_mean_of_the_repeats() -> None:
    assert await judged(Fixed((0.0, 1.0, 0.5)), "good", WHOLE) == (0.5, (0.0, 1.0, 0.5))


async def test_one_failed_repeat_or_nothing_to_judge_leaves_a_case_unmeasured() -> None:
    lost = Unmeasured("no reply")
    assert await judged(Fixed((1.0, lost)), "good", WHOLE) == (lost, ())
    value, scores = await judged(Fixed((1.0,)), "good", Material("q?"))
    assert isinstance(value, Unmeasured) and not value.applicable and scores == ()
