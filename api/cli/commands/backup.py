"""backup and restore."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from api.cli.commands.session import open_runtime
from api.cli.output import print_json, print_text
from api.errors import EXIT_DONE
from ingest.upkeep.backup import BackupReport
from ingest.upkeep.backup import back_up as write_backup
from ingest.upkeep.restore import restore


def back_up(arguments: argparse.Namespace) -> int:
    """Write the live generation of a corpus to one file."""
    with open_runtime(arguments) as runtime:
        report = write_backup(arguments.corpus, arguments.file, runtime)
    return _report(arguments, report, f"{report.corpus}: generation {report.generation} written to {report.file}")


def restore_corpus(arguments: argparse.Namespace) -> int:
    """Bring a corpus back from a backup."""
    with open_runtime(arguments) as runtime:
        report = restore(arguments.file, arguments.corpus, runtime, replace=arguments.replace)
    return _report(arguments, report, f"{report.corpus}: generation {report.generation} is live, from {report.file}")


def _report(arguments: argparse.Namespace, report: BackupReport, line: str) -> int:
    if arguments.json:
        print_json(asdict(report))
    else:
        size = f"{report.bytes / 1e6:.1f} MB"
        print_text(f"{line}\n{report.documents} documents, {report.chunks} chunks, {size}")
    return EXIT_DONE
