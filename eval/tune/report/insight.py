"""What the trials together say: trades between objectives, which settings matter, and how safe the best one stands."""

from __future__ import annotations

import math
from dataclasses import dataclass

from eval.metrics import Metric
from eval.report.plots import Bar, bars
from eval.report.table import Cell, Column, Row, Table, table
from eval.tune.analysis import Analysis, Dominated, Neighbour
from eval.tune.outcome import Outcome, Trial
from eval.tune.points import DEFAULT, Point, Value
from eval.tune.report.charts import change
from eval.tune.report.plots import Dot, Role, differences, scatter
from eval.tune.report.verdict import first, leading
from eval.tune.report.words import counted, delta, figure, in_points, name, percent, shown, value_of
from eval.tune.spec import Objective

_MOST_NEIGHBOURS = 24

IMPORTANCE = (
    "How much of the differences over the whole space the values of one setting alone explain; the rest is what they "
    "do together. A setting near 0 can stay as it is. One that explains much deserves a finer search."
)
SENSITIVITY = (
    "What happens if one setting alone takes another value. Neighbours that do about as well mean a plateau, a safe "
    "choice. A steep fall on both sides means a peak, which other questions may move. Hollow: predicted, not asked."
)


@dataclass(frozen=True, slots=True)
class Front:
    """The text of the Pareto front: how to read it, its plots with captions, and how many settings are dominated."""

    intro: str
    plots: tuple[tuple[str, str], ...]
    dominated: int


def analysis(outcome: Outcome) -> Analysis:
    """Return what the search taught; nothing where it was not analysed."""
    return outcome.analysis or Analysis((), (), (), (), ())


def front(outcome: Outcome) -> Front | None:
    """Return the Pareto front's text; None where there is one objective only."""
    if len(outcome.sweep.objectives) < 2 or not analysis(outcome).front:
        return None
    names = [item.name for item in outcome.sweep.objectives]
    intro = (
        f"{counted(len(analysis(outcome).front), 'setting')} that no other beats in {' and '.join(names)} at once. "
        "Which of them to take is a choice of price, not of statistics. Figures are from the search."
    )
    lead = outcome.sweep.objectives[0].name
    plots = tuple((_plot_name(item), f"{lead} against {item.name}") for item in outcome.sweep.objectives[1:])
    return Front(intro, plots, len(analysis(outcome).dominated))


def front_plots(outcome: Outcome) -> dict[str, str]:
    """Return a plot of the first objective against each other one, by name."""
    lead = outcome.sweep.objectives[0]
    return {_plot_name(item): plot for item in outcome.sweep.objectives[1:] if (plot := _scatter(outcome, lead, item))}


def front_table(outcome: Outcome) -> Table | None:
    """Return the settings on the front; None where there is one objective only."""
    if len(outcome.sweep.objectives) < 2 or not analysis(outcome).front:
        return None
    heads = [Column("settings", right=False, wide=True), *(Column(_head(item)) for item in outcome.sweep.objectives)]
    found = sorted(analysis(outcome).front, key=lambda point: -(_gain(outcome, point)))
    return table("Pareto front", heads, [(_named(outcome, point), *_figures(outcome, point)) for point in found])


def dominated_table(outcome: Outcome) -> Table | None:
    """Return the dominated settings, each with one that beats it; None where there is one objective only."""
    if len(outcome.sweep.objectives) < 2 or not analysis(outcome).dominated:
        return None
    heads = [Column("settings", right=False, wide=True), *(Column(_head(item)) for item in outcome.sweep.objectives)]
    heads += [Column("dominated by", right=False, wide=True), Column("because", right=False, wide=True)]
    rows = [
        (
            _named(outcome, one.point),
            *_figures(outcome, one.point),
            name(outcome, one.rival),
            _because(outcome, one),
        )
        for one in analysis(outcome).dominated
    ]
    return table("Dominated", heads, rows)


def importance_table(outcome: Outcome) -> Table | None:
    """Return how much each setting explains; None where that could not be told."""
    found, metric = analysis(outcome).importance, first(outcome)
    if not found:
        return None
    heads = [Column("setting", right=False, wide=True), Column("share"), Column("best value", right=False)]
    heads += [Column("best against worst value"), Column("values tried")]
    rows = [
        (one.key, percent(one.share), _value(one.best), delta(_raw(one.spread, metric), metric), f"{one.values:,}")
        for one in found
    ]
    note = f"From a model of {counted(found[0].points, 'trial')}. Best value: by its mean over all other settings."
    return table("Importance of settings", heads, rows, [note])


def importance_plot(outcome: Outcome) -> str | None:
    """Return the importance as bars; None where it could not be told."""
    rows = [Bar(one.key, 0, one.share, one.share, percent(one.share)) for one in analysis(outcome).importance]
    return bars("importance", "Share of the variance that a setting alone explains", rows) if rows else None


def sensitivity_plot(outcome: Outcome) -> str | None:
    """Return the change that one other value of one setting makes; None where no trial tells."""
    metric = first(outcome)
    rows, predicted = [], []
    for one in neighbours(outcome)[:_MOST_NEIGHBOURS]:
        label = f"{one.key} {_from(outcome, one.key)} -> {shown(one.value)}"
        rows.append(change(label, one.change, None, None, metric, f", {_ground(one)}"))
        predicted += [] if one.questions else [label]
    return (
        differences("sensitivity", "Change if one setting takes another value", rows, hollow=predicted)
        if rows
        else None
    )


def sensitivity_table(outcome: Outcome) -> Table | None:
    """Return the change that one other value of one setting makes; None where no trial tells."""
    metric = first(outcome)
    rows = [
        (one.key, _from(outcome, one.key), shown(one.value), delta(one.change, metric), _ground(one))
        for one in neighbours(outcome)
    ]
    heads = [Column("setting", right=False, wide=True), Column("from", right=False), Column("to", right=False)]
    heads += [Column(f"change of {metric.name}"), Column("from what", right=False)]
    return table("Sensitivity", heads, rows) if rows else None


def neighbours(outcome: Outcome) -> list[Neighbour]:
    """Return the winner's neighbours by setting, that of the greatest loss first, and its values in their order."""
    found = analysis(outcome).sensitivity if outcome.winner is not None else ()
    order = {key: place for place, key in enumerate(dict.fromkeys(one.key for one in found))}
    return sorted(found, key=lambda one: (order[one.key], _rank(one.value)))


def sensitivity_note(outcome: Outcome) -> str:
    """Return how to read the sensitivity, or why there is none."""
    found = neighbours(outcome)
    if outcome.winner is None:
        return "The default stays, so there is no winner to vary."
    if not found:
        return "No trial differs from the best setting in one setting alone."
    more = len(found) - _MOST_NEIGHBOURS
    return SENSITIVITY + (f" The table has {more:,} more." if more > 0 else "")


def _ground(one: Neighbour) -> str:
    return f"n {one.questions:,}" if one.questions else "predicted"


def _rank(value: Value) -> tuple[bool, float, str]:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return (not number, float(value) if isinstance(value, int | float) else 0.0, str(value))


def _value(value: Value) -> str:
    return "not used" if value is None else shown(value)


def _raw(spread: float, metric: Metric) -> float:
    """Return a spread, which is never below 0, as a gain."""
    return abs(spread) if metric.better != "lower" else -abs(spread)


def _from(outcome: Outcome, key: str) -> str:
    return value_of(outcome, leading(outcome) or DEFAULT, key) or "–"


def _plot_name(item: Objective) -> str:
    return f"front-{item.name.replace('@', '-')}"


def _scatter(outcome: Outcome, lead: Objective, other: Objective) -> str | None:
    dots = [dot for trial in outcome.trials if (dot := _dot(outcome, trial, lead, other)) is not None]
    if len(dots) < 2:
        return None
    line = sorted((dot.x, dot.y) for dot in dots if dot.role == "front" or _on_front(outcome, dot))
    axes = (_axis(other), _axis(lead))
    return scatter(
        _plot_name(other),
        f"{lead.name} against {other.name}, every trial",
        dots,
        line,
        *axes,
        width=1040 if len(outcome.sweep.objectives) == 2 else 640,
    )


def _dot(outcome: Outcome, trial: Trial, lead: Objective, other: Objective) -> Dot | None:
    x, y = trial.values.get(other.name), trial.values.get(lead.name)
    if x is None or y is None:
        return None
    told = f"{name(outcome, trial.point)}: {lead.name} {figure(y, lead.metric)}, {other.name} {figure(x, other.metric)}"
    label = (
        "default" if trial.point == DEFAULT else "best" if trial.point == leading(outcome) else f"trial {trial.number}"
    )
    return Dot(label, x, y, _role(outcome, trial.point), told)


def _role(outcome: Outcome, point: Point) -> Role:
    if point == DEFAULT:
        return "default"
    if point == leading(outcome):
        return "best"
    return "front" if point in analysis(outcome).front else "beaten"


def _on_front(outcome: Outcome, dot: Dot) -> bool:
    points = {"default": DEFAULT, "best": leading(outcome)}
    return points.get(dot.role) in analysis(outcome).front


def _axis(item: Objective) -> str:
    unit = "" if in_points(item.metric) else f", {figure(0.0, item.metric).split(' ', 1)[1]}"
    return f"{item.name}{unit} ({'less' if item.sign < 0 else 'more'} is better)"


def _head(item: Objective) -> str:
    return f"{item.name} ({'less' if item.sign < 0 else 'more'} is better)"


def _named(outcome: Outcome, point: Point) -> Cell:
    return Cell(name(outcome, point), "best" if point == outcome.winner else "")


def _figures(outcome: Outcome, point: Point) -> Row:
    trial = _trial(outcome, point)
    return [figure(trial.values.get(item.name) if trial else None, item.metric) for item in outcome.sweep.objectives]


def _because(outcome: Outcome, one: Dominated) -> str:
    """Return by how much a setting is beaten in each objective."""
    pairs = zip(outcome.sweep.objectives, one.by, strict=False)
    return ", ".join(f"{i.name} {delta(by, i.metric)}" if abs(by) > 1e-9 else f"equal {i.name}" for i, by in pairs)


def _gain(outcome: Outcome, point: Point) -> float:
    trial = _trial(outcome, point)
    return trial.gain if trial else -math.inf


def _trial(outcome: Outcome, point: Point) -> Trial | None:
    return next((trial for trial in outcome.trials if trial.point == point), None)
