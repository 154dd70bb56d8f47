"""The parts that every verb group builds its grammar from; nothing heavy is imported here."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from api.errors import InvalidRequestError

if TYPE_CHECKING:
    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]

Handler = Callable[[argparse.Namespace], int]
"""Runs a verb with its options; returns the exit code."""


class Parser(argparse.ArgumentParser):
    """A parser that raises where argparse would print its usage and exit."""

    def error(self, message: str) -> NoReturn:
        """Raise the message.

        Raises:
            InvalidRequestError: always.
        """
        raise InvalidRequestError(f"{message} (see: {self.prog} --help)")


def add_verb(verbs: Verbs, name: str, handler: Handler, help: str) -> argparse.ArgumentParser:
    """Add a verb with the options that all verbs take; return its parser."""
    parser = verbs.add_parser(name, help=help, description=help, allow_abbrev=False)
    parser.set_defaults(handler=handler)
    common = parser.add_argument_group("common options")
    common.add_argument("--config", metavar="FILE", type=Path, help="settings in YAML; unknown keys are errors")
    common.add_argument(
        "--set", metavar="KEY=VALUE", dest="overrides", action="append", default=[], help="one setting, repeatable"
    )
    common.add_argument("--json", action="store_true", help="one JSON document on standard output")
    common.add_argument("--debug", action="store_true", help="show tracebacks, warnings and debug logs")
    return parser


def add_group(verbs: Verbs, name: str, help: str) -> Verbs:
    """Add a verb that has verbs of its own."""
    group = verbs.add_parser(name, help=help, description=help, allow_abbrev=False)
    return group.add_subparsers(title="verbs", metavar="VERB", required=True)


def add_corpus(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the corpus."""
    parser.add_argument("--corpus", metavar="NAME", required=True, help="the corpus")


def share(text: str) -> float:
    """Return a share of an option, 0..1."""
    number = float(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"must be between 0 and 1, got {text}")
    return number


def count(text: str) -> int:
    """Return a number of an option that is not negative."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"must not be negative, got {text}")
    return number


def positive(text: str) -> int:
    """Return a number of an option that is at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {text}")
    return number
