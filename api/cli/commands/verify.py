"""verify: scores claims against their evidence, a JSON line for each row."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from api.cli.commands.session import settings_of
from api.cli.grammar import add_verb
from api.cli.output import print_line
from api.errors import EXIT_DONE, EXIT_SOME_FAILED, InvalidRequestError

if TYPE_CHECKING:
    from pydantic import ValidationError

    from api.cli.grammar import Verbs
    from rag.answer.batch import ClaimRow
    from rag.ports import Verifier

_AT_ONCE = 32
_STANDARD_INPUT = "-"


class _BadLine(NamedTuple):
    """What is wrong with a line, counted from 1."""

    line: int
    error: str


def add_verbs(verbs: Verbs) -> None:
    """Add `verify`."""
    parser = add_verb(verbs, "verify", verify, "score claims against their evidence, a JSON line for each")
    parser.add_argument("file", metavar="FILE.jsonl", help="rows {id, claim, evidence}; - reads standard input")
    parser.add_argument("--method", metavar="NAME", help="the verifier (answer.verifier)")
    parser.add_argument("--model", metavar="MODEL", help="a folder or hub id for cross-encoder (answer.verifier_model)")


def verify(arguments: argparse.Namespace) -> int:
    """Print a verdict for every row, in order; a row that cannot be read gives its line and what is wrong with it."""
    from rag.runtime import verifier_of

    settings = settings_of(arguments, answer__verifier=arguments.method, answer__verifier_model=arguments.model)
    verifier = verifier_of(settings)
    failed = 0
    rows = _rows(_lines(arguments.file))
    while batch := list(islice(rows, _AT_ONCE)):
        failed += sum(isinstance(row, _BadLine) for row in batch)
        _print_verdicts(batch, verifier)
    return EXIT_SOME_FAILED if failed else EXIT_DONE


def _print_verdicts(batch: list[ClaimRow | _BadLine], verifier: Verifier) -> None:
    from rag.answer.batch import verify_rows
    from rag.bridge import run_sync
    from rag.shapes import verdict_json

    good = [row for row in batch if not isinstance(row, _BadLine)]
    verdicts = iter(run_sync(verify_rows(good, verifier)))
    for row in batch:
        if isinstance(row, _BadLine):
            print_line({"line": row.line, "error": row.error})
        else:
            print_line(verdict_json(next(verdicts)).model_dump(mode="json"))


def _lines(file: str) -> Iterator[bytes]:
    if file == _STANDARD_INPUT:
        yield from sys.stdin.buffer
        return
    try:
        with Path(file).open("rb") as lines:
            yield from lines
    except OSError as error:
        raise InvalidRequestError(f"cannot read {file}: {error.strerror}; name a file of JSON lines, or -") from error


def _rows(lines: Iterable[bytes]) -> Iterator[ClaimRow | _BadLine]:
    """Read the rows; `line` counts from 1, blank lines included, and they give nothing."""
    for number, line in enumerate(lines, 1):
        if line.strip(b" \t\r\n\xef\xbb\xbf"):
            yield _row(number, line)


def _row(number: int, line: bytes) -> ClaimRow | _BadLine:
    from pydantic import ValidationError

    from api.http.bodies import ClaimBody, claim_row

    try:
        given = json.loads(line.decode("utf-8-sig"))
        if not isinstance(given, dict):
            return _BadLine(number, "must be a JSON object with id, claim and evidence")
        known = {name: given[name] for name in ClaimBody.model_fields if name in given}  # labels may stand beside them
        return claim_row(ClaimBody.model_validate(known))
    except UnicodeDecodeError:
        return _BadLine(number, "is no UTF-8")
    except (ValueError, RecursionError) as error:
        if isinstance(error, ValidationError):
            return _BadLine(number, _problems(error))
        return _BadLine(number, f"is no JSON: {' '.join(str(error).split())[:200]}")


def _problems(error: ValidationError) -> str:
    found = {str(item["loc"][0]): item["msg"] for item in error.errors(include_url=False) if item["loc"]}
    return "; ".join(f"{name}: {message}" for name, message in found.items()) or str(error.errors()[0]["msg"])
