"""judge calibrate and judge list: how far judges agree with people."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from api.commands.session import settings_of
from api.errors import EXIT_DONE
from api.output import note, print_json, print_text, table
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
from eval.judges.configured import calibrations_file, conflicts, open_judge
from eval.judges.labels import Labelled, read_labels
from eval.saved import load_run
from rag.bridge import run_sync
from rag.errors import UnknownKeyError
from rag.models.embedders import make_embedder
from rag.settings import Settings
from rag.state.home import Home


def calibrate_judge(arguments: argparse.Namespace) -> int:
    """Compare a judge's scores with people's labels, print the figures and keep them for gates and reports."""
    settings, now = settings_of(arguments), datetime.now(UTC)
    for line in conflicts(settings):
        note(f"warning: {line}")
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
    home = Home(Path(settings.environment.home).expanduser().resolve())
    judge = open_judge(arguments.judge, settings, make_embedder(settings.embedder, home.models))
    if arguments.metric not in judge.metrics:
        raise UnknownKeyError("judge metric", arguments.metric, judge.metrics)
    judgements = run_sync(ask(judge, arguments.metric, labels, order=not arguments.no_order))
    return Judging(judge.name, judge.model, arguments.metric, judge.fingerprint(arguments.metric)), judgements


def _row(record: dict[str, Any]) -> list[object]:
    kappa = record["kappa"] and record["kappa"]["value"]
    return [
        record["at"][:10],
        *(record[name] for name in ("judge", "model", "metric", "n")),
        kappa,
        record["fingerprint"],
    ]
