from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import BaseModel

from eval.judges.base import JudgeMetric, Material, Score
from eval.judges.language import LanguageJudge
from eval.metrics.base import Unmeasured
from rag.llm.metered import Metered
from rag.llm.recorded import HeldReplies
from rag.settings import JudgeModelSettings
from tests.fakes import FakeChatModel


class Verdict(BaseModel):
    """What the model must return."""

    score: float


def scoring(value: float | Exception | None = None) -> JudgeMetric:
    """Return a metric that is this value, or what the model says."""

    def build(llm: Any, embedding: Any) -> Score:
        async def score(material: Material) -> float:
            if isinstance(value, Exception):
                raise value
            return value if value is not None else float((await llm.agenerate("How good?", Verdict)).score)

        return score

    return JudgeMetric("how good", (), build)


def judge(
    text: str = '{"score": 0.75}', metric: JudgeMetric | None = None, **settings: Any
) -> tuple[LanguageJudge, FakeChatModel]:
    model = FakeChatModel(text)
    chosen = JudgeModelSettings(model="fake-model", retries=1, **settings)
    return LanguageJudge("strict", chosen, {"good": metric or scoring()}, Metered(model), HeldReplies()), model


async def test_a_reply_that_fits_is_the_score() -> None:
    strict, model = judge()
    assert await strict.score("good", Material("q?")) == 0.75 and strict.cost.calls == 1
    assert model.requests[0].reply is not None


async def test_a_malformed_reply_is_sent_back_and_then_given_up() -> None:
    strict, model = judge("I think it is good.")
    value = await strict.score("good", Material("q?"))
    assert isinstance(value, Unmeasured) and "malformed reply" in value.reason
    assert len(model.requests) == 2 and "does not fit" in model.requests[1].messages[-1].content


@pytest.mark.parametrize(
    ("value", "said"),
    [(1.5, "outside 0..1"), (math.nan, "no score"), (RuntimeError("boom"), "RAGAS raised RuntimeError: boom")],
)
async def test_what_is_no_score_is_a_reason(value: float | Exception, said: str) -> None:
    strict, _ = judge(metric=scoring(value))
    found = await strict.score("good", Material("q?"))
    assert isinstance(found, Unmeasured) and said in found.reason


async def test_rounding_is_cut_off() -> None:
    strict, _ = judge(metric=scoring(1.0 + 1e-9))
    assert await strict.score("good", Material("q?")) == 1.0


def test_a_fingerprint_follows_what_decides_the_score() -> None:
    base = judge()[0].fingerprint("good")
    assert judge()[0].fingerprint("good") == base and len(base) == 12
    assert judge(temperature=0.7)[0].fingerprint("good") != base
    assert judge(concurrency=9)[0].fingerprint("good") == base
    worded = JudgeMetric("how good", (), scoring().build, definition="Is it polite?")
    assert judge(metric=worded)[0].fingerprint("good") != base


async def test_a_replay_without_a_recording_names_what_is_missing() -> None:
    settings = JudgeModelSettings(model="fake-model", retries=0)
    replay = LanguageJudge("strict", settings, {"good": scoring()}, None, HeldReplies())
    assert isinstance(await replay.score("good", Material("q?")), Unmeasured)
    assert replay.cost.calls == 0 and len(replay.cost.missing) == 1
