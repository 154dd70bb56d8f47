"""ingest and status."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict

from api import render_corpus
from api.commands.session import open_runtime
from api.errors import EXIT_DONE, EXIT_SOME_FAILED
from api.output import print_json, print_text
from api.progress import progress_bar
from ingest.pipeline import IngestOptions, ingest
from ingest.report import IngestReport
from ingest.status import status
from rag.bootstrap import Runtime


def ingest_sources(arguments: argparse.Namespace) -> int:
    """Bring a corpus up to date and print what changed; exit 3 when documents failed."""
    chosen = {
        "prune": arguments.prune,
        "retry_failed": arguments.retry_failed,
        "dry_run": arguments.dry_run,
        "jobs": arguments.jobs,
        "allow_delete_over": arguments.allow_delete_over,
    }
    options = IngestOptions(**{name: value for name, value in chosen.items() if value is not None})
    with open_runtime(arguments) as runtime:
        report = run_ingest(arguments.sources, arguments.corpus, runtime, options)
    if arguments.json:
        print_json(asdict(report))
    else:
        print_text(render_corpus.ingest_text(report))
    return EXIT_SOME_FAILED if report.failed else EXIT_DONE


def show_status(arguments: argparse.Namespace) -> int:
    """Print the state of one corpus, or of all."""
    with open_runtime(arguments) as runtime:
        found = status(arguments.corpus, runtime)
    if arguments.json:
        print_json({"corpora": [asdict(corpus) for corpus in found]})
    else:
        print_text(render_corpus.status_text(found))
    return EXIT_DONE


def run_ingest(
    sources: Sequence[str], corpus: str, runtime: Runtime, options: IngestOptions | None = None
) -> IngestReport:
    """Ingest with a progress bar."""
    with progress_bar() as advance:
        return ingest(sources, corpus, runtime, options, lambda step: advance(step.stage, step.done, step.total))
