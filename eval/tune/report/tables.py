"""Tables of a sweep: what differs, what was gained, what was tried. Each is a value that any writer prints."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from eval.metrics import Metric
from eval.report.table import Cell, Column, Format, Row, Table, table
from eval.tune.confirm import Candidate, Gain, Kept
from eval.tune.outcome import Flip, Outcome, Trial
from eval.tune.points import DEFAULT, Point
from eval.tune.report.verdict import chosen, constrained, first, gains, leading, why_not
from eval.tune.report.words import (
    POINT,
    changes,
    counted,
    default_of,
    delta,
    delta_interval,
    duration,
    figure,
    in_points,
    name,
    p_value,
    percent,
    shown,
)
from eval.tune.space import Choice, Parameter, Range

_ROOMY: tuple[Format, ...] = ("markdown", "html")
"""A terminal has no room for every column."""


def settings_table(outcome: Outcome) -> Table | None:
    """Return the settings in which the leading point differs from the default; None where it does not."""
    point = leading(outcome)
    if point is None or not changes(outcome, point):
        return None
    heads = [
        Column("setting", right=False, wide=True),
        Column("default", right=False),
        Column(role(outcome), right=False),
    ]
    rows = [(key, before, Cell(after, strong=True)) for key, before, after in changes(outcome, point)]
    return table("Settings that differ", heads, rows)


def gains_table(outcome: Outcome) -> Table | None:
    """Return the figures of the default and the leading point, in the search and confirmed; None without a point."""
    point = leading(outcome)
    if point is None:
        return None
    found = chosen(outcome)
    names = ("default", role(outcome))
    if found is None:
        heads = [Column("metric", right=False, wide=True), *map(Column, names), Column("in-sample change")]
        return table("Figures", heads, _searched_rows(outcome, point), [POINT])
    heads = [
        Column("metric", right=False, wide=True),
        *(Column(text, shown=_ROOMY) for text in names),
        *map(Column, ("in-sample change", "confirmed change", "95 % interval")),
        Column("Holm p", shown=_ROOMY),
        Column("optimism", shown=_ROOMY),
        Column("MDE", shown=_ROOMY),
    ]
    rows = [_gain_row(outcome, point, metric, gain) for metric, gain in gains(outcome, found)]
    return table("Figures", heads, rows, _gain_notes(outcome, found))


def constraints_table(outcome: Outcome) -> Table | None:
    """Return the constraints with their means and verdicts for the default and the leading point; None without any."""
    if not outcome.sweep.constraints:
        return None
    point, found = leading(outcome), chosen(outcome)
    if found is None or outcome.confirmation is None:
        return _searched_constraints(outcome, point)
    base = {kept.text: kept for kept in outcome.confirmation.default}
    rows = [_kept_row(outcome, base.get(kept.text), kept) for kept in found.constraints]
    names = ("default, search", "default, confirmed", f"{role(outcome)}, search", f"{role(outcome)}, confirmed")
    heads = [Column("constraint", right=False, wide=True), *map(Column, names), Column("verdict", right=False)]
    return table("Constraints", heads, rows, ["A constraint holds if both means, of search and confirmation, keep it."])


def candidates_table(outcome: Outcome) -> Table | None:
    """Return every candidate that was confirmed, with why it wins or not; None without a confirmation."""
    if outcome.confirmation is None or not outcome.confirmation.candidates:
        return None
    names = [column for item in outcome.sweep.objectives for column in (item.name, "95 % interval", "Holm p")]
    heads = [Column("candidate", right=False, wide=True), *map(Column, names), Column("verdict", right=False)]
    rows = [_candidate_row(outcome, item) for item in outcome.confirmation.candidates]
    return table("Candidates", heads, rows)


def trials_table(outcome: Outcome, trials: Sequence[Trial]) -> Table:
    """Return trials with what became of them."""
    metrics = outcome.sweep.metrics
    heads = [Column("trial"), Column("settings", right=False, wide=True), Column("change"), Column("questions")]
    heads += [*(Column(metric.name) for metric in metrics), Column("fate", right=False)]
    rows = [
        (
            str(trial.number),
            name(outcome, trial.point),
            "–" if trial.point == DEFAULT else delta(trial.gain, first(outcome)),
            f"{trial.questions:,}",
            *(figure(trial.values.get(metric.name), metric) for metric in metrics),
            fate(outcome, trial),
        )
        for trial in trials
    ]
    return table("Trials", heads, rows, [f"change: {first(outcome).name} against the default on the same questions."])


def fate(outcome: Outcome, trial: Trial) -> str:
    """Return what became of a trial."""
    if trial.point == outcome.best:
        return "best"
    if trial.point == DEFAULT:
        return "default"
    if trial.dropped is not None:
        return f"dropped after {counted(trial.dropped.questions, 'question')}"
    candidates = outcome.confirmation.candidates if outcome.confirmation else ()
    if any(item.point == trial.point for item in candidates):
        return "confirmed, did not win"
    return "asked every question" if trial.whole else "asked in part"


def dropped_table(outcome: Outcome) -> Table | None:
    """Return the trials that the race dropped, in the order in which they went; None if there are none."""
    found = [(trial, trial.dropped) for trial in dropped(outcome) if trial.dropped is not None]
    if not found:
        return None
    leaders = dict.fromkeys(name(outcome, gone.leader) for _, gone in found)
    several = len(leaders) > 1
    heads = [Column("after questions"), Column("trial"), Column("settings", right=False, wide=True), Column("behind")]
    heads += [Column("leader", right=False, wide=True)] * several + [Column("why", right=False)]
    rows = [
        (
            f"{gone.questions:,}",
            str(trial.number),
            name(outcome, trial.point),
            delta(-gone.behind, first(outcome)),
            *[name(outcome, gone.leader)] * several,
            "its turn ended with the budget" if gone.p is None else f"surely worse, p {p_value(gone.p)}",
        )
        for trial, gone in sorted(found, key=lambda item: (item[1].questions, item[0].number))
    ]
    notes = [] if several else [f"All were behind {next(iter(leaders))}, which led then."]
    notes += ["p is paid for all looks that the race takes at a trial, so a drop is as safe as a single test."]
    return table("Dropped", heads, rows, notes)


def dropped(outcome: Outcome) -> list[Trial]:
    """Return the trials that the race dropped."""
    return [trial for trial in outcome.trials if trial.dropped is not None]


def slices_table(outcome: Outcome) -> Table | None:
    """Return the best point's gains by slice; None where none was measured."""
    if outcome.winner is None or not outcome.slices:
        return None
    metric = first(outcome)
    heads = [Column("slice", right=False, wide=True), *map(Column, ("questions", "default", role(outcome), "change"))]
    rows = [
        (
            one.name,
            f"{one.cases:,}",
            figure(one.default, metric),
            figure(one.best, metric),
            Cell(delta(one.gain, metric), bounds(one.low, one.high, metric), bad=_surely_worse(one.high)),
        )
        for one in outcome.slices
    ]
    note = "Slices are many looks at the same questions: read them for where to look next, not as proofs."
    return table("Slices", [*heads[:-1], Column(f"change of {metric.name}")], rows, [note])


def flips_table(outcome: Outcome, flips: Sequence[Flip]) -> Table:
    """Return questions with both values."""
    metric = first(outcome)
    heads = [Column("question", right=False, wide=True), *map(Column, ("default", role(outcome), "change"))]
    sets = len({flip.set for flip in outcome.flips}) > 1
    rows = [
        (
            Cell(flip.question, f"{flip.set}, {flip.id}" if sets else flip.id),
            figure(flip.default, metric),
            figure(flip.best, metric),
            delta(flip.gain, metric),
        )
        for flip in flips
    ]
    return table("Questions", heads, rows)


def space_table(outcome: Outcome) -> Table:
    """Return the settings that were searched."""
    heads = [Column("setting", right=False), Column("default", right=False), Column("tried", right=False, wide=True)]
    items = sorted(outcome.sweep.space.parameters, key=lambda item: outcome.sweep.space.keys.index(item.key))
    rows = [(item.key, default_of(outcome, item.key), Cell(_tried(item), _when(item))) for item in items]
    return table("Search space", heads, rows)


def sets_table(outcome: Outcome) -> Table:
    """Return the golden sets with the questions that the search and the confirmation asked."""
    names = ("search split", "questions", "confirmation split", "questions")
    heads = [Column("set", right=False, wide=True), Column("corpus", right=False)]
    heads += [Column(text, right=text == "questions") for text in names]
    rows = [
        (
            one.name,
            one.corpus or "built from its documents",
            one.search_split or "all",
            f"{one.search:,}",
            one.confirm_split or "none",
            f"{one.confirm:,}",
        )
        for one in outcome.sets
    ]
    return table("Golden sets", heads, rows, ["Every set weighs the same, whatever its size; sealed is never opened."])


def reuse_table(outcome: Outcome) -> Table | None:
    """Return what the stage cache saved; None where it served nothing."""
    found = {stage: reuse for stage, reuse in outcome.reuse.items() if reuse.hits or reuse.misses}
    if not found:
        return None
    heads = [Column("stage", right=False, wide=True), *map(Column, ("made", "at hand", "reused", "time saved"))]
    rows = [
        (stage, f"{r.misses:,}", f"{r.hits:,}", percent(r.hits / (r.hits + r.misses)), duration(r.saved_s))
        for stage, r in found.items()
    ]
    return table("Stage cache", heads, rows)


def bounds(low: float | None, high: float | None, metric: Metric) -> str:
    """Return an interval of a change in brackets, empty where it is undefined."""
    found = delta_interval(low, high, metric)
    return "" if found == "–" else f"[{found}]"


def role(outcome: Outcome) -> str:
    """Return what the point beside the default is."""
    return "best" if outcome.winner is not None else "best candidate" if outcome.confirmation else "best in the search"


def long_role(outcome: Outcome) -> str:
    """Return what the point beside the default is, as part of a sentence."""
    if outcome.winner is not None:
        return "the best setting"
    return "the best candidate" if chosen(outcome) else "the best of the search"


def _searched_rows(outcome: Outcome, point: Point) -> Iterable[Row]:
    base, ours = _trial(outcome, DEFAULT), _trial(outcome, point)
    for i, item in enumerate(outcome.sweep.objectives):
        before, now = (trial.values.get(item.name) if trial else None for trial in (base, ours))
        gain = ours.gain if ours and i == 0 else None if before is None or now is None else item.sign * (now - before)
        yield (item.name, figure(before, item.metric), figure(now, item.metric), delta(gain, item.metric))


def _gain_row(outcome: Outcome, point: Point, metric: Metric, gain: Gain) -> Row:
    base, ours = _trial(outcome, DEFAULT), _trial(outcome, point)
    return (
        metric.name,
        figure(base.values.get(metric.name) if base else None, metric),
        figure(ours.values.get(metric.name) if ours else None, metric),
        delta(gain.in_sample, metric),
        Cell(delta(gain.difference.value, metric), strong=True),
        bounds(gain.difference.low, gain.difference.high, metric) or "–",
        p_value(gain.p_holm),
        optimism(gain, metric),
        delta(gain.mde, metric).lstrip("+-"),
    )


def optimism(gain: Gain, metric: Metric) -> str:
    """Return how much the search believed too much: plus where the truth is less good, whatever the metric."""
    found = delta(gain.optimism, metric)
    return found if metric.better != "lower" else found.translate(str.maketrans("+-", "-+"))


def _gain_notes(outcome: Outcome, found: Candidate) -> list[str]:
    metric = first(outcome)
    noise = outcome.confirmation.noise if outcome.confirmation else None
    asked = found.gains[0].difference.n if found.gains else 0
    notes = [
        f"Default and {role(outcome)} are means over the search's questions; the confirmed change is from "
        f"{counted(asked, 'other question')}. Optimism is what the search promised and the confirmation did not find. "
        "Holm p: the chance of such a gain if the setting is no better, corrected for all candidates. "
        "MDE: the smallest true gain that 8 of 10 such confirmations would see."
    ]
    if noise is not None:
        aa = delta(noise.default, metric).lstrip("+-")
        notes.append(f"A/A noise floor: on other questions the default differs from itself by up to {aa} (95 of 100).")
    if noise is not None and noise.lucky is not None:
        luck = delta(noise.lucky, metric)
        notes.append(f"If no trial were truly better, the luckiest would still show about {luck} in the search.")
    if len(outcome.sets) > 1:
        notes.append("Changes weigh every set the same; the means count every question once.")
    return [*notes, POINT] if any(in_points(item.metric) for item in outcome.sweep.objectives) else notes


def _searched_constraints(outcome: Outcome, point: Point | None) -> Table:
    base, ours = _trial(outcome, DEFAULT), _trial(outcome, point) if point is not None else None
    heads = [Column("constraint", right=False, wide=True), Column("default"), Column(role(outcome))]
    rows = []
    for item in outcome.sweep.constraints:
        before, now = (trial.values.get(item.metric.name) if trial else None for trial in (base, ours))
        rows.append(
            (
                item.text(),
                figure(before, item.metric),
                figure(now, item.metric),
                _held(None if now is None else item.holds(now)),
            )
        )
    return table(
        "Constraints",
        [*heads, Column("verdict", right=False)],
        rows,
        ["Seen in the search only; nothing was confirmed."],
    )


def _kept_row(outcome: Outcome, base: Kept | None, kept: Kept) -> Row:
    metric = constrained(outcome, kept.text)
    return (kept.text, *_means(base, metric), *_means(kept, metric), _held(kept.holds))


def _means(kept: Kept | None, metric: Metric | None) -> tuple[str | Cell, str | Cell]:
    if kept is None or metric is None:
        return "–", "–"
    if kept.estimate is None:
        return figure(kept.searched, metric), "–"
    low, high = kept.estimate.low, kept.estimate.high
    around = "" if low is None or high is None else f"[{figure(low, metric)}, {figure(high, metric)}]"
    return figure(kept.searched, metric), Cell(figure(kept.estimate.value, metric), around)


def _held(holds: bool | None) -> str | Cell:
    return "not measured" if holds is None else "kept" if holds else Cell("broken", bad=True)


def _candidate_row(outcome: Outcome, item: Candidate) -> Row:
    won = item.point == outcome.winner
    cells: list[str | Cell] = []
    for metric, gain in gains(outcome, item):
        around = bounds(gain.difference.low, gain.difference.high, metric) or "–"
        cells += [Cell(delta(gain.difference.value, metric), strong=won), around, p_value(gain.p_holm)]
    cells += ["–"] * (3 * len(outcome.sweep.objectives) - len(cells))
    return (Cell(name(outcome, item.point), strong=won), *cells, Cell(why_not(outcome, item), strong=won))


def _surely_worse(high: float | None) -> bool:
    return high is not None and math.isfinite(high) and high < 0


def _trial(outcome: Outcome, point: Point) -> Trial | None:
    return next((trial for trial in outcome.trials if trial.point == point), None)


def _tried(item: Parameter) -> str:
    if isinstance(item, Choice):
        return ", ".join(shown(value) for value in item.options)
    if isinstance(item, Range):
        step = f" in steps of {item.step:g}" if item.step else ""
        return f"{item.low:g} to {item.high:g}{step}{', evenly in ratios' if item.log else ''}"
    return ", ".join(shown(value) for value in item.levels())


def _when(item: Parameter) -> str:
    return "; ".join(f"only with {key} {' or '.join(shown(value) for value in values)}" for key, values in item.when)
