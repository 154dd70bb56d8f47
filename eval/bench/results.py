"""`python -m eval.bench results`: `docs/results.md` from the files that the benchmarks left in `out/bench`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from eval.bench.figures import Figure, Figures, Leaf, branch, from_json
from eval.report.table import Column, Table, markdown, table

_HEAD = """\
# Results

`make bench` writes this page from `out/bench/*.json`. Do not edit it by hand.
A figure stands with its 95 % interval, where it has one, and with the number of repeats or questions (n).
Older records, and what they mean, are in [lab](lab/).
"""
_NONE = "\nNo benchmark was run in this checkout.\n"
_ABOUT = "about"


def results_page(folder: Path) -> str:
    """Return the page of every `NAME.json` in a folder, in the order of their names.

    Raises:
        ValueError: a file is not the JSON object that a benchmark writes.
    """
    parts = [_benchmark(path.stem, _read(path)) for path in sorted(folder.glob("*.json"))]
    return _HEAD + ("".join(parts) or _NONE)


def shown(value: Leaf | Figures) -> str:
    """Return a value as a cell shows it: `0.912 [0.87, 0.95] n 142`, or a text or number as it is."""
    if not isinstance(value, Figure):
        return ", ".join(map(str, value)) if isinstance(value, list) else f"{value}"
    if value.value is None:
        return "unmeasured"
    interval = "" if value.low is None or value.high is None else f" [{_number(value.low)}, {_number(value.high)}]"
    return f"{_number(value.value)}{interval} n {value.n:,}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _read(path: Path) -> Figures:
    try:
        return from_json(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise ValueError(f"{path}: {error}; run the benchmark again") from error


def _benchmark(name: str, figures: Figures) -> str:
    about = branch(figures, _ABOUT)
    date, notes = about.get("date", "without a date"), about.get("notes") or []
    others = ((key, value) for key, value in about.items() if key not in ("date", "notes") and value)
    conditions = "; ".join(f"{key.replace('_', ' ')} {shown(value)}" for key, value in others)
    lines = [f"\n## {name}\n\n`make bench-{name}`, {date}{f'; {conditions}' if conditions else ''}.\n"]
    lines += _tables({key: value for key, value in figures.items() if key != _ABOUT}, ())
    listed = [f"- {note}\n" for note in notes] if isinstance(notes, list) else []
    return "".join([*lines, *["\n"] * bool(listed), *listed])


def _tables(node: Figures, path: tuple[str, ...]) -> Iterator[str]:
    """Yield the tables of a branch: its own figures first, then what lies below it."""
    leaves = {key: value for key, value in node.items() if not isinstance(value, Mapping)}
    branches = {key: value for key, value in node.items() if isinstance(value, Mapping) and value}
    if leaves:
        yield f"{_heading(path)}\n{markdown(_list(leaves))}\n"
    if len(branches) > 1 and not leaves and not any(map(_nested, branches.values())):
        yield f"{_heading(path)}\n{markdown(_matrix(branches))}\n"
        return
    for key, below in branches.items():
        yield from _tables(below, (*path, key))


def _nested(figures: Figures) -> bool:
    return any(isinstance(value, Mapping) for value in figures.values())


def _heading(path: Sequence[str]) -> str:
    return f"\n### {', '.join(path)}\n" if path else ""


def _list(leaves: Mapping[str, Leaf]) -> Table:
    columns = [Column(name, right=False) for name in ("figure", "value", "note")]
    return table("figures", columns, ((f"`{key}`", shown(value), _note(value)) for key, value in leaves.items()))


def _note(value: Leaf) -> str:
    return value.note if isinstance(value, Figure) else ""


def _matrix(branches: Mapping[str, Figures]) -> Table:
    """Return branches as rows of one table; a column is a figure that any of them has."""
    names = list(dict.fromkeys(key for branch in branches.values() for key in branch))
    columns = [Column("", right=False), *(Column(f"`{name}`", right=False) for name in names)]
    rows = (
        [f"`{name}`", *(shown(found[key]) if key in found else "" for key in names)] for name, found in branches.items()
    )
    return table("figures", columns, rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page from the command line."""
    parser = argparse.ArgumentParser(prog="eval.bench results", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--bench", type=Path, default=Path("out/bench"), help="folder of the benchmarks' JSON files")
    parser.add_argument("--page", type=Path, default=Path("docs/results.md"), help="the page to write")
    chosen = parser.parse_args(argv)
    try:
        page = results_page(chosen.bench)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    chosen.page.write_text(page, encoding="utf-8")
    return 0
