"""What a sweep ends with, and its files for machines: `best.yaml` and `trials.jsonl`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import yaml

from eval.tune.analysis import Analysis
from eval.tune.confirm import Candidate, Confirmation
from eval.tune.points import Dropped, Point
from eval.tune.spec import Sweep
from rag.cache.stages import Reuse
from rag.errors import ConfigError
from rag.files import write_atomic
from rag.settings import Settings

BEST = "best.yaml"
TRIALS = "trials.jsonl"


@dataclass(frozen=True, slots=True)
class Trial:
    """One point that a sweep tried; the default is number 0.

    `values` are the means of its metrics over the questions it was asked, `gain` how much better than the default it
    does in the first objective on the questions that both were asked (positive is better), over `paired` questions.
    `whole` says that it was asked every question of the search. `dropped` says why it was asked no more.
    """

    number: int
    point: Point
    questions: int
    whole: bool
    values: Mapping[str, float | None]
    gain: float
    paired: int
    dropped: Dropped | None = None


@dataclass(frozen=True, slots=True)
class Flip:
    """A question of the confirmation on which the best point and the default differ; `gain` is positive if mended."""

    set: str
    id: str
    question: str
    default: float
    best: float
    gain: float


@dataclass(frozen=True, slots=True)
class Slice:
    """How the best point does against the default on the questions of a set, a kind or a tag."""

    name: str
    cases: int
    default: float
    best: float
    gain: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class SetInfo:
    """A golden set of a sweep, and how many questions the search and the confirmation asked."""

    name: str
    search_split: str | None
    confirm_split: str | None
    search: int
    confirm: int
    corpus: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished sweep.

    `winner` is None where no setting beats the default; then `best` is the default. `grid` is how many distinct points
    the space has, `spent` how many question evaluations the search took, of `affordable` that the budget paid for.
    `reuse` says what the stage cache saved. `stopped` says why the search ended early, if it did.
    """

    sweep: Sweep
    id: str
    sets: tuple[SetInfo, ...]
    trials: tuple[Trial, ...]
    grid: int
    spent: int
    affordable: int
    confirmation: Confirmation | None
    analysis: Analysis
    winner: Point | None
    best: Point
    flips: tuple[Flip, ...]
    slices: tuple[Slice, ...]
    reuse: Mapping[str, Reuse]
    started_at: datetime
    ended_at: datetime
    seconds: float
    usd: float
    stopped: str = ""

    def settings(self, point: Point) -> Settings:
        """Return the settings of a point."""
        return self.sweep.base.changed(point.changes()) if point.values else self.sweep.base


def document(outcome: Outcome, folder: Path) -> dict[str, object]:
    """Return what `tune --json` prints: what won, by how much, and where everything is."""
    confirmation = outcome.confirmation
    candidates = [] if confirmation is None else [_candidate(item) for item in confirmation.candidates]
    return {
        "name": outcome.sweep.spec.name,
        "sweep": outcome.id,
        "winner": outcome.winner.changes() if outcome.winner else None,
        "verdict": confirmation.ending() if confirmation else None,
        "objectives": [item.name for item in outcome.sweep.objectives],
        "candidates": candidates,
        "settings": outcome.grid,
        "trials": len(outcome.trials),
        "evaluations": outcome.spent,
        "seconds": round(outcome.seconds, 3),
        "cost_usd": outcome.usd,
        "stopped": outcome.stopped or None,
        "reuse": {
            stage: {"hits": r.hits, "misses": r.misses, "saved_s": r.saved_s} for stage, r in outcome.reuse.items()
        },
        "best": str(folder / BEST),
    }


def _candidate(item: Candidate) -> dict[str, object]:
    return {
        "changes": item.point.changes(),
        "beats_default": item.beats,
        "gains": [
            {
                "value": gain.difference.value,
                "n": gain.difference.n,
                "low": gain.difference.low,
                "high": gain.difference.high,
                "p_holm": gain.p_holm,
                "in_sample": gain.in_sample,
                "optimism": gain.optimism,
                "mde": gain.mde if math.isfinite(gain.mde) else None,
                "more_cases": gain.more_cases,
            }
            for gain in item.gains
        ],
        "constraints": [{"text": kept.text, "holds": kept.holds} for kept in item.constraints],
    }


def write_best(outcome: Outcome, folder: Path) -> None:
    """Write `best.yaml`, which `--config` takes: what differs from Ragwright's defaults.

    Raises:
        ConfigError: the folder cannot be written.
    """
    changes = differences(outcome.settings(outcome.best))
    what = outcome.best.text() if outcome.winner else "no setting beat the default, so these are the default's settings"
    head = [f"sweep {outcome.sweep.spec.name} {outcome.id[:12]} of {outcome.ended_at:%Y-%m-%d}", what]
    body = yaml.safe_dump(changes, sort_keys=False, allow_unicode=True) if changes else "{}\n"
    write_text(folder / BEST, "".join(f"# {line}\n" for line in head) + body)


def write_trials(outcome: Outcome, folder: Path) -> None:
    """Write `trials.jsonl`, a line per trial in the order of their numbers.

    Raises:
        ConfigError: the folder cannot be written.
    """
    lines = [json.dumps(_trial(outcome, trial), ensure_ascii=False) for trial in outcome.trials]
    write_text(folder / TRIALS, "".join(f"{line}\n" for line in lines))


def differences(settings: Settings) -> dict[str, object]:
    """Return the tree of settings that differ from Ragwright's defaults; the environment is left out."""
    found = _differing(settings.model_dump(mode="json"), Settings().model_dump(mode="json"))
    return found if isinstance(found, dict) else {}


def write_text(path: Path, text: str) -> None:
    """Write a file of the sweep, whole or not at all.

    Raises:
        ConfigError: the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, text.encode("utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}; free some space and use --resume") from error


def _differing(tree: object, usual: object) -> object:
    if not isinstance(tree, dict) or not isinstance(usual, dict):
        return tree
    return {
        key: _differing(value, usual.get(key)) for key, value in tree.items() if key not in usual or value != usual[key]
    }


def _trial(outcome: Outcome, trial: Trial) -> dict[str, object]:
    dropped = trial.dropped
    return {
        "number": trial.number,
        "changes": trial.point.changes(),
        "questions": trial.questions,
        "whole": trial.whole,
        "values": dict(trial.values),
        "gain": trial.gain,
        "paired": trial.paired,
        "dropped": None
        if dropped is None
        else {
            "questions": dropped.questions,
            "behind": dropped.behind,
            "leader": dropped.leader.changes(),
            "p": dropped.p,
        },
        "best": trial.point == outcome.best,
    }
