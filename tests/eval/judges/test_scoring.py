"""Every LLM metric over real HTTP: values where the judge answers, named reasons where it does not, no row lost."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from eval.golden import Case
from eval.judges.base import Judge
from eval.judges.ragas_judged import JUDGE_METRICS
from eval.judges.scoring import JudgeReport, ask_judges
from eval.metrics.base import Metric, Unmeasured, Value
from eval.observation import Observation, failed
from tests.eval.judges.conftest import Opener, answered
from tests.eval.judges.scripted import Said, Script

NAMES = {*JUDGE_METRICS, "aspect.complete"}


async def asked(judge: Judge, *seen: Observation) -> tuple[dict[str, list[Value]], JudgeReport, tuple[Metric, ...]]:
    metrics, (report,) = await ask_judges(seen, [judge], lambda done, total: None)
    return {m.name: [m(one) for one in seen] for m in metrics}, report, metrics


def reason(value: Value) -> str:
    assert isinstance(value, Unmeasured) and value.applicable
    return value.reason


async def test_all_metrics_have_values(opened: Opener, script: Script) -> None:
    values, report, metrics = await asked(opened(), answered("1"))
    assert set(values) == {f"ragas.{name}@strict" for name in NAMES}
    scores = {name: row[0] for name, row in values.items()}
    assert scores.pop("ragas.noise_sensitivity@strict") == 0.0
    assert scores.pop("ragas.rubrics@strict") == 0.75  # 4 of 1..5
    relevancy = scores.pop("ragas.answer_relevancy@strict")
    assert isinstance(relevancy, float) and 0 <= relevancy <= 1
    assert scores == pytest.approx(dict.fromkeys(scores, 1.0), abs=1e-6) and len(scores) >= 6
    assert report.cost.calls == len(script.requests) and report.cost.input_tokens == 100 * report.cost.calls
    assert report.cost.output_tokens == 10 * report.cost.calls and report.cost.usd is None
    assert all(metric.judge == "strict" and metric.family == "judges" for metric in metrics)
    assert set(script.keys) == {"Bearer secret"}
    assert script.requests[0]["response_format"] == {"type": "json_object"} and script.requests[0]["model"] == "big"


async def test_rows_in_are_rows_out_in_order(opened: Opener, script: Script) -> None:
    seen = [answered(str(i), f"Question {i}?") for i in range(12)]
    seen[3] = failed(seen[3].case, "it broke", {})
    seen[5] = replace(seen[5], answer="", abstained=True, status="abstained")
    seen[7] = replace(seen[7], passages=())
    script.on("Question 9?", Said(status=500))
    values, _, _ = await asked(opened(judge__metrics="[faithfulness]", concurrency=3), *seen)
    (row,) = values.values()
    assert [isinstance(value, float) for value in row] == [i not in (3, 5, 7, 9) for i in range(12)]
    assert reason(row[3]) == "the case failed: it broke"
    assert isinstance(row[5], Unmeasured) and not row[5].applicable and row[5].reason == "nothing was answered"
    assert reason(row[7]) == "the context is empty"
    assert reason(row[9]) == "judge 'strict': HTTP 500"
    assert script.most_running <= 3


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (Said(text="I think it is fine."), "malformed reply: reply: Invalid JSON"),
        (Said(text='{"statements": "one"}'), "malformed reply: statements: Input should be a valid array"),
        (Said(refusal="I cannot judge this."), "refused: 'I cannot judge this.'"),
        (Said(text="", finish_reason="content_filter"), "refused: 'content filter'"),
        (Said(text="{", finish_reason="length"), "cut off at max_output_tokens"),
        (Said(status=429), "HTTP 429"),
        (Said(status=401), "HTTP 401"),
        (Said(raw=b"<html>"), "no chat completion in the reply"),
        (Said(raw=b"{}"), "no chat completion in the reply"),
        (Said(delay_s=0.6), "no reply within 0.2 s"),
    ],
    ids=["prose", "shape", "refusal", "filter", "cut", "rate", "key", "html", "empty", "slow"],
)
async def test_what_goes_wrong_is_named(opened: Opener, script: Script, said: Said, why: str) -> None:
    script.on("StatementGeneratorOutput", said)
    judge = opened(judge__metrics="[faithfulness, response_groundedness]", timeout_s=0.2)
    values, report, _ = await asked(judge, answered("1"))
    assert why in reason(values["ragas.faithfulness@strict"][0])
    assert sum(report.cost.failed.values()) == 1 and "'" not in "".join(report.cost.failed)


async def test_a_reply_that_drips_is_cut_off(opened: Opener, script: Script) -> None:
    script.on("StatementGeneratorOutput", Said(raw=b" " * 20, drip_s=0.1))
    values, _, _ = await asked(opened(judge__metrics="[faithfulness]", timeout_s=0.3, retries=0), answered("1"))
    assert reason(values["ragas.faithfulness@strict"][0]) == "judge 'strict': no whole reply within 0.3 s"


async def test_a_failure_that_ragas_swallows_is_not_half_a_score(opened: Opener, script: Script) -> None:
    """One of its two prompts fails; RAGAS would report the other one's score."""
    script.on("world class expert", Said(status=503))
    values, _, _ = await asked(opened(judge__metrics="[response_groundedness]"), answered("1"))
    assert reason(values["ragas.response_groundedness@strict"][0]) == "judge 'strict': HTTP 503"
    assert len(script.requests) == 2  # one retry, and no second prompt for a case that is lost


async def test_a_busy_endpoint_and_a_malformed_reply_get_another_chance(opened: Opener, script: Script) -> None:
    script.on("StatementGeneratorOutput", Said(status=429), times=1)
    script.on("StatementGeneratorOutput", Said(text="```json\nnot yet\n```"), times=1)
    values, report, _ = await asked(opened(judge__metrics="[faithfulness]"), answered("1"))
    assert values["ragas.faithfulness@strict"] == [1.0] and not report.cost.failed
    corrected = script.requests[2]["messages"]
    assert [message["role"] for message in corrected] == ["user", "assistant", "user"]
    assert "does not fit" in corrected[2]["content"]


async def test_verdicts_beyond_the_scale_are_no_score(opened: Opener, script: Script) -> None:
    script.on("criteria", Said(text='{"feedback": "great", "score": 9}'))
    values, _, _ = await asked(opened(judge__metrics="[rubrics]"), answered("1"))
    assert "a score of 2, outside 0..1" in reason(values["ragas.rubrics@strict"][0])


async def test_the_rubric_of_a_case_is_used(opened: Opener, script: Script) -> None:
    rubrics = {f"score{i}_description": f"level {i}" for i in range(1, 8)}
    values, _, _ = await asked(opened(judge__metrics="[rubrics]"), answered("1", rubrics=rubrics))
    assert values["ragas.rubrics@strict"] == [0.5] and "level 7" in script.requests[0]["messages"][0]["content"]


async def test_a_rubric_that_describes_one_level_has_the_usual_five(opened: Opener) -> None:
    for level in (1, 5):
        seen = answered("1", rubrics={f"score{level}_description": "names the degrees"})
        values, _, _ = await asked(opened(judge__metrics="[rubrics]"), seen)
        assert values["ragas.rubrics@strict"] == [0.75]


async def test_aspects_are_asked_as_worded(opened: Opener, script: Script) -> None:
    judge = opened(judge__aspects="{polite: 'Is it polite?'}", judge__metrics="[aspect.polite]")
    values, _, (metric,) = await asked(judge, answered("1"))
    assert values == {"ragas.aspect.polite@strict": [1.0]} and metric.rate
    prompt = script.requests[0]["messages"][0]["content"]
    assert "Is it polite?" in prompt and "At 30 degrees." in prompt


async def test_repeats_are_asked_anew_and_averaged(opened: Opener, script: Script) -> None:
    for verdict in (1, 0, 1):
        script.on("criterial", Said(text=f'{{"reason": "r", "verdict": {verdict}}}'), times=1)
    judge = opened(judge__metrics="[aspect.complete]", repeats=3, usd_per_million_input=2, usd_per_million_output=10)
    values, report, (metric,) = await asked(judge, answered("1"))
    assert values["ragas.aspect.complete@strict"] == [pytest.approx(2 / 3)] and not metric.rate
    assert report.spread["aspect.complete"] == pytest.approx(3**-0.5)
    assert report.cost.usd == pytest.approx(3 * (100 * 2 + 10 * 10) / 1e6)


async def test_equal_requests_of_a_run_are_asked_once(opened: Opener, script: Script) -> None:
    _, report, _ = await asked(opened(judge__metrics="[faithfulness]", concurrency=1), answered("1"), answered("2"))
    assert (report.cost.calls, report.cost.replayed) == (2, 2) and len(script.requests) == 2


async def test_earlier_turns_stand_before_the_question(opened: Opener, script: Script) -> None:
    from rag.types import Turn

    history = (Turn("user", "I have a shirt."), Turn("assistant", "Nice."))
    await asked(opened(judge__metrics="[faithfulness]"), answered("1", history=history))
    assert "user: I have a shirt." in script.requests[0]["messages"][0]["content"]


async def test_unanswerable_cases_have_no_reference(opened: Opener) -> None:
    seen = replace(answered("1"), case=Case("1", "q?", False, "abstain", answers=("none",)))
    values, _, _ = await asked(opened(judge__metrics="[context_recall]"), seen)
    value = values["ragas.context_recall@strict"][0]
    assert isinstance(value, Unmeasured) and not value.applicable


def test_keyless_runs_import_no_judge() -> None:
    import subprocess

    imports = "import eval.runner, eval.report.write, eval.gate.policy, sys"
    code = f"{imports}; print(sorted({{'ragas', 'openai'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
