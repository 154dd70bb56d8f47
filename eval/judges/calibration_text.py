"""A calibration as lines of text; no figure without its n."""

from __future__ import annotations

from collections.abc import Iterator

from eval.results import Agreement, CalibrationRecord, Figure


def render_calibration(record: CalibrationRecord) -> str:
    """Return the figures of a calibration record, kappa first."""
    found = record.agreement
    judged = f"judge {record.judge} ({record.model}) on {record.metric}, {record.labels.name}"
    annotators = f"{found.annotators} labels an item" if found.annotators > 1 else "one label an item"
    lines = [
        f"{judged}: n={found.n} of {found.items} items, {annotators}, true from {found.threshold:g}",
        *(f"  {title:<64} {value}" for title, value in _figures(found)),
        *(f"  {number} unmeasured: {reason}" for reason, number in found.unmeasured.items()),
    ]
    return "\n".join(lines)


def _figures(found: Agreement) -> Iterator[tuple[str, str]]:
    yield "kappa", _shown(found.kappa)
    yield "Krippendorff alpha, judge and people", _plain(found.alpha)
    yield "Krippendorff alpha, people among themselves", _plain(found.human_alpha)
    yield "accuracy", _shown(found.accuracy)
    yield "  of always saying what is more frequent", _plain(found.constant_accuracy)
    yield "sensitivity", _shown(found.sensitivity)
    yield "specificity", _shown(found.specificity)
    yield "base rate (people say true)", _shown(found.base_rate)
    yield "judge says true", _shown(found.judge_rate)
    yield "position bias (score with passages reversed, minus score)", _shown(found.position_bias)
    yield "verdicts that turn with the passages", _shown(found.position_flips)
    yield "length bias (rank correlation of length and score above label)", _shown(found.length_bias)


def _shown(figure: Figure | None) -> str:
    if figure is None:
        return "unmeasured"
    bounds = "" if figure.low is None else f" [{figure.low:.3f}, {figure.high:.3f}]"
    return f"{figure.value:.3f}{bounds} n={figure.n}"


def _plain(value: float | None) -> str:
    return "unmeasured" if value is None else f"{value:.3f}"
