"""generations list, promote, rollback and vacuum."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from api.cli.commands.session import open_runtime
from api.cli.grammar import add_corpus, add_group, add_verb
from api.cli.output import print_json, print_text
from api.errors import EXIT_DONE

if TYPE_CHECKING:
    from api.cli.grammar import Verbs
    from rag.runtime import Runtime


def add_verbs(verbs: Verbs) -> None:
    """Add the verbs of `generations`."""
    group = add_group(verbs, "generations", "list, switch and clean up the published views of a corpus")
    for name, handler, purpose in (
        ("list", list_generations, "list the generations of a corpus"),
        ("promote", promote, "make a kept generation the live one"),
        ("rollback", roll_back, "make the generation before the live one live again"),
        ("vacuum", erase, "erase what no kept generation sees (ingest.keep_generations)"),
    ):
        parser = add_verb(group, name, handler, purpose)
        add_corpus(parser)
        if name == "promote":
            parser.add_argument("generation", metavar="GENERATION", type=int, help="its id, as in generations list")


def list_generations(arguments: argparse.Namespace) -> int:
    """Print the generations of a corpus, the live one marked."""
    from api.cli import render_corpus
    from ingest.upkeep.generations import status
    from rag.shapes.reports import GenerationsJson, report_json

    with open_runtime(arguments) as runtime:
        corpus = status(arguments.corpus, runtime)[0]
    if arguments.json:
        print_json(report_json(GenerationsJson, corpus).model_dump())
    else:
        print_text(render_corpus.generations_text(corpus))
    return EXIT_DONE


def promote(arguments: argparse.Namespace) -> int:
    """Make the named generation the live one."""
    from ingest.upkeep.generations import rollback

    return _switch(arguments, lambda runtime: rollback(arguments.corpus, runtime, arguments.generation))


def roll_back(arguments: argparse.Namespace) -> int:
    """Make the generation before the live one live again."""
    from ingest.upkeep.generations import rollback

    return _switch(arguments, lambda runtime: rollback(arguments.corpus, runtime))


def erase(arguments: argparse.Namespace) -> int:
    """Erase what no kept generation sees."""
    from dataclasses import asdict

    from api.cli import render_corpus
    from ingest.upkeep.generations import kept_generations, vacuum

    with _known_corpus(arguments) as runtime:
        erased = vacuum(arguments.corpus, runtime)
        kept = kept_generations(arguments.corpus, runtime)
    document = {"corpus": arguments.corpus, "chunks_erased": erased, "kept": [asdict(item) for item in kept]}
    _report(arguments, document, render_corpus.vacuum_text(erased, kept))
    return EXIT_DONE


def _switch(arguments: argparse.Namespace, switch: Callable[[Runtime], int]) -> int:
    with _known_corpus(arguments) as runtime:
        live = switch(runtime)
    _report(arguments, {"corpus": arguments.corpus, "live": live}, f"generation {live} of {arguments.corpus} is live")
    return EXIT_DONE


@contextmanager
def _known_corpus(arguments: argparse.Namespace) -> Iterator[Runtime]:
    from ingest.upkeep.generations import status

    with open_runtime(arguments) as runtime:
        status(arguments.corpus, runtime)
        yield runtime


def _report(arguments: argparse.Namespace, document: dict[str, Any], text: str) -> None:
    if arguments.json:
        print_json(document)
    else:
        print_text(text)
