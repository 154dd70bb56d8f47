"""eval, compare and gate."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from api.cli.commands.corpus import run_ingest
from api.cli.commands.judge import known_calibrations
from api.cli.commands.session import open_runtime, settings_of
from api.cli.output import note, print_json, print_text
from api.cli.progress import progress_bar
from api.errors import EXIT_DONE, EXIT_ERROR, EXIT_SOME_FAILED
from eval.gate.compare import compare_runs, render_comparison
from eval.gate.decision import write_comparison, write_decision
from eval.gate.error_rates import gate_error_rates, render_error_rates
from eval.gate.policy import GatePolicy, load_policy, render_gate, run_gate
from eval.golden import open_golden
from eval.judges.configured import open_judges
from eval.report.text import render_table
from eval.report.write import write_report
from eval.runner import Run, run
from eval.saved import SavedRun, load_run
from rag.answer.verify import make_verifier
from rag.bridge import run_sync
from rag.errors import ConfigError, ReportError

_WIDTH = 110


def evaluate(arguments: argparse.Namespace) -> int:
    """Run a golden set, write its report and print its table; with --ingest build the corpus from it first."""
    failed = 0
    with open_runtime(arguments) as runtime:
        home, now = runtime.home.root, datetime.now(UTC)
        golden = open_golden(arguments.golden, home=home, now=now, split=arguments.split, where=arguments.where)
        # Found out now, not after an hour of questions.
        _make_folder(arguments.out)
        judges, calibrations = open_judges(runtime.settings, runtime.embedder), known_calibrations(runtime.settings)
        if arguments.ingest:
            with progress_bar() as advance:
                failed = len(run_ingest([str(golden.documents)], arguments.corpus, runtime, None, advance).failed)
        with progress_bar() as advance:
            result = run_sync(
                run(
                    golden,
                    runtime.pipeline,
                    arguments.corpus,
                    library=runtime.catalogue,
                    verifier=make_verifier(runtime.settings.answer),
                    embedder=runtime.embedder,
                    judges=judges,
                    progress=advance,
                )
            )
        results, missing = _reported(result, arguments.out, calibrations)
    if arguments.json:
        print_json(results)
    else:
        page = arguments.out / "report.html"
        print_text(render_table(results, _width()) + (f"\nReport: {page}" if page.is_file() else ""))
    if missing:
        note(missing)
        return EXIT_ERROR
    if failed:
        note(f"{failed} documents of the set could not be ingested; see: ragwright status --corpus {arguments.corpus}")
    return EXIT_SOME_FAILED if failed else EXIT_DONE


def compare(arguments: argparse.Namespace) -> int:
    """Print the paired differences of two runs; with --out write them, with slices and flipped cases."""
    comparison = compare_runs(load_run(arguments.run_a), load_run(arguments.run_b))
    if arguments.json:
        print_json(comparison)
    else:
        print_text(render_comparison(comparison, _width()), end="")
    if arguments.out and not _wrote(lambda: write_comparison(comparison, arguments.out)):
        return EXIT_ERROR
    return EXIT_DONE


def gate(arguments: argparse.Namespace) -> int:
    """Print the decision; the policy maps it to the exit code. With --error-rates print how often the gate errs.

    With --out write it as JSON, JUnit and Markdown.
    """
    policy = load_policy(arguments.policy)
    baseline, candidate = load_run(arguments.baseline), load_run(arguments.candidate)
    if arguments.error_rates:
        return _error_rates(arguments, baseline, candidate, policy)
    others = [load_run(folder) for folder in arguments.others]
    calibrations = known_calibrations(settings_of(arguments))
    result = run_gate(baseline, candidate, policy, others=others, calibrations=calibrations)
    if arguments.json:
        print_json(result)
    else:
        print_text(render_gate(result), end="")
    if arguments.out and not _wrote(lambda: write_decision(result, compare_runs(baseline, candidate), arguments.out)):
        return int(result["exit_code"]) or EXIT_ERROR  # a verdict that stops a release is not changed by a page
    return int(result["exit_code"])


def _reported(result: Run, out: Path, calibrations: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], str]:
    """Write the report; return the results and, if a page of it is missing, the line that says so.

    Raises:
        ReportError: there are no results either.
    """
    try:
        return write_report(result, out, calibrations), ""
    except ReportError as error:
        if not (out / "results.json").is_file():
            raise
        return load_run(out).results, str(error)


def _wrote(write: Callable[[], None]) -> bool:
    """Say whether all files could be written, after the result itself was printed."""
    try:
        write()
    except ReportError as error:
        note(str(error))
        return False
    return True


def _error_rates(arguments: argparse.Namespace, baseline: SavedRun, candidate: SavedRun, policy: GatePolicy) -> int:
    rates = gate_error_rates(baseline, candidate, policy, repeats=arguments.repeats)
    if arguments.json:
        print_json(rates)
    else:
        print_text(render_error_rates(rates), end="")
    return EXIT_DONE if rates["ok"] else EXIT_ERROR


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot write the report to {folder}: {error.strerror}") from error


def _width() -> int:
    return shutil.get_terminal_size((_WIDTH, 24)).columns
