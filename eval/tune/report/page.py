"""The page of a sweep: one file, no network, readable without scripts, in light and dark, on screen and paper."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from eval.report.table import Table, html
from eval.tune.outcome import BEST, Flip, Outcome, write_text
from eval.tune.points import DEFAULT
from eval.tune.report import charts, insight, tables
from eval.tune.report.verdict import chosen as chosen_candidate
from eval.tune.report.verdict import first, leading, verdict
from eval.tune.report.words import amount, counted, delta, delta_interval, duration, percent

REPORT = "report.html"

_SPLITS = ("dev", "select")  # those of a set; halves of one without splits are made by the sweep
_FEW = 15  # rows of a table that stand open
_FEW_FLIPS = 8

_PARTS = (
    ("gain", "Gain"),
    ("candidates", "Candidates"),
    ("learning", "Learning curve"),
    ("pareto", "Pareto front"),
    ("importance", "Importance"),
    ("sensitivity", "Sensitivity"),
    ("trials", "Trials"),
    ("race", "Dropped"),
    ("slices", "Slices"),
    ("questions", "Questions"),
    ("tried", "What was tried"),
    ("use", "How to use it"),
)


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure in large print."""

    value: str
    name: str
    note: str


@dataclass(frozen=True, slots=True)
class Flips:
    """Questions that went one way: the first few as a table, the rest as another."""

    title: str
    few: Markup | None
    rest: Markup | None
    more: int


def write_report(outcome: Outcome, folder: Path) -> None:
    """Write `report.html`.

    Raises:
        ConfigError: the folder cannot be written.
    """
    write_text(folder / REPORT, render(outcome, folder))


def render(outcome: Outcome, folder: Path) -> str:
    """Return the whole page; every text of questions, documents and settings is escaped. `folder` has `best.yaml`."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    loader = ChoiceLoader([PackageLoader("eval.tune.report", "templates"), PackageLoader("eval.report", "templates")])
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    metric, lost = first(outcome), tables.dropped(outcome)
    return environment.get_template("sweep.html.j2").render(
        title=outcome.sweep.spec.name,
        ended=f"{outcome.ended_at:%Y-%m-%d %H:%M}",
        verdict=verdict(outcome),
        parts=_PARTS,
        role=tables.long_role(outcome),
        tiles=list(_tiles(outcome)),
        tables={key: Markup(html(one)) if one else None for key, one in _tables(outcome).items()},
        plots={key: Markup(plot) if plot else None for key, plot in _plots(outcome).items()},
        candidates_caption=f"Confirmed change of {metric.name}, 95 % intervals; right is better",
        no_candidates=_no_candidates(outcome),
        front=insight.front(outcome),
        importance_note=insight.IMPORTANCE,
        sensitivity_note=insight.sensitivity_note(outcome),
        sensitivity_caption=f"Change of {metric.name} if one setting takes another value; right is better",
        keys=json.dumps(charts.searched_keys(outcome)),
        few=len(outcome.trials) <= _FEW,
        trial_count=counted(len(outcome.trials), "trial"),
        few_dropped=len(lost) <= _FEW,
        dropped_count=f"{counted(len(lost), 'trial was', 'trials were')} dropped",
        slices_caption=f"Change of {metric.name}, 95 % intervals; right is better",
        flips=list(_flips(outcome)),
        no_slices="No slice has questions enough." if outcome.winner else "The default stays, so no slice changes.",
        no_flips=_no_flips(outcome),
        facts=list(facts(outcome)),
        saved=saved(outcome),
        commands=list(commands(outcome, folder)),
    )


def commands(outcome: Outcome, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield what a reader may do next, with the command."""
    corpus = shlex.quote(next((one.corpus for one in outcome.sets if one.corpus), None) or "CORPUS")
    config = shlex.quote(str(folder / BEST))
    if any(key in outcome.sweep.builds for key, _ in outcome.best.values):
        command = f"ragwright ingest SOURCE --corpus {corpus} --config {config}"
        yield "These settings need an index of their own, so ingest the documents first:", command
    ask = f"ragwright ask QUESTION --corpus {corpus} --config {config}"
    if outcome.winner is None:
        yield f"{BEST} has the default's settings, so nothing needs to change. To ask with them:", ask
    else:
        yield "Ask with the best settings:", ask
    golden, split = str(outcome.sweep.spec.sets[0].set), outcome.sets[0].confirm_split if outcome.sets else None
    golden = "SET" if "*" in golden or "$" in golden else shlex.quote(golden)
    part = f" --split {split}" if split in _SPLITS else ""
    command = f"ragwright eval {golden} --corpus {corpus}{part} --config {config} --out out/best"
    yield "Measure them with every metric, answer by answer:", command


def facts(outcome: Outcome) -> Iterator[tuple[str, str]]:
    """Yield what was tried, in the order in which a reader asks."""
    spec = outcome.sweep.spec
    whole = sum(trial.whole for trial in outcome.trials)
    yield (
        "trials",
        (
            f"{len(outcome.trials):,} of {counted(outcome.grid, 'distinct setting')}, "
            f"{whole:,} asked every question, {len(tables.dropped(outcome)):,} dropped"
        ),
    )
    share = percent(outcome.spent / outcome.affordable) if outcome.affordable else "–"
    yield (
        "work",
        f"{counted(outcome.spent, 'question evaluation')} of {outcome.affordable:,} that the budget allows ({share})",
    )
    yield "search", f"{spec.search}, seed {spec.seed}"
    yield "objectives", ", ".join(f"{item.name} ({item.metric.better} is better)" for item in outcome.sweep.objectives)
    yield "constraints", ", ".join(item.text() for item in outcome.sweep.constraints) or "none"
    yield "budget", _budget(outcome)
    yield "took", f"{duration(outcome.seconds)}, {outcome.usd:.2f} USD for language models"
    yield "ended", f"early: {outcome.stopped}" if outcome.stopped else "when the search was done"
    yield "sweep", outcome.id[:12]


def saved(outcome: Outcome) -> str:
    """Return what the stage cache saved, in one sentence."""
    seconds = sum(one.saved_s for one in outcome.reuse.values())
    hits, misses = (sum(getattr(one, part) for one in outcome.reuse.values()) for part in ("hits", "misses"))
    if not hits:
        return "The stage cache had nothing to reuse."
    return (
        f"The stage cache saved {duration(seconds)} of computing: {hits:,} of {hits + misses:,} results of stages "
        "were at hand."
    )


def _tiles(outcome: Outcome) -> Iterator[Tile]:
    metric, point, found = first(outcome), leading(outcome), chosen_candidate(outcome)
    if found is not None and found.gains:
        gain = found.gains[0]
        around = delta_interval(gain.difference.low, gain.difference.high, metric)
        note = f"95 % [{around}], {counted(gain.difference.n, 'unseen question')}"
        yield Tile(delta(gain.difference.value, metric), f"{metric.name}, confirmed", note)
        yield Tile(delta(gain.in_sample, metric), "in the search", "on the questions that chose it")
        yield Tile(tables.optimism(gain, metric), "optimism", "the search minus the confirmation")
    else:
        trial = next((one for one in outcome.trials if one.point == point), None)
        value = delta(trial.gain, metric) if trial else "–"
        yield Tile(value, f"{metric.name}, in the search", "not confirmed")
    if outcome.confirmation is not None:
        noise = amount(outcome.confirmation.noise.default, metric)
        yield Tile(noise, "A/A noise floor", "the default against itself")
    work = f"of {counted(outcome.grid, 'distinct setting')}, in {duration(outcome.seconds)}"
    yield Tile(f"{len(outcome.trials):,}", "trial" if len(outcome.trials) == 1 else "trials", work)


def _tables(outcome: Outcome) -> dict[str, Table | None]:
    """Return the page's tables by name, None where there is nothing to show."""
    return {
        "settings": tables.settings_table(outcome),
        "gains": tables.gains_table(outcome),
        "constraints": tables.constraints_table(outcome),
        "candidates": tables.candidates_table(outcome),
        "front": insight.front_table(outcome),
        "dominated": insight.dominated_table(outcome),
        "importance": insight.importance_table(outcome),
        "sensitivity": insight.sensitivity_table(outcome),
        "trials": tables.trials_table(outcome, outcome.trials),
        "dropped": tables.dropped_table(outcome),
        "slices": tables.slices_table(outcome),
        "space": tables.space_table(outcome),
        "sets": tables.sets_table(outcome),
        "reuse": tables.reuse_table(outcome),
    }


def _plots(outcome: Outcome) -> Mapping[str, str | None]:
    return {
        "candidates": charts.candidates_plot(outcome),
        "learning": charts.learning_plot(outcome),
        **insight.front_plots(outcome),
        "importance": insight.importance_plot(outcome),
        "sensitivity": insight.sensitivity_plot(outcome),
        "parallel": charts.parallel_plot(outcome, charts.searched_keys(outcome)),
        "race": charts.race_plot(outcome),
        "slices": charts.slices_plot(outcome),
    }


def _flips(outcome: Outcome) -> Iterator[Flips]:
    for word, sign in (("mended", 1), ("broken", -1)):
        found = sorted((one for one in outcome.flips if one.gain * sign > 0), key=lambda one: -abs(one.gain))
        few, rest = found[:_FEW_FLIPS], found[_FEW_FLIPS:]
        if found:
            title = counted(len(found), f"question {word}", f"questions {word}")
            yield Flips(title, _flip_rows(outcome, few), _flip_rows(outcome, rest), len(rest))


def _flip_rows(outcome: Outcome, found: Sequence[Flip]) -> Markup | None:
    return Markup(html(tables.flips_table(outcome, found))) if found else None


def _no_flips(outcome: Outcome) -> str:
    if outcome.confirmation is None:
        return "Nothing was confirmed, so no question was compared."
    if outcome.best == DEFAULT:
        return "The default stays, so no question changes."
    return "No question of the confirmation changes."


def _no_candidates(outcome: Outcome) -> str:
    if outcome.confirmation is not None:
        return "The search found no setting that was worth a confirmation."
    if outcome.stopped:
        return f"Nothing was confirmed: {outcome.stopped}."
    if not any(one.confirm for one in outcome.sets):
        return "Nothing was confirmed: no set keeps a split apart for it. Give the sets a select split."
    return "Nothing was confirmed."


def _budget(outcome: Outcome) -> str:
    budget = outcome.sweep.spec.budget
    limits = [f"{budget.trials} trials"] if budget.trials else []
    limits += [f"{budget.minutes:g} minutes"] if budget.minutes else []
    limits += [f"{budget.usd:g} USD"] if budget.usd else []
    return ", ".join([*limits, f"{percent(budget.share)} of the work of asking every setting everything"])
