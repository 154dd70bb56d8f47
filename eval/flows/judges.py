"""Judges: let them score a run that was made before, and set them beside what people say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from eval.files import JsonTree, json_object
from eval.judges.calibration import (
    Judgement,
    Judging,
    append_record,
    ask,
    calibrate,
    calibration_record,
    read_records,
    scores_of_run,
)
from eval.judges.calibration_text import render_calibration
from eval.judges.configured import calibrations_file, conflicts, open_judge, open_judges
from eval.judges.labels import Labelled, read_labels
from eval.report.rescore import rescore
from eval.report.text import judge_lines
from eval.report.write import write_scores
from eval.results import CalibrationRecord, Results
from eval.saved import load_run
from rag.bridge import run_sync
from rag.errors import ConfigError, UnknownKeyError
from rag.models.embedders import make_embedder
from rag.ports import Embedder
from rag.settings import Settings
from rag.state.home import Home


def _quiet(phase: str, done: int, total: int) -> None:
    """Show no progress."""


@dataclass(frozen=True, slots=True)
class Rescored:
    """A run with the scores of the judges."""

    results: Results

    @property
    def document(self) -> JsonTree:
        """The new content of `results.json`."""
        return json_object(self.results)

    def text(self) -> str:
        """Return a line for every judge, and for every metric that a calibration corrects."""
        return "\n".join(judge_lines(self.results))


def score_run(folder: Path, settings: Settings, *, progress: Callable[[str, int, int], None] = _quiet) -> Rescored:
    """Let the judges of the settings score a run folder, and write its files anew.

    Raises:
        ConfigError: no judge is configured, or the folder is no run.
        ReportError: the scores are saved, but a page of them is not.
    """
    judges, calibrations = open_judges(settings, _embedder(settings)), known_calibrations(settings)
    if not judges:
        raise ConfigError("no judge is configured: set judge.models.NAME.model")
    results, rows = run_sync(rescore(load_run(folder), judges, calibrations, progress))
    write_scores(results, rows, folder)
    return Rescored(results)


@dataclass(frozen=True, slots=True)
class CalibrationOptions:
    """Which judge and metric are compared with people.

    `run` takes the scores of that run folder and asks nobody. `scale` says which numbers people gave worst and best. A
    label or score of `threshold` (0..1) or more counts as true. With `order` items of several passages are asked twice,
    the second time in reverse order.
    """

    judge: str
    metric: str
    run: Path | None = None
    scale: tuple[float, float] = (0.0, 1.0)
    threshold: float = 0.5
    order: bool = True


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a judge agrees with people: the record, and the file that it was added to."""

    record: CalibrationRecord
    file: Path

    @property
    def document(self) -> JsonTree:
        """The record as JSON."""
        return json_object(self.record)

    def text(self) -> str:
        """Return the figures as lines of text, kappa first."""
        return render_calibration(self.record)


def calibrate_judge(labels: Path, settings: Settings, options: CalibrationOptions, now: datetime) -> Calibration:
    """Compare a judge's scores with people's labels, and keep the figures for gates and reports.

    Raises:
        ConfigError: the labels or the run are wrong, or fewer than ten items were measured.
        UnknownKeyError: there is no such judge or metric.
    """
    items = read_labels(labels, options.scale)
    if options.run is not None:
        judging, judgements = scores_of_run(items, load_run(options.run), options.judge, options.metric)
    else:
        judging, judgements = _asked(items, settings, options)
    record = calibration_record(judging, calibrate(judgements, threshold=options.threshold), labels, now)
    file = calibrations_file(settings)
    append_record(file, record)
    return Calibration(record, file)


def known_calibrations(settings: Settings) -> tuple[CalibrationRecord, ...]:
    """Return the calibrations at hand, oldest first.

    Raises:
        ConfigError: their file is damaged.
    """
    return read_records(calibrations_file(settings))


def judge_conflicts(settings: Settings) -> list[str]:
    """Return a line for every judge that would judge its own work."""
    return conflicts(settings)


def _asked(items: list[Labelled], settings: Settings, options: CalibrationOptions) -> tuple[Judging, list[Judgement]]:
    judge = open_judge(options.judge, settings, _embedder(settings))
    if options.metric not in judge.metrics:
        raise UnknownKeyError("judge metric", options.metric, judge.metrics)
    judgements = run_sync(ask(judge, options.metric, items, order=options.order))
    return Judging(judge.name, judge.model, options.metric, judge.fingerprint(options.metric)), judgements


def _embedder(settings: Settings) -> Embedder:
    home = Home(Path(settings.environment.home).expanduser().resolve())
    return make_embedder(settings.embedder, home.models)
