"""A sweep as its users run it: over a real corpus, ended and resumed, with two workers, with wrong input."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from eval.flows.tune import TuneOptions, run_sweep, sweep_spec
from eval.tune.outcome import Outcome
from ingest.pipeline import ingest
from rag.errors import ConfigError
from rag.runtime import open_runtime
from rag.settings import load_settings
from tests.eval.tune.plant import plant_settings, write_set

SPACE = {"context.keep": [0.2, 0.5], "context.max_hits": [2, 40], "context.packing": ["rank", "knapsack"]}


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> Iterator[SimpleNamespace]:
    folder = tmp_path_factory.mktemp("tune")
    golden = write_set(folder / "set")
    settings = plant_settings(folder / "home", model_cache)
    with open_runtime(settings) as runtime:
        ingest([str(golden / "docs")], "plant", runtime)
        yield SimpleNamespace(golden=golden, runtime=runtime, home=folder / "home", model_cache=model_cache)


def spec_file(plant: SimpleNamespace, path: Path, **changes: Any) -> str:
    tree = {
        "sets": [{"set": str(plant.golden), "corpus": "plant"}],
        "space": SPACE,
        "objectives": ["context_recall@4000ch"],
        "budget": {"share": 1.0},
        "settings": {"context.budget_tokens": 64},
    }
    path.write_text(yaml.safe_dump(tree | changes))
    return str(path)


def ran(plant: SimpleNamespace, spec: str, out: Path, **options: Any) -> tuple[Outcome, list[str]]:
    told: list[str] = []
    return run_sweep(spec, plant.runtime, out, TuneOptions(**options), tell=told.append), told


def test_a_sweep_says_what_it_does_and_leaves_settings_that_can_be_used(plant: SimpleNamespace, tmp_path: Path) -> None:
    outcome, told = ran(plant, spec_file(plant, tmp_path / "s.yaml"), tmp_path / "out")
    assert told[0].startswith("8 settings over 12 questions") and "nothing is embedded anew" in told[0]
    best = load_settings(tmp_path / "out" / "best.yaml", environ={})
    assert best.fingerprint() == outcome.settings(outcome.best).fingerprint()
    trials = [json.loads(line) for line in (tmp_path / "out" / "trials.jsonl").read_text().splitlines()]
    assert trials[0]["changes"] == {} and trials[0]["number"] == 0 and len(trials) == len(outcome.trials)
    assert sum(trial["best"] for trial in trials) == 1 and outcome.confirmation is not None
    assert outcome.confirmation.questions == 12 and outcome.reuse["rank"].hits > 0
    for name in ("report.html", "summary.md"):
        assert (tmp_path / "out" / name).stat().st_size > 500


def test_a_resumed_sweep_ends_as_an_unbroken_one(plant: SimpleNamespace, tmp_path: Path) -> None:
    spec = spec_file(plant, tmp_path / "s.yaml", seed=3)
    whole, _ = ran(plant, spec, tmp_path / "out")
    with pytest.raises(ConfigError, match="--resume"):
        ran(plant, spec, tmp_path / "out")
    again, _ = ran(plant, spec, tmp_path / "out", resume=True)
    assert again.trials == whole.trials and again.best == whole.best and again.id == whole.id
    other = spec_file(plant, tmp_path / "s.yaml", seed=4)
    with pytest.raises(ConfigError, match="holds another sweep"):
        ran(plant, other, tmp_path / "out", resume=True)


def test_a_constraint_that_nothing_keeps_leaves_the_default(plant: SimpleNamespace, tmp_path: Path) -> None:
    spec = spec_file(plant, tmp_path / "s.yaml", constraints=["context_tokens <= 1"])
    outcome, _ = ran(plant, spec, tmp_path / "out")
    assert outcome.winner is None and outcome.confirmation is not None and not outcome.confirmation.candidates
    assert load_settings(tmp_path / "out" / "best.yaml", environ={}).context.budget_tokens == 64


def test_a_set_alone_gets_a_small_space(plant: SimpleNamespace, tmp_path: Path) -> None:
    spec = sweep_spec(
        str(plant.golden), TuneOptions(corpus="plant", keep=("false_abstention<=0.5",), trials=3, minutes=2)
    )
    assert spec.sets[0].corpus == "plant" and "answer.abstain_below" in spec.space and spec.budget.trials == 3
    assert not any(key.startswith("ingest.") for key in spec.space), "nothing is embedded anew unless told to"
    assert "ingest.chunker.max_tokens" in sweep_spec(str(plant.golden), TuneOptions(embed=True)).space
    with pytest.raises(ConfigError, match="--corpus NAME"):
        sweep_spec(str(plant.golden), TuneOptions())
    with pytest.raises(ConfigError, match="is none"):
        sweep_spec("quick", TuneOptions(corpus="plant"))
    with pytest.raises(ConfigError, match="has the splits dev;"):
        sweep_spec(str(write_set(tmp_path / "dev", ("dev",))), TuneOptions(corpus="plant"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"space": {"answer.abstain_below": [0.1, 0.9]}}, "none of the settings changes"),
        ({"space": {"rerank.name": ["learned", "lerned"]}}, "unknown reranker 'lerned'"),
        ({"search": "guess"}, "unknown search"),
        ({"objectives": ["gold_citation_recall", "cost_usd"], "space": {"rerank.weight": [5]}}, "rerank.weight"),
    ],
)
def test_what_cannot_be_swept_is_said_before_anything_is_asked(
    plant: SimpleNamespace, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        ran(plant, spec_file(plant, tmp_path / "s.yaml", **changes), tmp_path / "out")


def test_a_sealed_split_is_refused_before_it_is_opened(plant: SimpleNamespace, tmp_path: Path) -> None:
    sealed = write_set(tmp_path / "set", ("dev", "sealed"))
    spec = spec_file(plant, tmp_path / "s.yaml", sets=[{"set": str(sealed), "corpus": "plant", "confirm": "sealed"}])
    with pytest.raises(ConfigError, match="never opens the sealed split"):
        ran(plant, spec, tmp_path / "out")
    assert not (plant.home / "sealed.log").exists() and not (tmp_path / "out").exists()


def command(plant: SimpleNamespace, spec: str, out: Path, *more: str) -> list[str]:
    settings = (f"embedder.cache_dir={plant.model_cache}", "embedder.threads=1")
    chosen = [part for setting in settings for part in ("--set", setting)]
    return [sys.executable, "-m", "api.cli", "tune", spec, "--out", str(out), "--json", *chosen, *more]


def test_a_killed_sweep_goes_on_at_the_command_line(plant: SimpleNamespace, tmp_path: Path) -> None:
    spec, environ = spec_file(plant, tmp_path / "s.yaml", seed=7), os.environ | {"RAGWRIGHT_HOME": str(plant.home)}
    with subprocess.Popen(
        command(plant, spec, tmp_path / "out"), env=environ, stderr=subprocess.PIPE, text=True
    ) as killed:
        assert killed.stderr is not None
        line = killed.stderr.readline()
        time.sleep(0.3)
        killed.send_signal(signal.SIGKILL)
        assert "settings over" in line, line + killed.stderr.read()
    done = subprocess.run(
        command(plant, spec, tmp_path / "out", "--resume", "--workers", "2"),
        env=environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    resumed = json.loads(done.stdout)
    fresh, _ = ran(plant, spec, tmp_path / "other")
    assert resumed["winner"] == (fresh.winner.changes() if fresh.winner else None)
    assert resumed["trials"] == len(fresh.trials) and resumed["evaluations"] == fresh.spent
