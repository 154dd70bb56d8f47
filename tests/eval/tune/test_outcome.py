"""The files of a sweep for machines: settings that `--config` takes, a line a trial, a document for `--json`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from eval.files import json_object
from eval.tune.outcome import BEST, TRIALS, document, write_best, write_text, write_trials
from rag.errors import ConfigError
from rag.settings import load_settings
from tests.eval.tune.outcomes import outcome


def test_the_best_settings_can_be_used(tmp_path: Path) -> None:
    won = outcome(0.06)
    write_best(won, tmp_path)
    assert load_settings(tmp_path / BEST, environ={}).fingerprint() == won.settings(won.best).fingerprint()
    assert (tmp_path / BEST).read_text().startswith(f"# sweep {won.sweep.spec.name}")


def test_without_a_winner_the_default_is_written_and_said(tmp_path: Path) -> None:
    lost = outcome(0.008)
    write_best(lost, tmp_path)
    text = (tmp_path / BEST).read_text()
    assert "no setting beat the default" in text
    assert load_settings(tmp_path / BEST, environ={}).fingerprint() == lost.sweep.base.fingerprint()
    assert isinstance(yaml.safe_load(text), dict)


def test_every_trial_is_a_line(tmp_path: Path) -> None:
    won = outcome(0.06)
    write_trials(won, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / TRIALS).read_text().splitlines()]
    assert [line["number"] for line in lines] == [trial.number for trial in won.trials]
    assert [line["changes"] for line in lines if line["best"]] == [won.best.changes()]
    dropped = [line["dropped"] for line in lines if line["dropped"]]
    assert dropped and set(dropped[0]) == {"questions", "behind", "leader", "p"}


def test_the_document_says_what_won_and_where_it_is(tmp_path: Path) -> None:
    won = json.loads(json.dumps(json_object(document(outcome(0.06), tmp_path))))
    assert won["winner"] and won["best"] == str(tmp_path / BEST) and won["candidates"][0]["gains"][0]["n"] > 0
    assert json_object(document(outcome(0.008), tmp_path))["winner"] is None


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="--resume"):
        write_text(tmp_path / "file" / "best.yaml", "{}\n")
