"""How far scores can be taken at their word: predicted against observed, over the rows of a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from eval.results import RefusalPoint, Reliability, ReliabilityBin
from eval.stats import Floats, wilson
from rag.shapes.rows import RowJson

_BINS = 10


def calibration(rows: Sequence[RowJson]) -> dict[str, Reliability]:
    """Return the calibration of the gate's answerability and of the citations' support scores, where a run has them.

    `answerability` sets the estimated probability that the context can carry an answer against whether the question is
    answerable, with the `curve` of refusing below each threshold; `support` sets a citation's support score against
    whether it overlaps gold, over citations of cases with gold passages.
    """
    judged = [(row.answerability, row.answerable) for row in rows if row.answerability is not None]
    cited = [pair for row in rows if row.gold.spans for pair in _supported(row)]
    found: dict[str, Reliability] = {}
    if judged:
        found["answerability"] = replace(reliability_of(judged), curve=tuple(refusal_curve(judged)))
    if cited:
        found["support"] = reliability_of(cited)
    return found


def reliability_of(pairs: Iterable[tuple[float, bool]]) -> Reliability:
    """Return how predicted probabilities (0..1) agree with what was observed; ECE (Naeini et al. 2015) in ten bins.

    Raises:
        ValueError: there is no pair.
    """
    predicted, observed = _columns(pairs)
    base = float(observed.mean())
    which = np.minimum((predicted * _BINS).astype(int), _BINS - 1)
    bins = [_bin(i, predicted[which == i], observed[which == i]) for i in sorted({int(i) for i in which})]
    return Reliability(
        n=len(predicted),
        base_rate=base,
        brier=float(np.mean((predicted - observed) ** 2)),
        brier_constant=base * (1 - base),
        ece=sum(b.n * abs(b.observed - b.predicted) for b in bins) / len(predicted),
        bins=tuple(bins),
    )


def refusal_curve(pairs: Iterable[tuple[float, bool]]) -> list[RefusalPoint]:
    """Return, for refusing below each threshold, the shares of unanswerable and of answerable questions refused.

    The rates are None where there is no such question.
    """
    predicted, answerable = _columns(pairs)
    wanted, kept = np.sort(predicted[answerable == 0]), np.sort(predicted[answerable == 1])
    return [
        RefusalPoint(threshold, _share_below(wanted, threshold), _share_below(kept, threshold))
        for threshold in (round(0.05 * i, 2) for i in range(21))
    ]


def _columns(pairs: Iterable[tuple[float, bool]]) -> tuple[Floats, Floats]:
    columns = np.array([(score, float(right)) for score, right in pairs], dtype=np.float64)
    if not len(columns):
        raise ValueError("calibration needs at least one prediction")
    return columns[:, 0], columns[:, 1]


def _bin(i: int, predicted: Floats, observed: Floats) -> ReliabilityBin:
    share = wilson(int(observed.sum()), len(observed))
    return ReliabilityBin(
        from_=i / _BINS,
        to=(i + 1) / _BINS,
        n=len(observed),
        predicted=float(predicted.mean()),
        observed=share.value,
        low=share.low,
        high=share.high,
    )


def _share_below(values: Floats, threshold: float) -> float | None:
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
