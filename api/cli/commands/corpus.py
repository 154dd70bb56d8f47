"""ingest and status."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from api.cli import render_corpus
from api.cli.commands.session import open_runtime
from api.cli.output import print_json, print_text
from api.cli.progress import Advance, progress_bar
from api.errors import EXIT_DONE, EXIT_GATE_FAILED, EXIT_INCONCLUSIVE, EXIT_SOME_FAILED, InvalidRequestError
from ingest.gate import FlipGate
from ingest.pipeline import IngestOptions, ingest
from ingest.report import IngestReport
from ingest.upkeep.erase import erase
from ingest.upkeep.generations import status
from rag.runtime import Runtime


def ingest_sources(arguments: argparse.Namespace) -> int:
    """Bring a corpus up to date and print what changed; exit 3 when documents failed, 100 or 101 when it was held."""
    if arguments.gate is None and (arguments.policy or arguments.split):
        raise InvalidRequestError("--policy and --split say how --gate decides; name its golden set with --gate SET")
    described = {name: getattr(arguments, name) for name in ("prefix", "include", "exclude")}
    if any(described.values()) and not arguments.sources:
        raise InvalidRequestError("--prefix, --include and --exclude say how a SOURCE is read; name it")
    chosen = {
        "prune": arguments.prune,
        "retry_failed": arguments.retry_failed,
        "dry_run": arguments.dry_run,
        "jobs": arguments.jobs,
        "allow_delete_over": arguments.allow_delete_over,
        "prefix": arguments.prefix,
        "include": tuple(arguments.include),
        "exclude": tuple(arguments.exclude),
    }
    options = IngestOptions(**{name: value for name, value in chosen.items() if value is not None})
    with open_runtime(arguments) as runtime, progress_bar() as advance:
        gate = _gate(arguments, runtime, advance) if arguments.gate else None
        report = run_ingest(arguments.sources, arguments.corpus, runtime, options, advance, gate)
    if arguments.json:
        print_json(asdict(report))
    else:
        print_text(render_corpus.ingest_text(report))
    return _exit_code(report)


def show_status(arguments: argparse.Namespace) -> int:
    """Print the state of one corpus, or of all."""
    with open_runtime(arguments) as runtime:
        found = status(arguments.corpus, runtime)
    if arguments.json:
        print_json({"corpora": [asdict(corpus) for corpus in found]})
    else:
        print_text(render_corpus.status_text(found))
    return EXIT_DONE


def erase_documents(arguments: argparse.Namespace) -> int:
    """Erase documents from a corpus for good and print how much went."""
    with open_runtime(arguments) as runtime:
        status(arguments.corpus, runtime)
        erasure = erase(arguments.documents, arguments.corpus, runtime)
    if arguments.json:
        print_json(asdict(erasure))
    else:
        print_text(render_corpus.erasure_text(erasure))
    return EXIT_DONE


def run_ingest(
    sources: Sequence[str],
    corpus: str,
    runtime: Runtime,
    options: IngestOptions | None,
    advance: Advance,
    gate: FlipGate | None = None,
) -> IngestReport:
    """Ingest, moving a progress bar on."""
    return ingest(sources, corpus, runtime, options, lambda step: advance(step.stage, step.done, step.total), gate=gate)


def _gate(arguments: argparse.Namespace, runtime: Runtime, advance: Advance) -> FlipGate:
    from eval.gate.flip import GoldenGate  # statistics and reports: a plain ingest starts without them
    from eval.gate.policy import load_policy
    from eval.golden import open_golden

    home = runtime.home.root
    golden = open_golden(arguments.gate, home=home, now=datetime.now(UTC), split=arguments.split)
    return GoldenGate(
        golden,
        load_policy(arguments.policy),
        runtime.pipeline_at,
        runtime.catalogue,
        runtime.home.gates(arguments.corpus),
        advance,
    )


def _exit_code(report: IngestReport) -> int:
    if report.held is not None and report.gate is not None:
        return EXIT_GATE_FAILED if report.gate.name == "FAIL" else EXIT_INCONCLUSIVE
    return EXIT_SOME_FAILED if report.failed else EXIT_DONE
