"""Calibration: predicted against observed, by hand, against scikit-learn and for scores that are right by design."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, roc_curve

from eval.report.calibration import calibration, refusal_curve, reliability_of
from rag.shapes.rows import RowJson
from tests.eval.lines import CITED, line

pairs = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)


def row(answerability: float | None, answerable: bool, citations: tuple[tuple[float, int, int], ...] = ()) -> RowJson:
    cited = [CITED | {"start": start, "end": end, "support_score": score} for score, start, end in citations]
    spans = [{"doc_id": "d", "start": 10, "end": 20, "text": "x" * 10}] if answerable else []
    sentences = [{"text": "S.", "start": 0, "end": 2, "citations": cited}]
    fields = {"answerability": answerability, "answerable": answerable, "gold": {"spans": spans}}
    return line(fields | {"sentences": sentences})


def test_by_hand() -> None:
    found = reliability_of([(0.95, True), (0.91, False), (0.05, False), (1.0, True)])
    assert [(b.from_, b.n, b.observed) for b in found.bins] == [(0.0, 1, 0.0), (0.9, 3, 2 / 3)]
    assert found.base_rate == 0.5 and found.brier_constant == 0.25
    assert found.brier == pytest.approx((0.05**2 + 0.91**2 + 0.05**2) / 4)
    assert found.ece == pytest.approx((1 * 0.05 + 3 * abs(2 / 3 - 2.86 / 3)) / 4)


@settings(deadline=None)
@given(pairs)
def test_brier_and_bins_equal_scikit_learn(found: list[tuple[float, bool]]) -> None:
    ours = reliability_of(found)
    predicted, observed = [p for p, _ in found], [o for _, o in found]
    assert ours.brier == pytest.approx(brier_score_loss(observed, predicted), rel=0, abs=1e-9)
    assert sum(b.n for b in ours.bins) == ours.n == len(found)
    assert 0 <= ours.ece <= 1 and all(b.low <= b.observed <= b.high for b in ours.bins)
    inside = [p for p in predicted if round(p * 10, 6) % 1]
    if len(inside) == len(predicted) and len(set(observed)) == 2:  # a score on an edge may fall to either side
        shares, means = calibration_curve(observed, predicted, n_bins=10)
        assert [b.observed for b in ours.bins] == pytest.approx(list(shares))
        assert [b.predicted for b in ours.bins] == pytest.approx(list(means))


def test_a_score_that_is_right_by_design_has_a_small_error() -> None:
    rng = np.random.default_rng(3)
    predicted = rng.random(4000)
    right = [(float(p), bool(rng.random() < p)) for p in predicted]
    assert reliability_of(right).ece < 0.04
    assert reliability_of([(1 - p, o) for p, o in right]).ece > 0.4


@settings(deadline=None)
@given(pairs)
def test_the_refusal_curve_lies_on_the_roc_curve(found: list[tuple[float, bool]]) -> None:
    answerable = np.array([a for _, a in found])
    curve = refusal_curve(found)
    assert [step.threshold for step in curve] == pytest.approx(np.linspace(0, 1, 21))
    if answerable.all() or not answerable.any():
        assert {step.abstention_recall for step in curve if answerable.all()} <= {None}
        return
    false, true, _ = roc_curve(~answerable, [-p for p, _ in found], drop_intermediate=False)
    points = set(zip(false.round(9), true.round(9), strict=True))
    assert all((round(s.false_abstention, 9), round(s.abstention_recall, 9)) in points for s in curve)


def test_a_run_has_what_its_rows_have() -> None:
    found = calibration(
        [row(0.9, True, ((0.8, 15, 30), (0.3, 30, 40))), row(0.2, False, ((0.7, 0, 5),)), row(None, True)]
    )
    assert found["answerability"].n == 2 and len(found["answerability"].curve) == 21
    assert found["support"].n == 2 and found["support"].base_rate == 0.5  # a case without gold says nothing
    assert calibration([row(None, False)]) == {}
    with pytest.raises(ValueError, match="at least one"):
        reliability_of([])
