"""The plots of a sweep: which of its figures each one shows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from eval.metrics import Metric
from eval.report.plots import Bar, Interval, bars
from eval.tune.outcome import Outcome, Trial
from eval.tune.points import DEFAULT
from eval.tune.report.plots import Axis, Role, Thread, differences, learning, parallel, ticks_within
from eval.tune.report.tables import bounds, dropped, fate
from eval.tune.report.verdict import chosen, first, gains, leading
from eval.tune.report.words import counted, delta, figure, name, scaled, unit, value_of
from eval.tune.space import Parameter, Range

_UNUSED = "not used"
_MOST_LEVELS = 6  # distinct values of a setting that an axis names one by one


def candidates_plot(outcome: Outcome) -> str | None:
    """Return the gains of all candidates in the first objective; None without a confirmation."""
    if outcome.confirmation is None or not outcome.confirmation.candidates:
        return None
    rows = []
    for item in outcome.confirmation.candidates:
        for metric, gain in gains(outcome, item)[:1]:
            rows.append(
                change(
                    name(outcome, item.point), gain.difference.value, gain.difference.low, gain.difference.high, metric
                )
            )
    marked = [name(outcome, outcome.winner)] if outcome.winner is not None else []
    return differences("candidates", f"Confirmed change of {first(outcome).name}", rows, marked) if rows else None


def change(label: str, gain: float, low: float | None, high: float | None, metric: Metric, more: str = "") -> Interval:
    """Return a gain as a row of a plot of differences: up, to the right, is better, in the unit in which it reads."""
    note = f"{delta(gain, metric)} {bounds(low, high, metric)}".strip() + more
    ends = [None if end is None else scaled(end, metric) for end in (low, high)]
    return Interval(label, scaled(gain, metric), ends[0], ends[1], note)


def learning_plot(outcome: Outcome) -> str | None:
    """Return the best gain over question evaluations; None where the search saw nothing."""
    metric = first(outcome)
    steps = [(float(at), scaled(gain, metric)) for at, gain in outcome.analysis.curve]
    if not steps:
        return None
    if outcome.spent > steps[-1][0]:
        steps.append((float(outcome.spent), steps[-1][1]))
    found = chosen(outcome)
    confirmed = scaled(found.gains[0].difference.value, metric) if found and found.gains else None
    return learning(steps, "question evaluations", gain_axis(metric), confirmed)


def gain_axis(metric: Metric) -> str:
    """Return the name of an axis of gains."""
    return f"gain, {unit(metric)}"


def race_plot(outcome: Outcome) -> str | None:
    """Return how many trials were left after each drop; None where nothing was dropped."""
    gone = sorted(trial.dropped.questions for trial in dropped(outcome) if trial.dropped)
    if not gone:
        return None
    left, rows = len(outcome.trials), []
    for at in sorted(set(gone)):
        count = gone.count(at)
        rows.append(Bar(f"{at:,} questions", 0, left - count, left, f"{count} dropped, {left - count} left"))
        left -= count
    return bars("race", "Trials left in the race after so many questions each", rows)


def slices_plot(outcome: Outcome) -> str | None:
    """Return the change by slice; None where none was measured."""
    metric = first(outcome)
    rows = [change(one.name, one.gain, one.low, one.high, metric, f", n {one.cases:,}") for one in outcome.slices]
    return differences("slices", f"Change of {metric.name} by slice", rows) if rows and outcome.winner else None


def parallel_plot(outcome: Outcome, keys: Sequence[str]) -> str | None:
    """Return every trial across its settings and its gain; None where fewer than two trials can be compared."""
    shown_trials = [trial for trial in outcome.trials if trial.paired or trial.point == DEFAULT]
    if len(shown_trials) < 2:
        return None
    columns = [[value_of(outcome, trial.point, key) for trial in shown_trials] for key in keys]
    parameters = {item.key: item for item in outcome.sweep.space.parameters}
    scales = [_scale(parameters[key], values) for key, values in zip(keys, columns, strict=True)]
    figures = [_figures(outcome, shown_trials, i) for i in range(len(outcome.sweep.objectives))]
    axes = [Axis(key, ticks) for key, (ticks, _) in zip(keys, scales, strict=True)]
    axes += [axis for axis, _ in figures]
    order = sorted(range(len(shown_trials)), key=lambda i: shown_trials[i].gain)
    rank = {i: place / (len(order) - 1) for place, i in enumerate(order)}
    threads = [
        Thread(
            trial.number,
            (*(places[i] for _, places in scales), *(places[i] for _, places in figures)),
            rank[i],
            _role(outcome, trial),
            f"trial {trial.number}: {name(outcome, trial.point)}; {_result(outcome, trial)}",
            tuple(values[i] or _UNUSED for values in columns),
        )
        for i, trial in enumerate(shown_trials)
    ]
    return parallel("All trials across their settings and gains", axes, threads)


def searched_keys(outcome: Outcome) -> list[str]:
    """Return the settings of which trials had different values, in the order of the flow."""
    keys = [*outcome.sweep.space.keys]
    return [key for key in keys if len({value_of(outcome, trial.point, key) for trial in outcome.trials}) > 1]


def _role(outcome: Outcome, trial: Trial) -> Role:
    return "default" if trial.point == DEFAULT else "best" if trial.point == leading(outcome) else "beaten"


def _result(outcome: Outcome, trial: Trial) -> str:
    metric = first(outcome)
    values = ", ".join(f"{m.name} {figure(trial.values.get(m.name), m)}" for m in outcome.sweep.metrics)
    gain = "" if trial.point == DEFAULT else f", gain {delta(trial.gain, metric)}"
    return f"{values}{gain} on {counted(trial.questions, 'question')}, {fate(outcome, trial)}"


def _scale(item: Parameter, values: Sequence[str | None]) -> tuple[tuple[tuple[float, str], ...], list[float | None]]:
    """Return the ticks of an axis of a setting, and where each trial lies on it; unused settings lie at the bottom."""
    known = sorted({value for value in values if value is not None}, key=_order)
    if isinstance(item, Range) and len(known) > _MOST_LEVELS and all(_is_number(value) for value in known):
        ticks, places = _numbers(item, known)
    else:
        places = {value: _level(i, len(known)) for i, value in enumerate(known)}
        ticks = tuple((place, value) for value, place in places.items())
    if None in values:
        ticks = ((0.0, _UNUSED), *ticks)
    return ticks, [0.0 if value is None else places[value] for value in values]


def _numbers(item: Range, known: Sequence[str]) -> tuple[tuple[tuple[float, str], ...], dict[str, float]]:
    """Return the ticks and places of numbers, evenly spaced or in ratios as they were drawn."""
    low, high = (min(item.low, float(known[0])), max(item.high, float(known[-1])))

    def place(value: float) -> float:
        share = math.log(value / low) / math.log(high / low) if item.log else (value - low) / (high - low)
        return 0.12 + 0.88 * share

    marks = [low, math.sqrt(low * high), high] if item.log else ticks_within(low, high)
    return tuple((place(mark), f"{mark:.3g}") for mark in marks), {value: place(float(value)) for value in known}


def _level(i: int, count: int) -> float:
    return 0.12 + 0.88 * i / (count - 1) if count > 1 else 0.56


def _figures(outcome: Outcome, trials: Sequence[Trial], column: int) -> tuple[Axis, list[float | None]]:
    """Return the axis of an objective, better above: the gain in the first one, and the values of the others."""
    item = outcome.sweep.objectives[column]
    metric = item.metric
    if column == 0:
        found: list[float | None] = [trial.gain for trial in trials]
        label = f"{metric.name}.change"
    else:
        found = [trial.values.get(metric.name) for trial in trials]
        label = f"{'less' if item.sign < 0 else 'more'} is better.{metric.name}"
    known = [value for value in found if value is not None and math.isfinite(value)]
    low, high = min(known, default=0.0), max(known, default=1.0)
    flip = column > 0 and item.sign < 0
    if high - low < 1e-12:
        return Axis(label, ((0.56, _tick(low, metric, column)),)), [None if v is None else 0.56 for v in found]

    def place(value: float) -> float:
        share = (value - low) / (high - low)
        return 1 - share if flip else share

    round_ones = [tick / scaled(1.0, metric) for tick in ticks_within(scaled(low, metric), scaled(high, metric))]
    ticks = tuple((place(tick), _tick(tick, metric, column)) for tick in round_ones)
    return Axis(label, ticks), [place(v) if v is not None and math.isfinite(v) else None for v in found]


def _tick(value: float, metric: Metric, column: int) -> str:
    if column > 0:
        return figure(value, metric).split(" ")[0]
    return delta(value, metric).replace(" points", "") if abs(value) > 1e-9 else "0"


def _order(value: str) -> tuple[bool, float, str]:
    return (not _is_number(value), float(value) if _is_number(value) else 0.0, value)


def _is_number(value: str) -> bool:
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False
