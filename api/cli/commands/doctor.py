"""doctor."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from api.cli.commands.session import settings_of
from api.cli.grammar import add_verb
from api.cli.output import print_json, print_text, table
from api.errors import EXIT_DONE, EXIT_ERROR

if TYPE_CHECKING:
    from api.cli.grammar import Verbs


def add_verbs(verbs: Verbs) -> None:
    """Add `doctor`."""
    doctor_verb = add_verb(
        verbs, "doctor", doctor, "check packages, model, disk, and that every index holds what it should"
    )
    doctor_verb.add_argument("--repair", action="store_true", help="mend what is wrong with the indexes, then check")


def doctor(arguments: argparse.Namespace) -> int:
    """Print every check; exit 1 if one failed."""
    from dataclasses import asdict

    from api.cli.examine import examine

    checks = list(examine(settings_of(arguments), repair=arguments.repair))
    ok = all(check.ok for check in checks)
    if arguments.json:
        print_json({"ok": ok, "checks": [asdict(check) for check in checks]})
    else:
        print_text(table(("CHECK", "", "FOUND"), [(c.name, "ok" if c.ok else "FAILED", c.detail) for c in checks]))
    return EXIT_DONE if ok else EXIT_ERROR
