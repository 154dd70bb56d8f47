"""judge score, judge calibrate and judge list: what judges say, and how far they agree with people."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from api.cli.commands.session import settings_of
from api.cli.grammar import add_group, add_verb, share
from api.cli.output import note, print_json, print_text, table
from api.cli.progress import progress_bar
from api.errors import EXIT_DONE

if TYPE_CHECKING:
    from api.cli.grammar import Verbs
    from eval import CalibrationRecord
    from rag.settings import Settings


def add_verbs(verbs: Verbs) -> None:
    """Add the verbs of `judge`."""
    group = add_group(verbs, "judge", "score runs by judges, and compare judges with people")
    calibrate = add_verb(group, "calibrate", calibrate_judge, "say how a judge agrees with people's labels")
    calibrate.add_argument(
        "labels", metavar="LABELS", type=Path, help='JSON lines: {"id", "human", "question", "answer", "contexts", …}'
    )
    calibrate.add_argument("--judge", metavar="NAME", required=True, help="a key of judge.models, or lexical")
    calibrate.add_argument("--metric", metavar="METRIC", required=True, help="faithfulness, aspect.NAME, …; support")
    calibrate.add_argument("--run", metavar="RUN", type=Path, help="take the scores of a run, by id, and ask nobody")
    calibrate.add_argument(
        "--scale", metavar="LOW:HIGH", type=_scale, default=(0.0, 1.0), help="what people gave worst and best (0:1)"
    )
    calibrate.add_argument(
        "--threshold", metavar="SHARE", type=share, default=0.5, help="what counts as true, on 0..1 (0.5)"
    )
    calibrate.add_argument(
        "--no-order", action="store_true", help="ask once only, and leave the position bias unmeasured"
    )
    score = add_verb(group, "score", score_run, "let the judges score a run that was made before")
    score.add_argument("run", metavar="RUN", type=Path, help="a folder written by eval; its scores are replaced")
    add_verb(group, "list", list_calibrations, "list the calibrations, newest first")


def _scale(text: str) -> tuple[float, float]:
    low, _, high = text.partition(":")
    scale = float(low), float(high)
    if scale[0] >= scale[1]:
        raise argparse.ArgumentTypeError(f"needs LOW:HIGH with LOW below HIGH, got {text!r}")
    return scale


def score_run(arguments: argparse.Namespace) -> int:
    """Let the judges of the settings score a saved run, and write its files anew."""
    from eval import score_run as score

    settings = settings_of(arguments)
    note_conflicts(settings)
    with progress_bar() as advance:
        scored = score(arguments.run, settings, progress=advance)
    if arguments.json:
        print_json(scored.document)
    else:
        print_text(scored.text())
    return EXIT_DONE


def note_conflicts(settings: Settings) -> None:
    """Say on standard error where a judge would judge its own work."""
    from eval import judge_conflicts

    for line in judge_conflicts(settings):
        note(f"warning: {line}")


def calibrate_judge(arguments: argparse.Namespace) -> int:
    """Compare a judge's scores with people's labels, print the figures and keep them for gates and reports."""
    from eval import CalibrationOptions
    from eval import calibrate_judge as calibrate

    settings, now = settings_of(arguments), datetime.now(UTC)
    options = CalibrationOptions(
        arguments.judge,
        arguments.metric,
        run=arguments.run,
        scale=arguments.scale,
        threshold=arguments.threshold,
        order=not arguments.no_order,
    )
    calibration = calibrate(arguments.labels, settings, options, now)
    if arguments.json:
        print_json(calibration.document)
    else:
        print_text(f"{calibration.text()}\nKept in {calibration.file}")
    return EXIT_DONE


def list_calibrations(arguments: argparse.Namespace) -> int:
    """List the calibrations, newest first."""
    from eval import json_object, known_calibrations

    records = known_calibrations(settings_of(arguments))[::-1]
    if arguments.json:
        print_json([json_object(record) for record in records])
    elif records:
        print_text(table(["at", "judge", "model", "metric", "n", "kappa", "fingerprint"], [_row(r) for r in records]))
    else:
        print_text("no judge was calibrated")
    return EXIT_DONE


def _row(record: CalibrationRecord) -> list[object]:
    found = record.agreement
    kappa = found.kappa.value if found.kappa else None
    return [record.at[:10], record.judge, record.model, record.metric, found.n, kappa, record.fingerprint]
