"""eval, compare and gate."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from api.cli.commands.judge import note_conflicts
from api.cli.commands.session import open_runtime, settings_of
from api.cli.grammar import add_corpus, add_verb, positive
from api.cli.output import note, print_json, print_text
from api.cli.progress import progress_bar
from api.errors import EXIT_DONE, EXIT_ERROR, EXIT_SOME_FAILED
from rag.errors import ReportError

if TYPE_CHECKING:
    from api.cli.grammar import Verbs
    from eval import Evaluation

_WIDTH = 110


def add_verbs(verbs: Verbs) -> None:
    """Add `eval`, `compare` and `gate`."""
    evaluate_verb = add_verb(verbs, "eval", evaluate, "run a golden set and write its scores with intervals")
    evaluate_verb.add_argument("golden", metavar="SET", type=Path, help="a folder with questions.jsonl")
    add_corpus(evaluate_verb)
    evaluate_verb.add_argument("--out", metavar="DIR", type=Path, required=True, help="where the run is written")
    evaluate_verb.add_argument("--split", metavar="NAME", help="only questions of this split")
    evaluate_verb.add_argument(
        "--where", metavar="KEY=VALUE", action="append", default=[], help="only questions whose field equals this"
    )
    evaluate_verb.add_argument("--ingest", action="store_true", help="build the corpus from the set's documents first")
    compare_verb = add_verb(verbs, "compare", compare, "show paired differences of two runs, with intervals")
    compare_verb.add_argument("run_a", metavar="RUN_A", type=Path, help="a folder written by eval")
    compare_verb.add_argument("run_b", metavar="RUN_B", type=Path, help="a folder written by eval")
    compare_verb.add_argument("--out", metavar="DIR", type=Path, help="also write comparison.json and summary.md there")
    compare_verb.add_argument("--all", action="store_true", help="show every metric that differs, by family")
    gating = add_verb(verbs, "gate", gate, "decide whether a candidate run is no worse than a baseline")
    gating.add_argument("--baseline", metavar="RUN", type=Path, required=True, help="a folder written by eval")
    gating.add_argument("--candidate", metavar="RUN", type=Path, required=True, help="a folder written by eval")
    gating.add_argument(
        "--with",
        metavar="RUN",
        type=Path,
        action="append",
        default=[],
        dest="others",
        help="a run of the candidate over another set that the policy requires; repeatable",
    )
    gating.add_argument("--policy", metavar="FILE", type=Path, help="margins and what an undecided gate does (YAML)")
    gating.add_argument("--out", metavar="DIR", type=Path, help="also write gate.json, junit.xml and summary.md there")
    gating.add_argument(
        "--error-rates", action="store_true", help="how often this gate errs on such runs: A/A and planted regressions"
    )
    gating.add_argument("--repeats", metavar="N", type=positive, default=200, help="comparisons for --error-rates")


def evaluate(arguments: argparse.Namespace) -> int:
    """Run a golden set, write its report and print its table; with --ingest build the corpus from it first."""
    from eval import Selection
    from eval import evaluate as run

    with open_runtime(arguments) as runtime, progress_bar() as advance:
        note_conflicts(runtime.settings)
        evaluation = run(
            arguments.golden,
            arguments.corpus,
            runtime,
            arguments.out,
            selection=Selection(arguments.split, tuple(arguments.where)),
            ingest_first=arguments.ingest,
            progress=advance,
        )
    for line in evaluation.notes:
        note(line)
    if arguments.json:
        print_json(evaluation.document)
    else:
        print_text(evaluation.text(_width()) + (f"\nReport: {evaluation.page}" if evaluation.page else ""))
    return _evaluated(evaluation, arguments.corpus)


def compare(arguments: argparse.Namespace) -> int:
    """Print the paired differences of two runs; with --out write them, with slices and flipped cases."""
    from eval import compare_runs

    comparison = compare_runs(arguments.run_a, arguments.run_b)
    if arguments.json:
        print_json(comparison.document)
    else:
        print_text(comparison.text(_width(), whole=arguments.all), end="")
    return EXIT_DONE if _written(comparison.write, arguments.out) else EXIT_ERROR


def gate(arguments: argparse.Namespace) -> int:
    """Print the decision; the policy maps it to the exit code. With --error-rates print how often the gate errs.

    With --out write it as JSON, JUnit and Markdown.
    """
    from eval import gate_runs

    if arguments.error_rates:
        return _error_rates(arguments)
    settings = settings_of(arguments)
    note_conflicts(settings)
    result = gate_runs(
        arguments.baseline, arguments.candidate, settings, policy=arguments.policy, others=arguments.others
    )
    if arguments.json:
        print_json(result.document)
    else:
        print_text(result.text(), end="")
    # A verdict that stops a release is not changed by a page that could not be written.
    return result.exit_code if _written(result.write, arguments.out) else result.exit_code or EXIT_ERROR


def _evaluated(evaluation: Evaluation, corpus: str) -> int:
    """Return the exit code; say what is missing."""
    if evaluation.unwritten:
        note(evaluation.unwritten)
        return EXIT_ERROR
    if evaluation.not_ingested:
        failed = f"{evaluation.not_ingested} documents of the set could not be ingested"
        note(f"{failed}; see: ragwright status --corpus {corpus}")
        return EXIT_SOME_FAILED
    return EXIT_DONE


def _written(write: Callable[[Path], None], folder: Path | None) -> bool:
    """Write a result into a folder, if one is named, after it was printed; say whether all files are there."""
    try:
        if folder:
            write(folder)
    except ReportError as error:
        note(str(error))
        return False
    return True


def _error_rates(arguments: argparse.Namespace) -> int:
    from eval import error_rates

    rates = error_rates(arguments.baseline, arguments.candidate, policy=arguments.policy, repeats=arguments.repeats)
    if arguments.json:
        print_json(rates.document)
    else:
        print_text(rates.text(), end="")
    return EXIT_DONE if rates.ok else EXIT_ERROR


def _width() -> int:
    return shutil.get_terminal_size((_WIDTH, 24)).columns
