"""backup and restore."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from api.cli.commands.session import open_runtime
from api.cli.grammar import add_corpus, add_verb
from api.cli.output import print_json, print_text
from api.errors import EXIT_DONE

if TYPE_CHECKING:
    from api.cli.grammar import Verbs
    from ingest.upkeep.backup import BackupReport


def add_verbs(verbs: Verbs) -> None:
    """Add `backup` and `restore`."""
    backup = add_verb(verbs, "backup", back_up, "write the live generation of a corpus to one file")
    restore = add_verb(verbs, "restore", restore_corpus, "bring a corpus back from a file that backup wrote")
    for parser in (backup, restore):
        parser.add_argument("file", metavar="FILE", type=Path, help="the backup")
        add_corpus(parser)
    restore.add_argument("--replace", action="store_true", help="if the corpus exists, make the backup its live state")


def back_up(arguments: argparse.Namespace) -> int:
    """Write the live generation of a corpus to one file."""
    from ingest.upkeep.backup import back_up as write_backup

    with open_runtime(arguments) as runtime:
        report = write_backup(arguments.corpus, arguments.file, runtime)
    return _report(arguments, report, f"{report.corpus}: generation {report.generation} written to {report.file}")


def restore_corpus(arguments: argparse.Namespace) -> int:
    """Bring a corpus back from a backup."""
    from ingest.upkeep.restore import restore

    with open_runtime(arguments) as runtime:
        report = restore(arguments.file, arguments.corpus, runtime, replace=arguments.replace)
    return _report(arguments, report, f"{report.corpus}: generation {report.generation} is live, from {report.file}")


def _report(arguments: argparse.Namespace, report: BackupReport, line: str) -> int:
    from rag.shapes.reports import BackupJson, report_json

    if arguments.json:
        print_json(report_json(BackupJson, report).model_dump())
    else:
        size = f"{report.bytes / 1e6:.1f} MB"
        print_text(f"{line}\n{report.documents} documents, {report.chunks} chunks, {size}")
    return EXIT_DONE
