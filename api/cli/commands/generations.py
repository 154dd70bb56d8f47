"""generations list, promote, rollback and vacuum."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from api.cli import render_corpus
from api.cli.commands.session import open_runtime
from api.cli.output import print_json, print_text
from api.errors import EXIT_DONE
from ingest.upkeep.generations import rollback, status, vacuum
from rag.runtime import Runtime


def list_generations(arguments: argparse.Namespace) -> int:
    """Print the generations of a corpus, the live one marked."""
    with open_runtime(arguments) as runtime:
        corpus = status(arguments.corpus, runtime)[0]
    if arguments.json:
        rows = [asdict(generation) for generation in corpus.generations]
        print_json({"corpus": corpus.corpus, "live": corpus.live, "generations": rows})
    else:
        print_text(render_corpus.generations_text(corpus))
    return EXIT_DONE


def promote(arguments: argparse.Namespace) -> int:
    """Make the named generation the live one."""
    return _switch(arguments, lambda runtime: rollback(arguments.corpus, runtime, arguments.generation))


def roll_back(arguments: argparse.Namespace) -> int:
    """Make the generation before the live one live again."""
    return _switch(arguments, lambda runtime: rollback(arguments.corpus, runtime))


def erase(arguments: argparse.Namespace) -> int:
    """Erase what no kept generation sees."""
    with _known_corpus(arguments) as runtime:
        erased = vacuum(arguments.corpus, runtime)
    _report(arguments, {"corpus": arguments.corpus, "chunks_erased": erased}, f"{erased} chunks erased")
    return EXIT_DONE


def _switch(arguments: argparse.Namespace, switch: Callable[[Runtime], int]) -> int:
    with _known_corpus(arguments) as runtime:
        live = switch(runtime)
    _report(arguments, {"corpus": arguments.corpus, "live": live}, f"generation {live} of {arguments.corpus} is live")
    return EXIT_DONE


@contextmanager
def _known_corpus(arguments: argparse.Namespace) -> Iterator[Runtime]:
    with open_runtime(arguments) as runtime:
        status(arguments.corpus, runtime)
        yield runtime


def _report(arguments: argparse.Namespace, document: dict[str, Any], text: str) -> None:
    if arguments.json:
        print_json(document)
    else:
        print_text(text)
