"""Judges called from Python: a run is scored afterwards, and a judge stands beside people."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from eval import CalibrationOptions, calibrate_judge, judge_conflicts, known_calibrations, score_run
from rag.errors import ConfigError, UnknownKeyError
from rag.settings import Settings, load_settings
from tests.eval.flows.test_runs import VALUES, write_run

NOW = datetime(2026, 11, 30, tzinfo=UTC)
LEXICAL = CalibrationOptions("lexical", "support")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(environ={"RAGWRIGHT_HOME": str(tmp_path / "home")})


def labels(path: Path, n: int = 12) -> Path:
    rows = (
        {"id": str(i), "human": i % 2 == 0, "question": "How hot?", "contexts": ["Wash at 30 degrees."],
         "answer": "Wash at 30 degrees." if i % 2 == 0 else "Boil the red shoes."}
        for i in range(n)
    )  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_calibration_is_returned_and_kept(tmp_path: Path, settings: Settings) -> None:
    assert known_calibrations(settings) == ()
    found = calibrate_judge(labels(tmp_path / "labels.jsonl"), settings, LEXICAL, NOW)
    assert found.document["n"] == 12 and found.document["kappa"]["value"] == 1.0
    assert known_calibrations(settings) == (found.record,) and found.document == json.loads(found.file.read_text())
    assert "judge lexical" in found.text() and "kappa" in found.text()


def test_too_few_labels_and_unknown_judges_raise_and_keep_nothing(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(ConfigError, match="10 are needed"):
        calibrate_judge(labels(tmp_path / "few.jsonl", 9), settings, LEXICAL, NOW)
    path = labels(tmp_path / "labels.jsonl")
    with pytest.raises(UnknownKeyError, match="strict"):
        calibrate_judge(path, settings, CalibrationOptions("strict", "support"), NOW)
    with pytest.raises(UnknownKeyError, match="charm"):
        calibrate_judge(path, settings, CalibrationOptions("lexical", "charm"), NOW)
    assert known_calibrations(settings) == ()


def test_a_run_is_not_scored_without_a_judge(tmp_path: Path, settings: Settings) -> None:
    run = write_run(tmp_path / "run", VALUES)
    before = (run / "rows.jsonl").read_bytes()
    with pytest.raises(ConfigError, match="no judge is configured"):
        score_run(run, settings)
    assert (run / "rows.jsonl").read_bytes() == before


def test_a_judge_that_would_judge_itself_is_named(settings: Settings) -> None:
    assert judge_conflicts(settings) == []
    same = load_settings(
        overrides=["judge.models.own.model=m", "judge.models.own.base_url=http://127.0.0.1:1", "answer.model=m",
                   "answer.generator=openai"],
        environ={},
    )  # fmt: skip
    (line,) = judge_conflicts(same)
    assert "'own' is the model that answers" in line
