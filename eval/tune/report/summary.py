"""A sweep in brief: `summary.md` for a pull request, and the text of a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

from eval.report.table import Table, markdown, md, terminal
from eval.tune.outcome import Outcome, write_text
from eval.tune.report import insight, tables
from eval.tune.report.page import REPORT, commands, facts, saved
from eval.tune.report.tables import optimism
from eval.tune.report.verdict import chosen, gains, verdict
from eval.tune.report.words import counted, listed

SUMMARY = "summary.md"

_MOST_ROWS = 10


def write_summary(outcome: Outcome, folder: Path) -> None:
    """Write `summary.md`.

    Raises:
        ConfigError: the folder cannot be written.
    """
    write_text(folder / SUMMARY, render_markdown(outcome, folder))


def render_markdown(outcome: Outcome, folder: Path) -> str:
    """Return what a pull request needs, in GitHub's Markdown."""
    found = verdict(outcome)
    lines = [f"## Sweep {md(outcome.sweep.spec.name)}: {found.short}", "", f"**{md(found.sentence)}**", ""]
    lines += [line for beside in found.beside for line in (f"> {md(beside)}", "")]
    for one in _shown(outcome):
        lines += [f"### {one.title}", "", markdown(one), ""]
    lines += [*_questions(outcome), "### What was tried", ""]
    lines += [f"- {key}: {md(value)}" for key, value in facts(outcome)]
    lines += ["", md(saved(outcome)), "", "### How to use it", ""]
    for what, command in commands(outcome, folder):
        lines += [what, "", "```sh", command, "```", ""]
    lines += [f"`{REPORT}` beside this file has the learning curve, every trial and every question."]
    return "\n".join(lines) + "\n"


def text(outcome: Outcome, width: int = 110, folder: Path | None = None, color: bool = False) -> str:
    """Return the end of a sweep for a terminal of so many columns: the verdict, then a small table."""
    found = verdict(outcome)
    lines = [line for part in (found.sentence, *found.beside) for line in _wrapped(part, width)]
    shown = [one for one in (tables.settings_table(outcome), tables.gains_table(outcome)) if one is not None]
    brief = [_without_notes(one) for one in shown]
    below = [line for part in _closing(outcome, folder) for line in _wrapped(part, width)]
    return terminal([], [found.short, *lines], width=width, color=color) + terminal(
        brief, below, width=width, color=color
    )


def _shown(outcome: Outcome) -> Iterator[Table]:
    made = (
        tables.settings_table(outcome),
        tables.gains_table(outcome),
        tables.constraints_table(outcome),
        tables.candidates_table(outcome),
        insight.importance_table(outcome),
        tables.slices_table(outcome),
    )
    yield from (_cut(one) for one in made if one is not None)


def _cut(value: Table) -> Table:
    """Return a table with the first rows alone, and a note that says so."""
    rows = [row for group in value.groups for row in group.rows]
    if len(rows) <= _MOST_ROWS:
        return value
    group = value.groups[0]
    kept = type(group)(group.title, tuple(rows[:_MOST_ROWS]))
    more = f"{counted(len(rows) - _MOST_ROWS, 'more row')} in {REPORT}."
    return Table(value.title, value.columns, (kept,), (more, *value.notes))


def _without_notes(value: Table) -> Table:
    return Table(value.title, value.columns, value.groups)


def _questions(outcome: Outcome) -> list[str]:
    mended = sum(flip.gain > 0 for flip in outcome.flips)
    broken = sum(flip.gain < 0 for flip in outcome.flips)
    if not mended and not broken:
        return []
    return [f"{counted(mended, 'question')} mended, {broken:,} broken; {REPORT} has them.", ""]


def _closing(outcome: Outcome, folder: Path | None) -> Iterator[str]:
    found = chosen(outcome)
    if found is not None:
        parts = [f"{optimism(gain, metric)} of {metric.name}" for metric, gain in gains(outcome, found)]
        yield f"The search promised too much by {listed(parts)} (optimism)."
    tried = dict(facts(outcome))
    yield f"{tried['trials']}; {tried['work']}; {tried['took']}."
    yield saved(outcome)
    if folder is not None:
        yield f"{folder / REPORT} has the rest. To use it: --config {folder / 'best.yaml'}"


def _wrapped(line: str, width: int) -> list[str]:
    return textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False)
