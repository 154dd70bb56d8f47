"""How a sweep's figures and settings read: units named, shares in points, settings by their names."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import cast

from eval.metrics import Metric
from eval.metrics.base import BOUNDED_UNITS
from eval.tune.outcome import Outcome
from eval.tune.points import Point, Value

POINT = "1 point is 0.01 of a share or score."

_UNITS = {"ms": "ms", "tokens": "tokens", "chars": "characters", "usd": "USD"}
_NOUNS = {"tokens": "tokens", "chars": "characters"}

_NONE = object()

Change = tuple[str, str, str]
"""A setting, its value in the default, its value in a point."""


def in_points(metric: Metric) -> bool:
    """Say whether differences of a metric read in points."""
    return metric.unit in BOUNDED_UNITS


def scaled(difference: float, metric: Metric) -> float:
    """Return a difference in the unit in which it reads."""
    return difference * 100 if in_points(metric) else difference


def unit(metric: Metric) -> str:
    """Return the unit in which differences of a metric read."""
    return "points" if in_points(metric) else _UNITS[metric.unit]


def figure(value: float | None, metric: Metric) -> str:
    """Return a value of a metric with its unit, `–` for none."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.3f}" if in_points(metric) else f"{_number(value, metric)} {unit(metric)}"


def delta(gain: float | None, metric: Metric) -> str:
    """Return a gain as the change of the metric's value: of a metric whose less is better, a gain reads as a minus."""
    if gain is None or not math.isfinite(gain):
        return "–"
    return f"{_signed(gain, metric)} {unit(metric)}"


def amount(gain: float, metric: Metric) -> str:
    """Return how much a value changes, without a sign."""
    return f"{_signed(gain, metric).lstrip('+-')} {unit(metric)}"


def delta_interval(low: float | None, high: float | None, metric: Metric, between: str = ", ") -> str:
    """Return the interval of a gain as one of the metric's value, `–` where it is undefined."""
    if low is None or high is None:
        return "–"
    ends = sorted((low, high)) if metric.better != "lower" else sorted((low, high), reverse=True)
    return between.join(_signed(end, metric) for end in ends)


def cost(gain: float, metric: Metric) -> str:
    """Return a change as what a question costs more or less: `140 more context tokens`, `35 ms less latency`."""
    raw = -gain if metric.better == "lower" else gain
    how = "more" if raw > 0 else "less"
    number = _signed(gain, metric).lstrip("+-")
    name = metric.name.replace("_", " ")
    if not any(digit in number for digit in "123456789"):
        return f"no change in {name.removesuffix(' ms')}"
    if metric.unit in _NOUNS:
        return f"{number} {'more' if raw > 0 else 'fewer'} {name}"
    if metric.unit == "ms":
        return f"{number} ms {how} {name.removesuffix(' ms')}"
    if metric.unit == "usd":
        return f"{number} USD {how}"
    return f"{number} points {how} {metric.name}"


def percent(share: float) -> str:
    """Return a share as a percentage with two digits that tell.

    >>> percent(0.62), percent(0.041)
    ('62 %', '4.1 %')
    """
    return f"{share:.0%}".replace("%", " %") if share >= 0.095 or share == 0 else f"{share:.1%}".replace("%", " %")


def p_value(p: float | None) -> str:
    """Return a p-value with two digits that tell."""
    if p is None:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.2g}" if p < 0.1 else f"{p:.2f}"


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun, in the plural where it is not 1."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def listed(parts: Sequence[str]) -> str:
    """Return parts as a list in a sentence."""
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)


def duration(seconds: float) -> str:
    """Return a time in its two largest units."""
    if seconds < 99.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def shown(value: object) -> str:
    """Return a setting's value as its YAML has it."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(shown, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value) or '""'


def changes(outcome: Outcome, point: Point) -> list[Change]:
    """Return the settings in which a point differs from the sweep's default, in the order of the flow."""
    values = dict(point.values)
    keys = [key for key in outcome.sweep.space.keys if key in values]
    keys += [key for key in values if key not in keys]
    pairs = [(key, default_of(outcome, key), shown(values[key])) for key in keys]
    return [(key, before, after) for key, before, after in pairs if before != after]


def default_of(outcome: Outcome, key: str) -> str:
    """Return the default's value of a setting; `–` where the default has none, as a key of an open mapping may not."""
    found = found_at(outcome, key)
    return "–" if found is _NONE else shown(found)


def found_at(outcome: Outcome, key: str) -> object:
    """Return the default's value of a dotted key; an object of its own where there is none."""
    found: object = outcome.sweep.base
    for part in key.split("."):
        found = found.get(part, _NONE) if isinstance(found, Mapping) else getattr(found, part, _NONE)
    return found


def name(outcome: Outcome, point: Point, most: int = 99) -> str:
    """Return a point by what it changes, as `context.keep 0.5 -> 0.4, rerank.top_n 30 -> 50`."""
    found = [f"{key} {before} -> {after}" for key, before, after in changes(outcome, point)]
    if not found:
        return "the default"
    rest = len(found) - most
    return ", ".join(found) if rest <= 0 else f"{', '.join(found[:most])} and {counted(rest, 'more setting')}"


def value_of(outcome: Outcome, point: Point, key: str) -> str | None:
    """Return a point's value of a searched setting; the default has its own, and a setting that does not count none."""
    space, values = outcome.sweep.space, dict[str, Value](point.values)
    if values:
        return shown(values[key]) if key in values else None
    base = {item.key: cast(Value, found_at(outcome, item.key)) for item in space.parameters} | dict(space.base)
    counts = all(item.active(base, {}) for item in space.parameters if item.key == key)
    return default_of(outcome, key) if counts else None


def _signed(gain: float, metric: Metric) -> str:
    raw = scaled(-gain if metric.better == "lower" else gain, metric)
    text = f"{raw:+,.1f}" if in_points(metric) else _number(raw, metric, sign="+")
    return text if any(digit in text for digit in "123456789") else text.replace("-", "+")


def _number(value: float, metric: Metric, sign: str = "") -> str:
    if metric.unit == "usd":
        return f"{value:{sign}.5f}"
    if abs(value) >= 20:
        return f"{value:{sign},.0f}"
    return f"{value:{sign}.2g}" if metric.unit == "ms" else f"{value:{sign}.1f}".removesuffix(".0")
