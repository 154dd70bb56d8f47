"""sources list, remove and move."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from api.cli import render_corpus
from api.cli.commands.session import open_runtime
from api.cli.output import note, print_json, print_text
from api.errors import EXIT_DONE
from ingest.sources.named import scheme_of
from ingest.upkeep.generations import status
from ingest.upkeep.removal import move_source, remembered, remove_source


def list_sources(arguments: argparse.Namespace) -> int:
    """Print the sources of a corpus, and how many documents each has."""
    with open_runtime(arguments) as runtime:
        status(arguments.corpus, runtime)
        found, unowned = remembered(arguments.corpus, runtime)
    if arguments.json:
        print_json({"corpus": arguments.corpus, "sources": [asdict(source) for source in found], "unowned": unowned})
    else:
        print_text(render_corpus.sources_text(found, unowned, arguments.corpus))
    return EXIT_DONE


def remove(arguments: argparse.Namespace) -> int:
    """Remove a source with its documents and print how many went."""
    share = {} if arguments.allow_delete_over is None else {"allow_delete_over": arguments.allow_delete_over}
    with open_runtime(arguments) as runtime:
        status(arguments.corpus, runtime)
        removal = remove_source(arguments.source, arguments.corpus, runtime, prefix=arguments.prefix, **share)
    if arguments.json:
        print_json(asdict(removal))
    else:
        print_text(render_corpus.removal_text(removal))
    return EXIT_DONE


def move(arguments: argparse.Namespace) -> int:
    """Read a source from another place from now on."""
    with open_runtime(arguments) as runtime:
        status(arguments.corpus, runtime)
        moved = move_source(arguments.source, arguments.target, arguments.corpus, runtime, prefix=arguments.prefix)
    if not scheme_of(arguments.target) and not Path(arguments.target).exists():
        note(f"{arguments.target} is not there yet; until it is, an ingest names it as failed")
    if arguments.json:
        print_json(asdict(moved))
    else:
        print_text(f"{moved.corpus}: the source of {moved.documents} documents is {moved.source} now")
    return EXIT_DONE
