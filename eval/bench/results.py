"""`python -m eval.bench results`: `docs/results.md` from the files that the benchmarks left in `out/bench`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

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


def is_figure(value: object) -> bool:
    """Tell whether a value of the JSON is a figure: `{"value", "n", ...}`."""
    return isinstance(value, Mapping) and {"value", "n"} <= value.keys()


def shown(value: object) -> str:
    """Return a value as a cell shows it: `0.912 [0.87, 0.95] n 142`, or a text or number as it is."""
    if not isinstance(value, Mapping):
        return ", ".join(map(str, value)) if isinstance(value, list) else f"{value}"
    if value["value"] is None:
        return "unmeasured"
    low, high = value.get("low"), value.get("high")
    interval = "" if low is None or high is None else f" [{_number(low)}, {_number(high)}]"
    return f"{_number(value['value'])}{interval} n {value['n']:,}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _read(path: Path) -> Mapping[str, Any]:
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds no JSON object; run the benchmark again")
    return found


def _benchmark(name: str, figures: Mapping[str, Any]) -> str:
    about = dict(figures.get(_ABOUT, {}))
    notes = about.pop("notes", [])
    date = about.pop("date", "without a date")
    conditions = "; ".join(f"{key.replace('_', ' ')} {shown(value)}" for key, value in about.items() if value)
    lines = [f"\n## {name}\n\n`make bench-{name}`, {date}{f'; {conditions}' if conditions else ''}.\n"]
    lines += _tables({key: value for key, value in figures.items() if key != _ABOUT}, ())
    return "".join(lines) + "".join(["\n", *(f"- {note}\n" for note in notes)] if notes else [])


def _tables(node: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """Yield the tables of a branch: its own figures first, then what lies below it."""
    leaves = {key: value for key, value in node.items() if _is_leaf(value)}
    branches = {key: value for key, value in node.items() if not _is_leaf(value) and value}
    if leaves:
        yield _heading(path) + _list(leaves)
    if len(branches) > 1 and not leaves and all(_is_row(branch) for branch in branches.values()):
        yield _heading(path) + _matrix(branches)
        return
    for key, branch in branches.items():
        yield from _tables(branch, (*path, key))


def _is_leaf(value: object) -> bool:
    return not isinstance(value, Mapping) or is_figure(value)


def _is_row(branch: Mapping[str, Any]) -> bool:
    return all(_is_leaf(value) for value in branch.values())


def _heading(path: Sequence[str]) -> str:
    return f"\n### {', '.join(path)}\n" if path else ""


def _list(leaves: Mapping[str, Any]) -> str:
    return "\n| figure | value | note |\n|---|---|---|\n" + "".join(
        _row([f"`{key}`", shown(value), _note(value)]) for key, value in leaves.items()
    )


def _note(value: object) -> str:
    return str(value.get("note", "")) if isinstance(value, Mapping) else ""


def _matrix(branches: Mapping[str, Mapping[str, Any]]) -> str:
    """Return branches as rows of one table; a column is a figure that any of them has."""
    columns = list(dict.fromkeys(key for branch in branches.values() for key in branch))
    rows = [
        [f"`{name}`", *(shown(branch[key]) if key in branch else "" for key in columns)]
        for name, branch in branches.items()
    ]
    head = _row(["", *(f"`{key}`" for key in columns)])
    return f"\n{head}|{'---|' * (len(columns) + 1)}\n" + "".join(map(_row, rows))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


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
