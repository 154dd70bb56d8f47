"""A comparison or a gate's decision as the files that CI shows: JSON, Markdown for a pull request, JUnit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.files import utf8, write_files
from eval.gate.cases import undecided_lines
from eval.gate.compare import same_everywhere
from eval.gate.differs import difference_lines
from eval.report.junit import gate_junit_xml
from eval.report.text import md, number, warning_lines
from eval.report.write import Page, write_pages

Json = Mapping[str, Any]

_SHOWN_FLIPS = 50
_ALPHA = 0.05
_SHOWN_CHARACTERS = 600


def write_comparison(comparison: Json, folder: Path) -> None:
    """Write comparison.json and summary.md.

    Raises:
        ConfigError: the folder cannot be written.
        ReportError: the comparison is there, but not its summary.
    """
    write_files(folder, [("comparison.json", _json(comparison))])
    write_pages(folder, {"summary.md": lambda: utf8(comparison_markdown(comparison))}, kept="the data")


def write_decision(decision: Json, comparison: Json, folder: Path) -> None:
    """Write gate.json, comparison.json, junit.xml and summary.md.

    Raises:
        ConfigError: the folder cannot be written.
        ReportError: decision and comparison are there, but a page of them is not.
    """
    write_files(folder, [("comparison.json", _json(comparison)), ("gate.json", _json(decision))])
    pages: dict[str, Page] = {
        "junit.xml": lambda: gate_junit_xml(decision),
        "summary.md": lambda: utf8(f"{gate_markdown(decision)}\n{comparison_markdown(comparison)}"),
    }
    write_pages(folder, pages, kept="gate.json and comparison.json")


def gate_markdown(decision: Json) -> str:
    """Return the verdict, every gated metric, every required slice and what is missing, in GitHub's Markdown."""
    lines = [f"## Gate: {decision['verdict']}", ""]
    lines += [md(f"{decision['set']['name']}: candidate {decision['candidate']}, baseline {decision['baseline']}."), ""]
    lines += warning_lines(decision["warnings"])
    lines += ["| verdict | metric | baseline | candidate | difference | 95 % interval | margin | MDE | n | |"]
    lines += ["|---|---|---:|---:|---:|---:|---:|---:|---:|---|"]
    lines += [_row(_gated_cells(name, item)) for name, item in decision["metrics"].items()]
    if decision["required"]:
        lines += ["", "| verdict | required | passed | at least, at most (one-sided 95 %) | |"]
        lines += ["|---|---|---:|---:|---|"]
        lines += [_row(_required_cells(item)) for item in decision["required"]]
    lines += [f"\n**FAIL**: case `{case}` must pass but is broken." for case in decision["must_pass_broken"]]
    for name, found in decision["undecided"].items():
        lines += ["", *(f"- {md(line.strip())}" for line in undecided_lines(name, found, found["unit"]))]
    lines += [f"\n**INCONCLUSIVE**: {md(reason)}." for reason in filter(None, [decision["unsigned"]])]
    return "\n".join(lines) + "\n"


def comparison_markdown(comparison: Json) -> str:
    """Return the differences, the slices with their corrected p, and the flipped cases with both answers."""
    old, new = comparison["baseline"]["settings"], comparison["candidate"]["settings"]
    lines = ["## Comparison", ""]
    lines += [md(f"{comparison['set']['name']}, {comparison['cases']} cases: {new} (candidate) against {old}."), ""]
    lines += warning_lines(comparison["warnings"])
    lines += [f"- {md(line)}" for line in difference_lines(comparison["differences"])] + [""]
    lines += ["| metric | baseline | candidate | difference | 95 % interval | p | MDE | n | more cases |"]
    lines += ["|---|---:|---:|---:|---:|---:|---:|---:|---:|"]
    same = same_everywhere(comparison)
    for name, item in comparison["metrics"].items():
        if name not in same:
            marked = f"**{name}** (primary)" if name == comparison["primary"] else name
            lines.append(_row([marked, *_difference_cells(item, item["unit"]), _more(item)]))
    lines += ["", "More cases: how many more would find a difference of the size seen, with 80 % power."]
    lines += [f"The same in every case: {', '.join(same)}."] * bool(same)
    return "\n".join([*lines, *_slice_lines(comparison["slices"]), *_flip_lines(comparison)]) + "\n"


def _gated_cells(name: str, item: Json) -> list[str]:
    margin, mde = (number(item[key], "share") for key in ("margin", "mde"))
    baseline, candidate, value, bounds, _, _, n = _difference_cells(item, "share")
    return [f"**{item['verdict']}**", name, baseline, candidate, value, bounds, margin, mde, n, item["reason"]]


def _required_cells(item: Json) -> list[str]:
    bounds = "–" if item["low"] is None else f"{item['low']:.1%}, {item['high']:.1%}"
    broken = ", ".join(f"`{case}`" for case in item["broken"][:_SHOWN_FLIPS])
    reason = f"{item['reason']}{': ' if broken else ''}{broken}"
    name = item["name"] if item["set"] is None else f"{item['name']} (set {item['set']})"
    return [f"**{item['verdict']}**", name, f"{item['passed']}/{item['n']}", bounds, reason]


def _difference_cells(item: Json, unit: str) -> list[str]:
    bounds = "–" if item["low"] is None else f"[{number(item['low'], unit)}, {number(item['high'], unit)}]"
    p = "–" if item["p"] is None else f"{item['p']:.3f}"
    values = [number(item[key], unit) for key in ("baseline", "candidate", "value")]
    return [*values, bounds, p, number(item["mde"], unit), str(item["n"])]


def _more(item: Json) -> str:
    return "–" if item["more_cases"] is None else f"{item['more_cases']:,}"


def _slice_lines(slices: Sequence[Json]) -> Iterator[str]:
    if not slices:
        return
    found = sum(item["p_adjusted"] <= _ALPHA for item in slices)
    yield from ("", "### Slices", "")
    yield f"{found} of {len(slices)} differ at a false discovery rate of 5 % (Benjamini-Hochberg)."
    changed = [item for item in slices if item["changed"]]
    if not changed:
        return
    yield from ("", "| slice | metric | baseline | candidate | difference | 95 % interval | p | MDE | n | p adjusted |")
    yield "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    for item in sorted(changed, key=lambda item: item["p_adjusted"]):
        mark = "**" if item["p_adjusted"] <= _ALPHA else ""
        name = f"{item['dimension']}: {item['name']}"
        yield _row([name, item["metric"], *_difference_cells(item, "share"), f"{mark}{item['p_adjusted']:.3f}{mark}"])


def _flip_lines(comparison: Json) -> Iterator[str]:
    flipped = sorted(comparison["flipped"], key=lambda item: not item["now_broken"])
    worse = sum(item["now_broken"] for item in flipped)
    yield from ("", "### Flipped cases", "")
    p = comparison["mcnemar_p"]
    yield f"{worse} broke, {len(flipped) - worse} were mended (McNemar exact p = {p:.3f})."
    for item in flipped[:_SHOWN_FLIPS]:
        change = " → ".join(item[side]["broken"] or "well" for side in ("baseline", "candidate"))
        title = f"{'Broke' if item['now_broken'] else 'Mended'}: {md(item['question'])} ({change})"
        yield f"\n<details><summary>{title}</summary>\n"
        yield f"`{item['id']}`\n"
        for side in ("baseline", "candidate"):
            yield f"- {side}: {md(_answer(item[side]))}"
        yield "\n</details>"
    if len(flipped) > _SHOWN_FLIPS:
        yield f"\nand {len(flipped) - _SHOWN_FLIPS} more in comparison.json"


def _answer(side: Json) -> str:
    text = side["answer"] or f"abstained: {side['reason'] or 'no reason given'}"
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(md, cells))} |"


def _json(value: Json) -> bytes:
    return utf8(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n")
