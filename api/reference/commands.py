"""`docs/cli.md`: every verb of the command line with its arguments, made from the parser itself."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from api.cli.arguments import build_parser

_HEAD = """\
# Command line

This page is made from the code: `make docs` writes it. `ragwright VERB --help` says the same.

Every verb takes the common options:

"""
_CODES = """
`--json` puts one JSON document on standard output. Logs stay on standard error.
A refused question is a normal result: exit code 0 and `"abstained": true`.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | error |
| 2 | usage: an unknown option, key or value |
| 3 | done, but some documents failed (named in `status`) |
| 100 | gate: failed |
| 101 | gate: inconclusive |

```bash
ragwright status --corpus demo --json
```
"""
_COMMON = "common options"


def cli_page() -> str:
    """Return the page."""
    verbs = list(verbs_of(build_parser()))
    common = "".join(_rows(_group(verbs[0][1], _COMMON)))
    return _HEAD + _table(common) + _CODES + "".join(_verb(name, parser) for name, parser in verbs)


def verbs_of(parser: argparse.ArgumentParser, prefix: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield every verb as it is typed after `ragwright`, with its parser."""
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not groups:
        yield prefix.strip(), parser
    for group in groups:
        for name, child in group.choices.items():
            yield from verbs_of(child, f"{prefix} {name}")


def _verb(name: str, parser: argparse.ArgumentParser) -> str:
    common = {id(action) for action in _group(parser, _COMMON)}
    own = [action for action in parser._actions if id(action) not in common]
    rows = "".join(_rows(own))
    return f"\n## `ragwright {name}`\n\n{_sentence(parser.description or '')}\n" + (f"\n{_table(rows)}" if rows else "")


def _group(parser: argparse.ArgumentParser, title: str) -> list[argparse.Action]:
    return [action for group in parser._action_groups if group.title == title for action in group._group_actions]


def _rows(actions: list[argparse.Action]) -> Iterator[str]:
    for action in actions:
        if action.help is argparse.SUPPRESS or isinstance(action, argparse._HelpAction):
            continue
        names = " ".join(f"`{part}`" for part in _typed(action))
        notes = [action.help or "", "required" if action.required and action.option_strings else ""]
        yield f"| {names} | {'; '.join(note for note in notes if note)} |\n"


def _typed(action: argparse.Action) -> Iterator[str]:
    metavar = str(action.metavar or action.dest.upper())
    if not action.option_strings:
        yield f"[{metavar}...]" if action.nargs == "*" else f"{metavar}..." if action.nargs == "+" else metavar
    for option in action.option_strings:
        yield option if action.nargs == 0 else f"{option} {metavar}"


def _table(rows: str) -> str:
    return f"| argument | meaning |\n|---|---|\n{rows}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
