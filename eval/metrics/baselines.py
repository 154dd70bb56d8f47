"""Abstention beside what it must beat: always refusing, and the best threshold on one retrieval score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eval.observation import Observation
from eval.stats import Estimate, wilson


@dataclass(frozen=True, slots=True)
class Abstention:
    """How well a rule tells unanswerable from answerable questions; None where a rate has no denominator.

    All rates are 0..1; `false_abstention` is better low, the others high. `rule` says what the rule is.
    """

    rule: str
    precision: Estimate | None
    recall: Estimate | None
    false_abstention: Estimate | None
    f1: float | None


def abstention_table(observations: Sequence[Observation]) -> dict[str, Abstention]:
    """Return the system and both baselines over the cases that were answered or refused; empty if there are none."""
    judged = [seen for seen in observations if seen.abstained is not None]
    if not judged:
        return {}
    unanswerable = [not seen.case.answerable for seen in judged]
    table = {
        "system": _score("the system", unanswerable, [bool(seen.abstained) for seen in judged]),
        "always_abstain": _score("refuse everything", unanswerable, [True] * len(judged)),
    }
    best = _best_threshold(judged, unanswerable)
    if best:
        table["best_single_score"] = best
    return table


def _best_threshold(judged: Sequence[Observation], unanswerable: Sequence[bool]) -> Abstention | None:
    """Return the threshold with the best F1 on these very labels: an oracle, so it is favoured over the system."""
    if not any(unanswerable) or all(unanswerable):
        return None
    best: tuple[float, str, float] | None = None
    for stage in sorted({stage for seen in judged for stage in seen.top_scores}):
        f1, threshold = _best_cut(_scores(judged, stage), np.asarray(unanswerable))
        if best is None or f1 > best[0]:
            best = (f1, stage, threshold)
    if best is None:
        return None
    _, stage, threshold = best
    rule = f"refuse if the top {stage} score is below {threshold:.4g} (chosen on these labels: an oracle)"
    return _score(rule, unanswerable, [bool(score < threshold) for score in _scores(judged, stage)])


def _scores(judged: Sequence[Observation], stage: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([_top(seen.top_scores, stage) for seen in judged])


def _top(scores: Mapping[str, float], stage: str) -> float:
    return scores.get(stage, -np.inf)  # nothing found in that stage: the weakest evidence there is


def _best_cut(
    scores: np.ndarray[tuple[int], np.dtype[np.float64]], unanswerable: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> tuple[float, float]:
    """Return the best F1 of `score < threshold` as a sign of unanswerable, and the smallest threshold that has it."""
    values = np.unique(scores)
    thresholds = np.append(values[1:], np.nextafter(values[-1], np.inf))
    order = np.sort(scores), np.sort(scores[unanswerable])
    refused = np.searchsorted(order[0], thresholds, side="left")
    right = np.searchsorted(order[1], thresholds, side="left")
    f1 = 2 * right / (refused + len(order[1]))
    best = int(np.argmax(f1))
    return float(f1[best]), float(thresholds[best])


def _score(rule: str, unanswerable: Sequence[bool], refused: Sequence[bool]) -> Abstention:
    right = sum(wanted and done for wanted, done in zip(unanswerable, refused, strict=True))
    wanted, done = sum(unanswerable), sum(refused)
    return Abstention(
        rule=rule,
        precision=_rate(right, done),
        recall=_rate(right, wanted),
        false_abstention=_rate(done - right, len(refused) - wanted),
        f1=2 * right / (wanted + done) if wanted else None,
    )


def _rate(successes: int, n: int) -> Estimate | None:
    return wilson(successes, n) if n else None
