"""A calibration as lines of text; no figure without its n."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]

_LINES = (
    ("accuracy", "accuracy"),
    ("sensitivity", "sensitivity"),
    ("specificity", "specificity"),
    ("base_rate", "base rate (people say true)"),
    ("judge_rate", "judge says true"),
    ("position_bias", "position bias (score with passages reversed, minus score)"),
    ("position_flips", "verdicts that turn with the passages"),
    ("length_bias", "length bias (rank correlation of length and score above label)"),
)


def render_calibration(record: Json) -> str:
    """Return the figures of a calibration record, kappa first."""
    judged = f"judge {record['judge']} ({record['model']}) on {record['metric']}, {record['labels']['name']}"
    annotators = f"{record['annotators']} labels an item" if record["annotators"] > 1 else "one label an item"
    lines = [
        f"{judged}: n={record['n']} of {record['items']} items, {annotators}, true from {record['threshold']:g}",
        f"  {'kappa':<64} {_shown(record['kappa'])}",
        f"  {'Krippendorff alpha, judge and people':<64} {_plain(record['alpha'])}",
        f"  {'Krippendorff alpha, people among themselves':<64} {_plain(record['human_alpha'])}",
    ]
    for key, title in _LINES:
        lines.append(f"  {title:<64} {_shown(record[key])}")
        if key == "accuracy":
            lines.append(f"  {'  of always saying what is more frequent':<64} {record['constant_accuracy']:.3f}")
    lines += [f"  {number} unmeasured: {reason}" for reason, number in record["unmeasured"].items()]
    return "\n".join(lines)


def _shown(figure: Json | None) -> str:
    if figure is None:
        return "unmeasured"
    bounds = "" if figure["low"] is None else f" [{figure['low']:.3f}, {figure['high']:.3f}]"
    return f"{figure['value']:.3f}{bounds} n={figure['n']}"


def _plain(value: float | None) -> str:
    return "unmeasured" if value is None else f"{value:.3f}"
