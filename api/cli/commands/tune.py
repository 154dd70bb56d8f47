"""tune: search settings, confirm the best on questions that the search never saw."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from api.cli.commands.session import open_runtime
from api.cli.grammar import add_verb, positive
from api.cli.output import note, print_json, print_text
from api.cli.progress import progress_bar
from api.errors import EXIT_DONE

if TYPE_CHECKING:
    from collections.abc import Callable

    from api.cli.grammar import Verbs

_WIDTH = 110


def add_verbs(verbs: Verbs) -> None:
    """Add `tune`."""
    verb = add_verb(verbs, "tune", tune, "search settings on one split of a golden set, confirm the best on another")
    verb.add_argument(
        "spec",
        metavar="SPEC|SET",
        help="a sweep that comes with Ragwright, a YAML file, or a folder with questions.jsonl",
    )
    verb.add_argument("--out", metavar="DIR", type=Path, required=True, help="where report, trials and best.yaml go")
    verb.add_argument("--corpus", metavar="NAME", help="for a SET: the corpus that is asked as it stands")
    verb.add_argument(
        "--embed", action="store_true", help="for a SET: try other chunks too; builds indexes from the set's documents"
    )
    verb.add_argument("--trials", metavar="N", type=positive, help="most settings that are tried")
    verb.add_argument("--minutes", metavar="M", type=_minutes, help="most time that the search takes")
    verb.add_argument(
        "--keep", metavar="CONSTRAINT", action="append", default=[], help="such as 'false_abstention<=0.05'; repeatable"
    )
    verb.add_argument("--resume", action="store_true", help="go on with the sweep of the folder")
    verb.add_argument("--workers", metavar="N", type=positive, default=1, help="processes that search together")
    verb.add_argument("--as-worker", action="store_true", help=argparse.SUPPRESS)


def tune(arguments: argparse.Namespace) -> int:
    """Run a sweep; print what won, or that nothing did, and where the report is."""
    from eval import TuneOptions, json_object, run_sweep, sweep_document, sweep_text

    options = TuneOptions(
        trials=arguments.trials,
        minutes=arguments.minutes,
        keep=tuple(arguments.keep),
        corpus=arguments.corpus,
        resume=arguments.resume or arguments.as_worker,
        workers=arguments.workers,
        helps=arguments.as_worker,
        embed=arguments.embed,
    )
    tell: Callable[[str], None] = _silent if arguments.as_worker else note
    with open_runtime(arguments) as runtime, progress_bar() as advance:
        found = run_sweep(
            arguments.spec, runtime, arguments.out, options, advance=advance, tell=tell, spawn=lambda: _spawn(arguments)
        )
    if arguments.as_worker:
        return EXIT_DONE
    if arguments.json:
        print_json(json_object(sweep_document(found, arguments.out)))
    else:
        print_text(sweep_text(found, arguments.out, _WIDTH), end="")
    return EXIT_DONE


def _spawn(arguments: argparse.Namespace) -> subprocess.Popen[bytes]:
    """Start one further worker of the same sweep, with the same options."""
    command = [sys.executable, "-m", "api.cli", "tune", arguments.spec, "--out", str(arguments.out), "--as-worker"]
    command += ["--workers", str(arguments.workers)]
    for name in ("corpus", "trials", "minutes"):
        value = getattr(arguments, name)
        command += [f"--{name}", str(value)] if value is not None else []
    for name, values in (("--keep", arguments.keep), ("--set", arguments.overrides)):
        command += [part for value in values for part in (name, value)]
    command += ["--config", str(arguments.config)] if arguments.config else []
    command += ["--embed"] if arguments.embed else []
    return subprocess.Popen(command, env=os.environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def _silent(line: str) -> None:
    """Say nothing: the first worker says it."""


def _minutes(text: str) -> float:
    number = float(text)
    if not number > 0:
        raise argparse.ArgumentTypeError(f"must be above 0, got {text}")
    return number
