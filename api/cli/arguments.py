"""The grammar of the command line: every verb group adds its own, in the order in which help shows them."""

from __future__ import annotations

import argparse

from api.cli.commands import (
    backup,
    corpus,
    doctor,
    documents,
    evaluation,
    generations,
    golden,
    judge,
    label,
    prompts,
    question,
    service,
    sources,
    tune,
    verify,
)
from api.cli.grammar import Parser
from api.cli.output import print_text

_EPILOG = "exit codes: 0 done, 1 error, 2 usage, 3 done but some documents failed, 100 gate failed, 101 inconclusive"

_GROUPS = (
    corpus.add_ingest,
    sources.add_verbs,
    documents.add_verbs,
    corpus.add_corpus_verbs,
    corpus.add_erase,
    backup.add_verbs,
    corpus.add_status,
    question.add_verbs,
    evaluation.add_verbs,
    tune.add_verbs,
    golden.add_verbs,
    label.add_verbs,
    judge.add_verbs,
    verify.add_verbs,
    prompts.add_verbs,
    generations.add_verbs,
    service.add_verbs,
    doctor.add_verbs,
)


class _Version(argparse.Action):
    """Prints the version; it is looked up only now, because that costs more than all the rest of the grammar."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: object, option: str | None = None
    ) -> None:
        """Print and exit."""
        from api.version import ragwright_version

        print_text(f"ragwright {ragwright_version()}")
        parser.exit()


def build_parser() -> argparse.ArgumentParser:
    """Return the parser; `handler` of a parsed namespace is the function that runs the verb."""
    parser: argparse.ArgumentParser = Parser(
        prog="ragwright",
        description="Cited answers and packed contexts from your documents, measured on your own questions.",
        epilog=_EPILOG,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show program's version number and exit")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for add in _GROUPS:
        add(verbs)
    return parser
