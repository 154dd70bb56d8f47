"""judge score, judge calibrate and judge list: what judges say, and how far they agree with people."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from api.cli.commands.session import settings_of
from api.cli.output import note, print_json, print_text, table
from api.cli.progress import progress_bar
from api.errors import EXIT_DONE
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
from eval.saved import load_run
from rag.bridge import run_sync
from rag.errors import ConfigError, UnknownKeyError
from rag.models.embedders import make_embedder
from rag.ports import Embedder
from rag.settings import Settings
from rag.state.home import Home


def score_run(arguments: argparse.Namespace) -> int:
    """Let the judges of the settings score a saved run, and write its files anew."""
    settings = settings_of(arguments)
    judges, calibrations = open_judges(settings, _embedder(settings)), known_calibrations(settings)
    if not judges:
        raise ConfigError("no judge is configured: set judge.models.NAME.model")
    with progress_bar() as advance:
        results, rows = run_sync(rescore(load_run(arguments.run), judges, calibrations, advance))
    write_scores(results, rows, arguments.run)
    if arguments.json:
        print_json(results)
    else:
        print_text("\n".join(judge_lines(results)))
    return EXIT_DONE


def known_calibrations(settings: Settings) -> tuple[dict[str, Any], ...]:
    """Return the calibrations at hand; say on standard error where a judge would judge its own work."""
    for line in conflicts(settings):
        note(f"warning: {line}")
    return read_records(calibrations_file(settings))


def calibrate_judge(arguments: argparse.Namespace) -> int:
    """Compare a judge's scores with people's labels, print the figures and keep them for gates and reports."""
    settings, now = settings_of(arguments), datetime.now(UTC)
    labels = read_labels(arguments.labels, arguments.scale)
    if arguments.run is not None:
        judging, judgements = scores_of_run(labels, load_run(arguments.run), arguments.judge, arguments.metric)
    else:
        judging, judgements = _asked(arguments, settings, labels)
    figures = calibrate(judgements, threshold=arguments.threshold)
    record = calibration_record(judging, figures, arguments.labels, now)
    path = calibrations_file(settings)
    append_record(path, record)
    if arguments.json:
        print_json(record)
    else:
        print_text(f"{render_calibration(record)}\nKept in {path}")
    return EXIT_DONE


def list_calibrations(arguments: argparse.Namespace) -> int:
    """List the calibrations, newest first."""
    records = read_records(calibrations_file(settings_of(arguments)))[::-1]
    if arguments.json:
        print_json(list(records))
    elif records:
        print_text(table(["at", "judge", "model", "metric", "n", "kappa", "fingerprint"], [_row(r) for r in records]))
    else:
        print_text("no judge was calibrated")
    return EXIT_DONE


def _asked(
    arguments: argparse.Namespace, settings: Settings, labels: list[Labelled]
) -> tuple[Judging, list[Judgement]]:
    judge = open_judge(arguments.judge, settings, _embedder(settings))
    if arguments.metric not in judge.metrics:
        raise UnknownKeyError("judge metric", arguments.metric, judge.metrics)
    judgements = run_sync(ask(judge, arguments.metric, labels, order=not arguments.no_order))
    return Judging(judge.name, judge.model, arguments.metric, judge.fingerprint(arguments.metric)), judgements


def _embedder(settings: Settings) -> Embedder:
    home = Home(Path(settings.environment.home).expanduser().resolve())
    return make_embedder(settings.embedder, home.models)


def _row(record: dict[str, Any]) -> list[object]:
    kappa = record["kappa"] and record["kappa"]["value"]
    return [
        record["at"][:10],
        *(record[name] for name in ("judge", "model", "metric", "n")),
        kappa,
        record["fingerprint"],
    ]
