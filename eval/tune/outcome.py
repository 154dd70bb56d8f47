"""What a sweep ends with, and its files for machines: `best.yaml` and `trials.jsonl`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import yaml

from eval.files import json_tree
from eval.tune.analysis import Analysis
from eval.tune.confirm import Candidate, Confirmation, Gain
from eval.tune.points import Changes, Dropped, Point
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


@dataclass(frozen=True, slots=True)
class GainLine:
    """A candidate's gain in one objective as `tune --json` has it; `in_sample` is what the search saw."""

    value: float
    n: int
    low: float | None
    high: float | None
    p_holm: float
    in_sample: float
    optimism: float
    mde: float | None
    more_cases: int | None


@dataclass(frozen=True, slots=True)
class CandidateLine:
    """A confirmed point as `tune --json` has it."""

    changes: Changes
    beats_default: bool
    gains: tuple[GainLine, ...]
    constraints: Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class SweepDocument:
    """What `tune --json` prints: what won, by how much, and where everything is."""

    name: str
    sweep: str
    winner: Changes | None
    verdict: str
    objectives: tuple[str, ...]
    candidates: tuple[CandidateLine, ...]
    settings: int
    trials: int
    evaluations: int
    seconds: float
    cost_usd: float
    stopped: str | None
    reuse: Mapping[str, Reuse]
    best: str


def document(outcome: Outcome, folder: Path) -> SweepDocument:
    """Return what `tune --json` prints of a sweep whose files are in a folder."""
    confirmation = outcome.confirmation
    return SweepDocument(
        name=outcome.sweep.spec.name,
        sweep=outcome.id,
        winner=outcome.winner.changes() if outcome.winner else None,
        verdict=confirmation.ending() if confirmation else "Nothing was confirmed.",
        objectives=tuple(item.name for item in outcome.sweep.objectives),
        candidates=tuple(_candidate(item) for item in confirmation.candidates) if confirmation else (),
        settings=outcome.grid,
        trials=len(outcome.trials),
        evaluations=outcome.spent,
        seconds=round(outcome.seconds, 3),
        cost_usd=outcome.usd,
        stopped=outcome.stopped or None,
        reuse=outcome.reuse,
        best=str(folder / BEST),
    )


def _candidate(item: Candidate) -> CandidateLine:
    kept = {one.text: one.holds for one in item.constraints}
    return CandidateLine(item.point.changes(), item.beats, tuple(_gain(gain) for gain in item.gains), kept)


def _gain(gain: Gain) -> GainLine:
    seen = gain.difference
    mde = gain.mde if math.isfinite(gain.mde) else None
    known = (seen.value, seen.n, seen.low, seen.high, gain.p_holm, gain.in_sample, gain.optimism)
    return GainLine(*known, mde, gain.more_cases)


def write_best(outcome: Outcome, folder: Path) -> None:
    """Write `best.yaml`, which `--config` takes: what differs from Ragwright's defaults.

    Raises:
        ConfigError: the folder cannot be written.
    """
    changes = _differing(outcome.settings(outcome.best).model_dump(mode="json"), Settings().model_dump(mode="json"))
    what = outcome.best.text() if outcome.winner else "no setting beat the default, so these are the default's settings"
    head = [f"sweep {outcome.sweep.spec.name} {outcome.id[:12]} of {outcome.ended_at:%Y-%m-%d}", what]
    body = yaml.safe_dump(changes, sort_keys=False, allow_unicode=True) if changes else "{}\n"
    write_text(folder / BEST, "".join(f"# {line}\n" for line in head) + body)


def write_trials(outcome: Outcome, folder: Path) -> None:
    """Write `trials.jsonl`, a line per trial in the order of their numbers.

    Raises:
        ConfigError: the folder cannot be written.
    """
    lines = [json.dumps(json_tree(_trial(outcome, trial)), ensure_ascii=False) for trial in outcome.trials]
    write_text(folder / TRIALS, "".join(f"{line}\n" for line in lines))


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
    """Return what of a tree of settings is not as usual."""
    if not isinstance(tree, dict) or not isinstance(usual, dict):
        return tree
    return {
        key: _differing(value, usual.get(key)) for key, value in tree.items() if key not in usual or value != usual[key]
    }


@dataclass(frozen=True, slots=True)
class DroppedLine:
    """Why a trial was asked no more, as `trials.jsonl` has it."""

    questions: int
    behind: float
    leader: Changes
    p: float | None


@dataclass(frozen=True, slots=True)
class TrialLine:
    """A line of `trials.jsonl`."""

    number: int
    changes: Changes
    questions: int
    whole: bool
    values: Mapping[str, float | None]
    gain: float
    paired: int
    dropped: DroppedLine | None
    best: bool


def _trial(outcome: Outcome, trial: Trial) -> TrialLine:
    left, dropped = trial.dropped, None
    if left is not None:
        dropped = DroppedLine(left.questions, left.behind, left.leader.changes(), left.p)
    return TrialLine(
        number=trial.number,
        changes=trial.point.changes(),
        questions=trial.questions,
        whole=trial.whole,
        values=trial.values,
        gain=trial.gain,
        paired=trial.paired,
        dropped=dropped,
        best=trial.point == outcome.best,
    )
