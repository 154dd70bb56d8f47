"""A scripted endpoint, cases that were answered, and judges over both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from eval.golden import Case
from eval.judges.base import Judge
from eval.judges.configured import open_judge
from eval.observation import Observation
from rag.settings import Settings, load_settings
from rag.types import Passage, Span
from tests.eval.judges.scripted import Script, serving
from tests.fakes import FakeEmbedder

Opener = Callable[..., Judge]


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def base_url(script: Script) -> Iterator[str]:
    with serving(script) as url:
        yield url


def judge_settings(base_url: str, home: Path, **more: Any) -> Settings:
    given = {"model": "big", "base_url": base_url, "retries": 1, "timeout_s": 5} | more
    overrides = [f"judge.models.strict.{key}={value}" for key, value in given.items() if "judge" not in key]
    overrides += [f"{key.replace('__', '.')}={value}" for key, value in given.items() if "judge" in key]
    return load_settings(overrides=overrides, environ={"RAGWRIGHT_HOME": str(home), "OPENAI_API_KEY": "secret"})


@pytest.fixture
def opened(base_url: str, tmp_path: Path) -> Opener:
    """Open the judge `strict` at the scripted endpoint; `judge__x` sets `judge.x`, anything else its own settings."""

    def open_strict(**more: Any) -> Judge:
        return open_judge("strict", judge_settings(base_url, tmp_path / "home", **more), FakeEmbedder())

    return open_strict


def answered(
    id: str, question: str = "How hot may it be washed?", answer: str = "At 30 degrees.", **more: Any
) -> Observation:
    case = Case(id, question, True, "answer", answers=("30 degrees.",), cluster=id, **more)
    texts = ("Wash at 30 degrees.", "Dry flat.")
    passages = tuple(Passage(i, "a", "", "", text, (Span(0, len(text)),), 5) for i, text in enumerate(texts, 1))
    return Observation(case, "ok", passages=passages, answer=answer, abstained=False)
