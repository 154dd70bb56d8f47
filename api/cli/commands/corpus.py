"""ingest, erase, status, corpus list and corpus delete."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from api.cli.commands.session import open_runtime
from api.cli.grammar import add_corpus, add_group, add_verb, positive, share
from api.cli.output import print_json, print_text
from api.cli.progress import progress_bar
from api.errors import EXIT_DONE, EXIT_GATE_FAILED, EXIT_INCONCLUSIVE, EXIT_SOME_FAILED, InvalidRequestError

if TYPE_CHECKING:
    from api.cli.grammar import Verbs
    from ingest.pipeline import IngestOptions
    from ingest.report import IngestReport
    from ingest.upkeep.generations import CorpusStatus
    from rag.shapes.reports import CorpusRowJson


def add_ingest(verbs: Verbs) -> None:
    """Add `ingest`."""
    ingest = add_verb(verbs, "ingest", ingest_sources, "read sources into a corpus; the unchanged cost nothing")
    ingest.add_argument(
        "sources",
        metavar="SOURCE",
        nargs="*",
        help="a folder, file, glob, .zip, documents.jsonl, or a URL (https, sitemap.xml, s3, gs, az, …);"
        " without one, every source that the corpus remembers is refreshed",
    )
    add_corpus(ingest)
    ingest.add_argument(
        "--prefix", metavar="P", default="", help="start the ids of the sources' documents with P/; part of the source"
    )
    ingest.add_argument(
        "--include",
        metavar="GLOB",
        action="append",
        default=[],
        help="read only these names of the sources (repeatable)",
    )
    ingest.add_argument(
        "--exclude", metavar="GLOB", action="append", default=[], help="leave these names or folders out (repeatable)"
    )
    ingest.add_argument(
        "--prune", action="store_true", help="remove documents that are gone from the sources of this run, no others"
    )
    ingest.add_argument(
        "--allow-delete-over", metavar="SHARE", type=share, help="let a prune remove more than this share (0..1)"
    )
    ingest.add_argument("--retry-failed", action="store_true", help="try unchanged documents again that failed before")
    ingest.add_argument("--jobs", metavar="N", type=positive, help="partition workers (ingest.jobs)")
    ingest.add_argument(
        "--gate", metavar="SET", type=Path, help="go live only if this golden set is answered no worse than before"
    )
    ingest.add_argument("--policy", metavar="FILE", type=Path, help="the gate's margins (YAML), as for ragwright gate")
    ingest.add_argument("--split", metavar="NAME", help="the gate asks only questions of this split")
    ingest.add_argument("--dry-run", action="store_true", help="say what would change, write nothing")


def add_erase(verbs: Verbs) -> None:
    """Add `erase`."""
    erase = add_verb(
        verbs, "erase", erase_documents, "erase documents from every generation, without a trace in any file"
    )
    erase.add_argument("documents", metavar="DOC_ID", nargs="+", help="document ids, as status and hits show them")
    add_corpus(erase)


def add_status(verbs: Verbs) -> None:
    """Add `status`."""
    status = add_verb(verbs, "status", show_status, "show generations, documents, chunks, failures, sizes, models")
    status.add_argument("--corpus", metavar="NAME", help="one corpus (default: all)")


def add_corpus_verbs(verbs: Verbs) -> None:
    """Add the verbs of `corpus`."""
    group = add_group(verbs, "corpus", "list the corpora, or delete one with all that was made of it")
    add_verb(group, "list", list_corpora, "list the corpora with their sizes")
    deletion = add_verb(group, "delete", delete, "delete a corpus from the catalogue, the indexes and the disk")
    deletion.add_argument("corpus", metavar="NAME", help="the corpus")
    deletion.add_argument("--yes", action="store_true", help="needed: it cannot be undone")


def ingest_sources(arguments: argparse.Namespace) -> int:
    """Bring a corpus up to date and print what changed; exit 3 when documents failed, 100 or 101 when it was held."""
    from api.cli import render_corpus
    from ingest.pipeline import ingest
    from rag.shapes.reports import IngestJson, report_json

    options = _options(arguments)
    with open_runtime(arguments) as runtime, progress_bar() as advance:
        gate = None
        if arguments.gate:
            from eval import flip_gate  # statistics and reports: a plain ingest starts without them

            gate = flip_gate(
                arguments.gate,
                arguments.corpus,
                runtime,
                policy=arguments.policy,
                split=arguments.split,
                progress=advance,
            )
        report = ingest(
            arguments.sources,
            arguments.corpus,
            runtime,
            options,
            lambda step: advance(step.stage, step.done, step.total),
            gate=gate,
        )
    if arguments.json:
        print_json(report_json(IngestJson, report).model_dump())
    else:
        print_text(render_corpus.ingest_text(report))
    return _exit_code(report)


def show_status(arguments: argparse.Namespace) -> int:
    """Print the state of one corpus, or of all."""
    from api.cli import render_corpus
    from ingest.upkeep.generations import status
    from rag.shapes.reports import StatusJson, report_json

    with open_runtime(arguments) as runtime:
        found = status(arguments.corpus, runtime)
    if arguments.json:
        print_json(report_json(StatusJson, {"corpora": found}).model_dump())
    else:
        print_text(render_corpus.status_text(found))
    return EXIT_DONE


def list_corpora(arguments: argparse.Namespace) -> int:
    """Print every corpus with its size."""
    from api.cli import render_corpus
    from ingest.upkeep.generations import status
    from rag.shapes.reports import CorpusListJson, report_json

    with open_runtime(arguments) as runtime:
        found = [_row(corpus) for corpus in status(None, runtime)]
    if arguments.json:
        print_json(report_json(CorpusListJson, {"corpora": found}).model_dump())
    else:
        print_text(render_corpus.corpora_text(found))
    return EXIT_DONE


def delete(arguments: argparse.Namespace) -> int:
    """Delete a corpus and print how much went."""
    from ingest.upkeep.delete import delete_corpus
    from ingest.upkeep.generations import status
    from rag.shapes.reports import DeletionJson, report_json

    with open_runtime(arguments) as runtime:
        if not arguments.yes:
            held = status(arguments.corpus, runtime)[0].documents
            raise InvalidRequestError(
                f"corpus delete removes {arguments.corpus!r} with its {held} documents for good; add --yes to do it"
            )
        deletion = delete_corpus(arguments.corpus, runtime)
    if arguments.json:
        print_json(report_json(DeletionJson, deletion).model_dump())
    else:
        gone = f"{deletion.documents} documents ({deletion.chunks} chunks of all versions)"
        print_text(f"{deletion.corpus} is deleted with {gone}; its sources are as they were")
    return EXIT_DONE


def erase_documents(arguments: argparse.Namespace) -> int:
    """Erase documents from a corpus for good and print how much went."""
    from api.cli import render_corpus
    from ingest.upkeep.erase import erase
    from ingest.upkeep.generations import status
    from rag.shapes.reports import ErasureJson, report_json

    with open_runtime(arguments) as runtime:
        status(arguments.corpus, runtime)
        erasure = erase(arguments.documents, arguments.corpus, runtime)
    if arguments.json:
        print_json(report_json(ErasureJson, erasure).model_dump())
    else:
        print_text(render_corpus.erasure_text(erasure))
    return EXIT_DONE


def _row(corpus: CorpusStatus) -> CorpusRowJson:
    from rag.shapes.reports import CorpusRowJson

    published = {row.id: row.published_at for row in corpus.generations}
    return CorpusRowJson(
        name=corpus.corpus,
        generation=corpus.live,
        published_at=None if corpus.live is None else published.get(corpus.live),
        documents=corpus.documents,
        chunks=corpus.chunks,
        failures=len(corpus.failures),
        embedder=corpus.embedder,
        bytes_on_disk=corpus.bytes_on_disk,
    )


def _options(arguments: argparse.Namespace) -> IngestOptions:
    from ingest.pipeline import IngestOptions

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
    return IngestOptions(**{name: value for name, value in chosen.items() if value is not None})


def _exit_code(report: IngestReport) -> int:
    if report.held is not None and report.gate is not None:
        return EXIT_GATE_FAILED if report.gate.name == "FAIL" else EXIT_INCONCLUSIVE
    return EXIT_SOME_FAILED if report.failed else EXIT_DONE
