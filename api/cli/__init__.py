"""The command `ragwright`: parses, runs one verb, and turns whatever happens into a line and an exit code."""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Sequence

from api import errors
from api.cli import output
from api.cli.arguments import build_parser
from api.cli.grammar import Handler
from rag.errors import RagwrightError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        try:
            _use_utf8()
            return _run(build_parser().parse_args(arguments))
        except RagwrightError as error:
            return _fail(arguments, error.slug, str(error), errors.exit_code(error))
        except (KeyboardInterrupt, BrokenPipeError):
            raise
        except Exception as error:
            detail = f"unexpected {type(error).__name__}: {error}; run it again with --debug to see where"
            return _fail(arguments, "internal-error", " ".join(detail.split()), errors.EXIT_ERROR)
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        output.note("interrupted")
        return errors.EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader went away; without this the interpreter complains again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return errors.EXIT_BROKEN_PIPE


def _run(arguments: argparse.Namespace) -> int:
    level = logging.DEBUG if arguments.debug else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if not arguments.debug:
        warnings.simplefilter("ignore")
    handler: Handler = arguments.handler
    return handler(arguments)


def _fail(arguments: Sequence[str], slug: str, detail: str, code: int) -> int:
    if "--debug" in arguments:
        traceback.print_exc()
    output.note(f"error: {detail}")
    if "--json" in arguments:
        document = errors.error_json(slug, detail)
        output.print_line({"event": "error", **document} if "--stream" in arguments else document)
    return code


def _use_utf8() -> None:
    # JSON is UTF-8 whatever the locale; file names that are not valid Unicode must not end a command.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
