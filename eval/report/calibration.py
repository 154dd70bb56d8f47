"""How far scores can be taken at their word: predicted against observed, over the rows of a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from eval.stats import wilson
from rag.shapes.rows import RowJson

Json = dict[str, Any]

_BINS = 10


def calibration(rows: Sequence[RowJson]) -> Json:
    """Return the calibration of the gate's answerability and of the citations' support scores, where a run has them.

    `answerability` sets the estimated probability that the context can carry an answer against whether the question is
    answerable, with the `curve` of refusing below each threshold; `support` sets a citation's support score against
    whether it overlaps gold, over citations of cases with gold passages. Each holds `n`, the `base_rate`, `brier`
    (0..1, lower is better) beside `brier_constant` (always predicting the base rate), `ece` (Naeini et al. 2015; bins
    of a tenth) and the `bins`.
    """
    judged = [(row.answerability, row.answerable) for row in rows if row.answerability is not None]
    cited = [pair for row in rows if row.gold.spans for pair in _supported(row)]
    found: Json = {}
    if judged:
        found["answerability"] = reliability_of(judged) | {"curve": refusal_curve(judged)}
    if cited:
        found["support"] = reliability_of(cited)
    return found


def reliability_of(pairs: Iterable[tuple[float, bool]]) -> Json:
    """Return how predicted probabilities (0..1) agree with what was observed.

    Raises:
        ValueError: there is no pair.
    """
    predicted, observed = _columns(pairs)
    base = float(observed.mean())
    which = np.minimum((predicted * _BINS).astype(int), _BINS - 1)
    bins = [_bin(i, predicted[which == i], observed[which == i]) for i in sorted({int(i) for i in which})]
    return {
        "n": len(predicted),
        "base_rate": base,
        "brier": float(np.mean((predicted - observed) ** 2)),
        "brier_constant": base * (1 - base),
        "ece": sum(b["n"] * abs(b["observed"] - b["predicted"]) for b in bins) / len(predicted),
        "bins": bins,
    }


def refusal_curve(pairs: Iterable[tuple[float, bool]]) -> list[Json]:
    """Return, for refusing below each threshold, the shares of unanswerable and of answerable questions refused.

    The rates are None where there is no such question.
    """
    predicted, answerable = _columns(pairs)
    wanted, kept = np.sort(predicted[answerable == 0]), np.sort(predicted[answerable == 1])
    return [
        {
            "threshold": threshold,
            "abstention_recall": _share_below(wanted, threshold),
            "false_abstention": _share_below(kept, threshold),
        }
        for threshold in (round(0.05 * i, 2) for i in range(21))
    ]


def _columns(pairs: Iterable[tuple[float, bool]]) -> tuple[Any, Any]:
    columns = np.array([(score, float(right)) for score, right in pairs], dtype=np.float64)
    if not len(columns):
        raise ValueError("calibration needs at least one prediction")
    return columns[:, 0], columns[:, 1]


def _bin(i: int, predicted: Any, observed: Any) -> Json:
    share = wilson(int(observed.sum()), len(observed))
    return {
        "from": i / _BINS,
        "to": (i + 1) / _BINS,
        "n": len(observed),
        "predicted": float(predicted.mean()),
        "observed": share.value,
        "low": share.low,
        "high": share.high,
    }


def _share_below(values: Any, threshold: float) -> float | None:
    return float(np.searchsorted(values, threshold, side="left") / len(values)) if len(values) else None


def _supported(row: RowJson) -> Iterable[tuple[float, bool]]:
    for sentence in row.sentences:
        for cited in sentence.citations:
            yield (
                cited.support_score,
                any(
                    cited.doc_id == gold.doc_id and cited.start < gold.end and gold.start < cited.end
                    for gold in row.gold.spans
                ),
            )
