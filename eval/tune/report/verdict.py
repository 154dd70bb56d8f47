"""What a sweep found, in one sentence that says no more than the confirmation does."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from eval.metrics import METRICS, Metric
from eval.tune.confirm import Candidate, Confirmation, Gain, Kept
from eval.tune.outcome import Outcome, Trial
from eval.tune.points import DEFAULT, Point
from eval.tune.report.words import amount, changes, cost, counted, delta, delta_interval, figure, listed, p_value

_NAMED = 3  # settings that a sentence names; a table has them all

Kind = Literal["win", "unconfirmed", "none"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a sweep ended: its kind, one sentence, and what a reader must know beside it."""

    kind: Kind
    sentence: str
    beside: tuple[str, ...]

    @property
    def short(self) -> str:
        """The kind in words."""
        return {"win": "Better than the default", "unconfirmed": "Not confirmed", "none": "Keep the default"}[self.kind]


def verdict(outcome: Outcome) -> Verdict:
    """Return what a sweep found."""
    found, beside = chosen(outcome), tuple(_beside(outcome))
    if outcome.winner is not None and found is not None and found.gains:
        return Verdict("win", _win(outcome, found), beside)
    tried = best_tried(outcome)
    promising = outcome.confirmation is None and tried is not None and tried.gain > 0
    return Verdict("unconfirmed" if promising else "none", _none(outcome), beside)


def first(outcome: Outcome) -> Metric:
    """Return the metric that decides."""
    return outcome.sweep.objectives[0].metric


def leading(outcome: Outcome) -> Point | None:
    """Return the point that the report sets beside the default: the winner, else the best of those that lost."""
    if outcome.winner is not None:
        return outcome.winner
    found = _best_candidate(outcome.confirmation) if outcome.confirmation else None
    if found is not None:
        return found.point
    tried = best_tried(outcome)
    return tried.point if tried else None


def chosen(outcome: Outcome) -> Candidate | None:
    """Return what the confirmation says of the leading point."""
    if outcome.confirmation is None:
        return None
    point = leading(outcome)
    return next((item for item in outcome.confirmation.candidates if item.point == point), None)


def best_tried(outcome: Outcome) -> Trial | None:
    """Return the trial that did best in the search, the default left out; one asked everything before others."""
    others = [trial for trial in outcome.trials if trial.point != DEFAULT]
    return max(others, key=lambda trial: (trial.whole, trial.gain), default=None)


def why_not(outcome: Outcome, candidate: Candidate) -> str:
    """Return in a few words why a candidate wins or does not."""
    if candidate.point == outcome.winner:
        return "wins"
    broken = [kept.text for kept in candidate.constraints if not kept.holds]
    worse = [metric.name for metric, gain in gains(outcome, candidate) if gain.difference.value < 0]
    sure = any(gain.confirmed for gain in candidate.gains)
    if broken:
        return f"breaks {listed(broken)}"
    if candidate.beats:
        return "beats the default, but the winner gains more"
    if sure and worse:
        return f"a trade: worse in {listed(worse)}"
    if candidate.gains and candidate.gains[0].difference.value <= 0:
        return "no better than the default"
    return "not surely better"


def gains(outcome: Outcome, candidate: Candidate) -> list[tuple[Metric, Gain]]:
    """Return a candidate's gains with their metrics."""
    return [(item.metric, gain) for item, gain in zip(outcome.sweep.objectives, candidate.gains, strict=False)]


def _win(outcome: Outcome, candidate: Candidate) -> str:
    metric, gain = decided(outcome, candidate)
    found = f"{metric.name} {delta(gain.difference.value, metric)} against the default"
    return f"Take {_who(outcome, candidate.point)}: {found}{_seen(gain, metric)}{_price(outcome, candidate, metric)}."


def _who(outcome: Outcome, point: Point) -> str:
    """Return a point as a part of a sentence; beyond three of its settings are counted."""
    found = [f"{key} {before} -> {after}" for key, before, after in changes(outcome, point)]
    rest = len(found) - _NAMED
    return listed(found if rest <= 0 else [*found[:_NAMED], counted(rest, "more setting")]) or "the default's settings"


def _seen(gain: Gain, metric: Metric) -> str:
    """Return in brackets the interval of a confirmed gain and what it stands on."""
    bounds = delta_interval(gain.difference.low, gain.difference.high, metric, " to ")
    interval = "" if bounds == "–" else f"95 % interval {bounds}, "
    return f" ({interval}{counted(gain.difference.n, 'question')} that the search never saw)"


def decided(outcome: Outcome, candidate: Candidate) -> tuple[Metric, Gain]:
    """Return the gain that decides: the first that is sure, else that of the first objective."""
    found = gains(outcome, candidate)
    return next(((metric, gain) for metric, gain in found if gain.confirmed), found[0])


def _price(outcome: Outcome, candidate: Candidate, lead: Metric) -> str:
    """Return how the other objectives, and the costs that a constraint bounds, differ from the default's."""
    found = {metric.name: _beside_lead(gain, metric) for metric, gain in gains(outcome, candidate)}
    for metric, text in _bounded_costs(outcome, candidate):
        found.setdefault(metric.name, f"{text} per question")
    found.pop(lead.name, None)
    if not found:
        return "" if lead.family == "cost" else "; its cost was not measured"
    return f", with {listed(list(found.values()))}"


def _beside_lead(gain: Gain, metric: Metric) -> str:
    """Return what happens to another objective; of a quality the interval tells how far it may fall."""
    if metric.family == "cost":
        return f"{cost(gain.difference.value, metric)} per question"
    bounds = delta_interval(gain.difference.low, gain.difference.high, metric, " to ")
    return f"{metric.name} {delta(gain.difference.value, metric)}" + ("" if bounds == "–" else f" ({bounds})")


def _bounded_costs(outcome: Outcome, candidate: Candidate) -> Iterator[tuple[Metric, str]]:
    """Yield how the cost metrics that a constraint bounds differ from the default's."""
    base = {kept.text: kept.estimate for kept in outcome.confirmation.default} if outcome.confirmation else {}
    for item in outcome.sweep.constraints:
        kept = next((kept for kept in candidate.constraints if kept.text == item.text()), None)
        before = base.get(item.text())
        if item.metric.family == "cost" and kept and kept.estimate and before:
            yield item.metric, cost(before.value - kept.estimate.value, item.metric)


def _none(outcome: Outcome) -> str:
    tried = best_tried(outcome)
    if tried is None:
        return "No setting beats the default: nothing but the default was tried."
    if outcome.confirmation is None:
        return _unseen(outcome, tried)
    found = _best_candidate(outcome.confirmation)
    if found is None:
        return "No setting beats the default: the search found nothing that was worth a confirmation."
    return f"No setting beats the default{_lost(outcome, found, outcome.confirmation)}."


def _unseen(outcome: Outcome, tried: Trial) -> str:
    metric, who = first(outcome), _who(outcome, tried.point)
    asked = f"{counted(tried.paired, 'question')} of the search"
    if tried.gain > 0:
        found = f"{metric.name} {delta(tried.gain, metric)} with {who}"
        return f"Nothing is proved: the best of the search is {found}, on the very {asked} that chose it."
    return f"No setting beats the default: the best of the others, {who}, is {_level(tried.gain, metric)} on {asked}."


def _lost(outcome: Outcome, candidate: Candidate, confirmation: Confirmation) -> str:
    """Return why the best candidate does not win, as the end of a sentence."""
    metric, gain = first(outcome), candidate.gains[0]
    who, value = _who(outcome, candidate.point), gain.difference.value
    found = f"{delta(value, metric)} of {metric.name}{_seen(gain, metric)}"
    broken = [kept for kept in candidate.constraints if not kept.holds]
    worse = [cost(g.difference.value, m) for m, g in gains(outcome, candidate)[1:] if g.difference.value < 0]
    if broken:
        return f" within the constraints: {found} with {who}, but that {_breaks(outcome, broken[0])}"
    if value <= 0:
        return f": the best candidate, {who}, is {_level(value, metric)}{_seen(gain, metric)}"
    if gain.confirmed and worse:
        return f" outright: {found} with {who} come with {listed(worse)} per question, a trade that is yours to make"
    if gain.more_cases:
        return f"; {counted(gain.more_cases, 'more question')} would be needed to see {found} with {who}"
    if gain.more_cases == 0:
        among = counted(len(confirmation.candidates), "candidate")
        return f": {found} with {who} is not sure enough among {among} (Holm p {p_value(gain.p_holm)})"
    return f": {found} with {who} is too little for any number of questions to show"


def _level(gain: float, metric: Metric) -> str:
    """Return how far from the default a point that is no better lies."""
    if f"{gain:.4f}".strip("-") == "0.0000":
        return f"level with it in {metric.name}"
    return f"{amount(gain, metric)} worse in {metric.name}"


def _breaks(outcome: Outcome, kept: Kept) -> str:
    """Return which bound a candidate breaks, and with which mean: the one of the confirmation if that breaks it."""
    item = next((item for item in outcome.sweep.constraints if item.text() == kept.text), None)
    means = [kept.searched, kept.estimate.value if kept.estimate else math.nan]
    bad = [mean for mean in means if item and math.isfinite(mean) and not item.holds(mean)]
    return f"breaks {kept.text} ({figure(bad[-1], item.metric)})" if item and bad else f"breaks {kept.text}"


def constrained(outcome: Outcome, text: str) -> Metric | None:
    """Return the metric that a constraint bounds."""
    found = next((item.metric for item in outcome.sweep.constraints if item.text() == text), None)
    return found or METRICS.get(text.split()[0])


def _best_candidate(confirmation: Confirmation) -> Candidate | None:
    measured = [item for item in confirmation.candidates if item.gains]
    return max(measured, key=lambda item: item.gains[0].difference.value, default=None)


def _beside(outcome: Outcome) -> Iterator[str]:
    """Yield what a reader must know beside the sentence."""
    if outcome.stopped:
        whole = sum(trial.whole for trial in outcome.trials)
        yield (
            f"The search ended early: {outcome.stopped}. {whole} of {counted(len(outcome.trials), 'trial')} were asked "
            "every question; --resume goes on where it stopped."
        )
    if outcome.confirmation is None and len(outcome.trials) > 1:
        yield "Nothing was confirmed: gains of a search are too good, for it keeps the luckiest of its trials."
    found = chosen(outcome)
    if outcome.winner is not None and found is not None and found.gains:
        metric, gain = decided(outcome, found)
        sure = gain.at_least
        if math.isfinite(sure) and sure > 0:
            yield f"At least {amount(sure, metric)} are sure, corrected for all candidates that were tested (Holm)."
