"""From settings to judges: defaults, endpoints, conflicts; nothing configured, nothing opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.judges.configured import calibrations_file, conflicts, open_judge, open_judges
from rag.errors import ConfigError, UnknownKeyError
from rag.settings import Settings, load_settings
from tests.fakes import FakeEmbedder

STRICT = "judge.models.strict.model=big"


def loaded(*overrides: str, **environ: str) -> Settings:
    return load_settings(overrides=overrides, environ=environ)


def test_nothing_configured_opens_nothing() -> None:
    assert open_judges(Settings(), FakeEmbedder()) == () and conflicts(Settings()) == []


def test_the_endpoint_is_the_judges_own_or_the_environments() -> None:
    with pytest.raises(ConfigError, match=r"judge\.models\.strict\.base_url or OPENAI_BASE_URL"):
        open_judges(loaded(STRICT), FakeEmbedder())
    assert open_judges(loaded(STRICT, OPENAI_BASE_URL="http://127.0.0.1:9/v1"), FakeEmbedder())[0].model == "big"
    own = loaded(STRICT, "judge.models.strict.base_url=http://127.0.0.1:9/v1", "judge.models.kind.model=small")
    with pytest.raises(ConfigError, match="judge 'kind' has no endpoint"):
        open_judges(own, FakeEmbedder())


def test_unknown_names_list_the_valid_ones() -> None:
    with pytest.raises(UnknownKeyError, match="choose one of: lexical, strict"):
        open_judge("lenient", loaded(STRICT), FakeEmbedder())
    url = "judge.models.strict.base_url=http://127.0.0.1:9/v1"
    with pytest.raises(UnknownKeyError, match=r"unknown judge metric 'truth'; choose one of: .*aspect\.complete"):
        open_judges(loaded(STRICT, url, "judge.metrics=[truth]"), FakeEmbedder())
    assert open_judge("lexical", Settings(), FakeEmbedder()).metrics.keys() == {"support"}


def test_judges_have_plain_names() -> None:
    with pytest.raises(ConfigError, match=r"judge\.models\.My judge"):
        loaded("judge.models.My judge.model=big")


def test_a_judge_of_its_own_work_is_named() -> None:
    (line,) = conflicts(loaded(STRICT, "rerank.name=cross-encoder", "rerank.model=big"))
    assert "reranks" in line and "'strict'" in line
    (line,) = conflicts(loaded(STRICT, "answer.model=big", OPENAI_BASE_URL="http://127.0.0.1:9/v1"))
    assert "answers" in line
    assert conflicts(loaded(STRICT, "answer.model=big")) == []  # answers are extracted, no model writes them


def test_judges_do_not_change_what_is_judged() -> None:
    assert loaded(STRICT).fingerprint() == Settings().fingerprint()


def test_the_fingerprint_is_of_model_and_wording() -> None:
    base = (STRICT, "judge.models.strict.base_url=http://127.0.0.1:9/v1")

    def prints(*more: str) -> str:
        return open_judges(loaded(*base, *more), FakeEmbedder())[0].fingerprint("aspect.complete")

    first = prints()
    assert len(first) == 12 and prints("judge.models.strict.concurrency=9", "judge.models.strict.timeout_s=9") == first
    for other in ("model=small", "temperature=1", "repeats=3"):
        assert prints(f"judge.models.strict.{other}") != first
    assert prints("judge.aspects={complete: Is it whole}") != first


def test_calibrations_are_kept_in_the_home_or_where_the_settings_say(tmp_path: Path) -> None:
    assert calibrations_file(loaded(RAGWRIGHT_HOME=str(tmp_path))) == tmp_path / "calibrations.jsonl"
    assert calibrations_file(loaded("judge.calibrations=judges/c.jsonl")) == Path("judges/c.jsonl")
