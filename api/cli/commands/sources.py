"""sources list, remove and move."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from api.cli.commands.session import open_runtime
from api.cli.grammar import add_corpus, add_group, add_verb, share
from api.cli.output import note, print_json, print_text
from api.errors import EXIT_DONE

if TYPE_CHECKING:
    from api.cli.grammar import Verbs


def add_verbs(verbs: Verbs) -> None:
    """Add the verbs of `sources`."""
    group = add_group(verbs, "sources", "list, remove and move what a corpus is read from")
    listing = add_verb(group, "list", list_sources, "list the sources that an ingest without SOURCE refreshes")
    remove_verb = add_verb(
        group, "remove", remove, "publish a generation without a source's documents, and forget the source"
    )
    move_verb = add_verb(group, "move", move, "read a source from another place from now on; its documents stay")
    for parser in (remove_verb, move_verb):
        parser.add_argument("source", metavar="SOURCE", help="as listed, or any spelling of the same place")
        parser.add_argument("--prefix", metavar="P", help="which one, where a place is remembered with several")
    move_verb.add_argument("target", metavar="TARGET", help="where it is now")
    remove_verb.add_argument(
        "--allow-delete-over", metavar="SHARE", type=share, help="let it remove more than this share (0..1)"
    )
    for parser in (listing, remove_verb, move_verb):
        add_corpus(parser)


def list_sources(arguments: argparse.Namespace) -> int:
    """Print the sources of a corpus, and how many documents each has."""
    from api.cli import render_corpus
    from ingest.upkeep.generations import status
    from ingest.upkeep.removal import remembered
    from rag.shapes.reports import SourcesJson, report_json

    with open_runtime(arguments) as runtime:
        status(arguments.corpus, runtime)
        found, unowned = remembered(arguments.corpus, runtime)
    if arguments.json:
        shown = {"corpus": arguments.corpus, "sources": found, "unowned": unowned}
        print_json(report_json(SourcesJson, shown).model_dump())
    else:
        print_text(render_corpus.sources_text(found, unowned, arguments.corpus))
    return EXIT_DONE


def remove(arguments: argparse.Namespace) -> int:
    """Remove a source with its documents and print how many went."""
    from api.cli import render_corpus
    from ingest.upkeep.generations import status
    from ingest.upkeep.removal import remove_source
    from rag.shapes.reports import RemovalJson, report_json

    share = {} if arguments.allow_delete_over is None else {"allow_delete_over": arguments.allow_delete_over}
    with open_runtime(arguments) as runtime:
        status(arguments.corpus, runtime)
        removal = remove_source(arguments.source, arguments.corpus, runtime, prefix=arguments.prefix, **share)
    if arguments.json:
        print_json(report_json(RemovalJson, removal).model_dump())
    else:
        print_text(render_corpus.removal_text(removal))
    return EXIT_DONE


def move(arguments: argparse.Namespace) -> int:
    """Read a source from another place from now on."""
    from ingest.sources.named import scheme_of
    from ingest.upkeep.generations import status
    from ingest.upkeep.removal import move_source
    from rag.shapes.reports import RemovalJson, report_json

    with open_runtime(arguments) as runtime:
        status(arguments.corpus, runtime)
        moved = move_source(arguments.source, arguments.target, arguments.corpus, runtime, prefix=arguments.prefix)
    if not scheme_of(arguments.target) and not Path(arguments.target).exists():
        note(f"{arguments.target} is not there yet; until it is, an ingest names it as failed")
    if arguments.json:
        print_json(report_json(RemovalJson, moved).model_dump())
    else:
        print_text(f"{moved.corpus}: the source of {moved.documents} documents is {moved.source} now")
    return EXIT_DONE
