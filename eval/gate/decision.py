"""A comparison or a gate's decision as the files that CI shows: JSON, Markdown for a pull request, JUnit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from eval.files import json_bytes, utf8, write_files
from eval.gate.cases import undecided_lines
from eval.gate.compare import difference_cells, difference_columns, difference_table, same_everywhere
from eval.gate.differs import difference_lines
from eval.report.junit import gate_junit_xml
from eval.report.table import Cell, Column, Row, Table, markdown, md, table
from eval.report.text import number, warning_lines
from eval.report.write import Page, write_pages
from eval.results.compared import Comparison, Decision, Flip, GatedMetric, RequiredResult, Side, SliceDifference

_SHOWN_FLIPS = 50
_ALPHA = 0.05
_SHOWN_CHARACTERS = 600


def write_comparison(comparison: Comparison, folder: Path) -> None:
    """Write comparison.json and summary.md.

    Raises:
        ConfigError: the folder cannot be written.
        ReportError: the comparison is there, but not its summary.
    """
    write_files(folder, [("comparison.json", json_bytes(comparison))])
    write_pages(folder, {"summary.md": lambda: utf8(comparison_markdown(comparison))}, kept="the data")


def write_decision(decision: Decision, comparison: Comparison, folder: Path) -> None:
    """Write gate.json, comparison.json, junit.xml and summary.md.

    Raises:
        ConfigError: the folder cannot be written.
        ReportError: decision and comparison are there, but a page of them is not.
    """
    write_files(folder, [("comparison.json", json_bytes(comparison)), ("gate.json", json_bytes(decision))])
    pages: dict[str, Page] = {
        "junit.xml": lambda: gate_junit_xml(decision),
        "summary.md": lambda: utf8(f"{gate_markdown(decision)}\n{comparison_markdown(comparison)}"),
    }
    write_pages(folder, pages, kept="gate.json and comparison.json")


def gate_markdown(decision: Decision) -> str:
    """Return the verdict, every gated metric, every required slice and what is missing, in GitHub's Markdown."""
    lines = [f"## Gate: {decision.verdict}", ""]
    lines += [md(f"{decision.set.name}: candidate {decision.candidate}, baseline {decision.baseline}."), ""]
    lines += [*warning_lines(decision.warnings), markdown(_gated_table(decision))]
    if decision.required:
        lines += ["", markdown(_required_table(decision))]
    lines += [f"\n**FAIL**: case `{case}` must pass but is broken." for case in decision.must_pass_broken]
    for name, found in decision.undecided.items():
        lines += ["", *(f"- {md(line.strip())}" for line in undecided_lines(name, found))]
    lines += [f"\n**INCONCLUSIVE**: {md(reason)}." for reason in filter(None, [decision.unsigned])]
    return "\n".join(lines) + "\n"


def comparison_markdown(comparison: Comparison) -> str:
    """Return the differences, the slices with their corrected p, and the flipped cases with both answers."""
    old, new = comparison.baseline.settings, comparison.candidate.settings
    lines = ["## Comparison", ""]
    lines += [md(f"{comparison.set.name}, {comparison.cases} cases: {new} (candidate) against {old}."), ""]
    lines += warning_lines(comparison.warnings)
    lines += [f"- {md(line)}" for line in difference_lines(comparison.differences)] + [""]
    same = same_everywhere(comparison)
    notes = ["More cases: how many more would find a difference of the size seen, with 80 % power."]
    notes += [f"The same in every case: {', '.join(same)}."] * bool(same)
    differing = [name for name in comparison.metrics if name not in same]
    lines += [markdown(difference_table(comparison, [differing], notes))]
    return "\n".join([*lines, *_slice_lines(comparison.slices), *_flip_lines(comparison)]) + "\n"


def _gated_table(decision: Decision) -> Table:
    figures = ("baseline", "candidate", "difference", "95 % interval", "margin", "MDE", "n")
    names = (Column("verdict", right=False), Column("metric", right=False))
    columns = [*names, *map(Column, figures), Column("", right=False)]
    return table("Gated metrics", columns, (_gated_row(name, item) for name, item in decision.metrics.items()))


def _gated_row(name: str, item: GatedMetric) -> Row:
    baseline, candidate, value, bounds, _, mde, n = difference_cells(item.difference, "share")
    margin = number(item.margin, "share")
    return (Cell(item.verdict, strong=True), name, baseline, candidate, value, bounds, margin, mde, n, item.reason)


def _required_table(decision: Decision) -> Table:
    columns = (
        Column("verdict", right=False),
        Column("required", right=False),
        Column("passed"),
        Column("at least, at most (one-sided 95 %)"),
        Column("", right=False),
    )
    return table("Required slices", columns, map(_required_row, decision.required))


def _required_row(item: RequiredResult) -> Row:
    bounds = "–" if item.low is None else f"{item.low:.1%}, {item.high:.1%}"
    broken = ", ".join(f"`{case}`" for case in item.broken[:_SHOWN_FLIPS])
    reason = f"{item.reason}{': ' if broken else ''}{broken}"
    name = item.name if item.set is None else f"{item.name} (set {item.set})"
    return (Cell(item.verdict, strong=True), name, f"{item.passed}/{item.n}", bounds, reason)


def _slice_lines(slices: Sequence[SliceDifference]) -> Iterator[str]:
    if not slices:
        return
    found = sum(item.p_adjusted <= _ALPHA for item in slices)
    yield from ("", "### Slices", "")
    yield f"{found} of {len(slices)} differ at a false discovery rate of 5 % (Benjamini-Hochberg)."
    changed = sorted((item for item in slices if item.difference.changed), key=lambda item: item.p_adjusted)
    if changed:
        columns = (*difference_columns("slice", "metric"), Column("p adjusted"))
        yield from ("", markdown(table("Slices", columns, map(_slice_row, changed))))


def _slice_row(item: SliceDifference) -> Row:
    adjusted = Cell(f"{item.p_adjusted:.3f}", strong=item.p_adjusted <= _ALPHA)
    return (f"{item.dimension}: {item.name}", item.metric, *difference_cells(item.difference, "share"), adjusted)


def _flip_lines(comparison: Comparison) -> Iterator[str]:
    flipped = sorted(comparison.flipped, key=lambda item: not item.now_broken)
    worse = sum(item.now_broken for item in flipped)
    yield from ("", "### Flipped cases", "")
    p = comparison.mcnemar_p
    yield f"{worse} broke, {len(flipped) - worse} were mended (McNemar exact p = {p:.3f})."
    for item in flipped[:_SHOWN_FLIPS]:
        yield from _flip_details(item)
    if len(flipped) > _SHOWN_FLIPS:
        yield f"\nand {len(flipped) - _SHOWN_FLIPS} more in comparison.json"


def _flip_details(item: Flip) -> Iterator[str]:
    sides = {"baseline": item.baseline, "candidate": item.candidate}
    change = " → ".join(side.broken or "well" for side in sides.values())
    title = f"{'Broke' if item.now_broken else 'Mended'}: {md(item.question)} ({change})"
    yield f"\n<details><summary>{title}</summary>\n"
    yield f"`{item.id}`\n"
    for name, side in sides.items():
        yield f"- {name}: {md(_answer(side))}"
    yield "\n</details>"


def _answer(side: Side) -> str:
    text = side.answer or f"abstained: {side.reason or 'no reason given'}"
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
