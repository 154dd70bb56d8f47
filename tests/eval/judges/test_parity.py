"""Our scores are RAGAS' own: its metrics over its own client give the same numbers for the same replies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eval.judges.base import Material, judged
from tests.eval.judges.conftest import Opener
from tests.eval.judges.scripted import Script, of_two_minds

PASSAGES = ("Dry flat.", "Never iron the print.")
METRICS = {
    "faithfulness": ("Faithfulness", "user_input", "response", "retrieved_contexts"),
    "response_groundedness": ("ResponseGroundedness", "response", "retrieved_contexts"),
    "context_precision": ("ContextPrecision", "user_input", "reference", "retrieved_contexts"),
    "context_recall": ("ContextRecall", "user_input", "reference", "retrieved_contexts"),
    "factual_correctness": ("FactualCorrectness", "response", "reference"),
    "noise_sensitivity": ("NoiseSensitivity", "user_input", "response", "reference", "retrieved_contexts"),
}


@pytest.mark.parametrize("name", METRICS)
async def test_scores_are_those_of_ragas(
    name: str, opened: Opener, base_url: str, script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGAS_DO_NOT_TRACK", "true")
    monkeypatch.setenv("HOME", str(tmp_path))  # its client writes a user id into the home folder
    script.rules.append(of_two_minds)
    judge, found, theirs = opened(), [], []
    async with client(base_url) as openai:
        for i in range(4):
            passages = (f"Wash {i} is at 30 degrees.", *PASSAGES)
            fields = {
                "user_input": f"How hot is wash {i}?",
                "response": f"At 3{i} degrees.",
                "reference": f"At 30 degrees, {i} times.",
                "retrieved_contexts": list(passages),
            }
            material = Material(fields["user_input"], fields["response"], passages, fields["reference"])  # type: ignore[arg-type]
            value, _ = await judged(judge, name, material)
            found.append(value)
            class_name, *wanted = METRICS[name]
            theirs.append(await score(class_name, openai, {key: fields[key] for key in wanted}))
    assert found == pytest.approx(theirs, abs=1e-9)
    assert len(set(theirs)) > 1


def client(base_url: str) -> Any:
    from openai import AsyncOpenAI

    return AsyncOpenAI(base_url=base_url, api_key="none")


async def score(class_name: str, openai: Any, fields: dict[str, Any]) -> float:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import ragas.metrics.collections
        from ragas.llms import llm_factory

        metric = getattr(ragas.metrics.collections, class_name)(llm=llm_factory("big", client=openai))
        return float((await metric.ascore(**fields)).value)
