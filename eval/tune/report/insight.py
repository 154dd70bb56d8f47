"""What the trials together say: trades between objectives, which settings matter, and how safe the best one stands."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from eval.report.plots import Bar, bars
from eval.report.table import Cell, Column, Row, Table, table
from eval.tune.outcome import Outcome, Trial
from eval.tune.points import DEFAULT, Point
from eval.tune.report.charts import change
from eval.tune.report.plots import Dot, Role, differences, scatter
from eval.tune.report.tables import bounds
from eval.tune.report.verdict import first, leading
from eval.tune.report.words import counted, delta, figure, in_points, name, percent, shown, value_of
from eval.tune.spec import Objective

IMPORTANCE = (
    "Of the differences between trials, the share that each setting explains. A setting near 0 can stay as it is; one "
    "that explains much deserves a finer search."
)
SENSITIVITY = (
    "What happens if one setting alone takes another value. Neighbours that do about as well mean a plateau, a safe "
    "choice. A steep fall on both sides means that the choice is a peak, which other questions may move."
)


@dataclass(frozen=True, slots=True)
class Front:
    """The text of the Pareto front: how to read it, its plots with captions, and how many settings are dominated."""

    intro: str
    plots: tuple[tuple[str, str], ...]
    dominated: int


def front(outcome: Outcome) -> Front | None:
    """Return the Pareto front's text; None where there is one objective only."""
    if len(outcome.sweep.objectives) < 2:
        return None
    names = [item.name for item in outcome.sweep.objectives]
    intro = (
        f"{counted(len(outcome.analysis.front), 'setting')} that no other beats in {' and '.join(names)} at once. "
        "Which of them to take is a choice of price, not of statistics. Figures are from the search."
    )
    lead = outcome.sweep.objectives[0].name
    plots = tuple((_plot_name(item), f"{lead} against {item.name}") for item in outcome.sweep.objectives[1:])
    return Front(intro, plots, len(outcome.analysis.dominated))


def front_plots(outcome: Outcome) -> dict[str, str]:
    """Return a plot of the first objective against each other one, by name."""
    lead = outcome.sweep.objectives[0]
    return {_plot_name(item): plot for item in outcome.sweep.objectives[1:] if (plot := _scatter(outcome, lead, item))}


def front_table(outcome: Outcome) -> Table | None:
    """Return the settings on the front; None where there is one objective only."""
    if len(outcome.sweep.objectives) < 2:
        return None
    heads = [Column("settings", right=False, wide=True), *(Column(_head(item)) for item in outcome.sweep.objectives)]
    found = sorted(outcome.analysis.front, key=lambda point: -(_gain(outcome, point)))
    return table("Pareto front", heads, [(_named(outcome, point), *_figures(outcome, point)) for point in found])


def dominated_table(outcome: Outcome) -> Table | None:
    """Return the dominated settings, each with one that beats it; None where there is one objective only."""
    if len(outcome.sweep.objectives) < 2 or not outcome.analysis.dominated:
        return None
    heads = [Column("settings", right=False, wide=True), *(Column(_head(item)) for item in outcome.sweep.objectives)]
    heads += [Column("dominated by", right=False, wide=True), Column("because", right=False, wide=True)]
    rows = [
        (
            _named(outcome, one.point),
            *_figures(outcome, one.point),
            name(outcome, one.by),
            _because(outcome, one.point, one.by),
        )
        for one in outcome.analysis.dominated
    ]
    return table("Dominated", heads, rows)


def importance_table(outcome: Outcome) -> Table | None:
    """Return how much each setting explains; None where that could not be told."""
    found = outcome.analysis.importance
    if not found:
        return None
    heads = [Column("setting", right=False, wide=True), Column("share")]
    rows = [(one.key, percent(one.share)) for one in found]
    return table("Importance of settings", heads, rows)


def importance_plot(outcome: Outcome) -> str | None:
    """Return the importance as bars; None where it could not be told."""
    rows = [Bar(one.key, 0, one.share, one.share, percent(one.share)) for one in outcome.analysis.importance]
    return bars("importance", "Share of the difference between trials that a setting explains", rows) if rows else None


def has_sensitivity(outcome: Outcome) -> bool:
    """Say whether a trial differs from the best one in a single setting."""
    return bool(outcome.analysis.sensitivity)


def sensitivity_plot(outcome: Outcome) -> str | None:
    """Return the change that one other value of one setting makes; None where no trial tells."""
    rows = [
        change(f"{one.key} {shown(one.value)}", one.gain, one.low, one.high, first(outcome))
        for one in outcome.analysis.sensitivity
    ]
    return differences("sensitivity", "Change if one setting takes another value", rows) if rows else None


def sensitivity_table(outcome: Outcome) -> Table | None:
    """Return the change that one other value of one setting makes; None where no trial tells."""
    metric = first(outcome)
    rows = [
        (
            one.key,
            _from(outcome, one.key),
            shown(one.value),
            Cell(delta(one.gain, metric), bounds(one.low, one.high, metric)),
        )
        for one in outcome.analysis.sensitivity
    ]
    heads = [Column("setting", right=False, wide=True), Column("from", right=False), Column("to", right=False)]
    return table("Sensitivity", [*heads, Column(f"change of {metric.name}")], rows) if rows else None


def _from(outcome: Outcome, key: str) -> str:
    point = leading(outcome) or DEFAULT
    return value_of(outcome, point, key) or value_of(outcome, DEFAULT, key) or "–"


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
    return "front" if point in outcome.analysis.front else "beaten"


def _on_front(outcome: Outcome, dot: Dot) -> bool:
    points = {"default": DEFAULT, "best": leading(outcome)}
    return points.get(dot.role) in outcome.analysis.front


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


def _because(outcome: Outcome, point: Point, by: Point) -> str:
    """Return by how much a setting is beaten in each objective."""
    return ", ".join(_differences(outcome, point, by)) or "equal in all"


def _differences(outcome: Outcome, point: Point, by: Point) -> Iterator[str]:
    beaten, better = _trial(outcome, point), _trial(outcome, by)
    for item in outcome.sweep.objectives:
        mine, its = (trial.values.get(item.name) if trial else None for trial in (beaten, better))
        if mine is None or its is None:
            continue
        gain = item.sign * (its - mine)
        yield f"{item.name} {delta(gain, item.metric)}" if abs(gain) > 1e-9 else f"equal {item.name}"


def _gain(outcome: Outcome, point: Point) -> float:
    trial = _trial(outcome, point)
    return trial.gain if trial else -math.inf


def _trial(outcome: Outcome, point: Point) -> Trial | None:
    return next((trial for trial in outcome.trials if trial.point == point), None)
