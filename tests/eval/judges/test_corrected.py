"""Corrected estimates: worked by hand, and true to their 95 % over simulated judges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.judges.corrected import Confusion, moments, ppi_mean, rogan_gladen

REPEATS = 400
LEAST = 0.92  # of intervals that hold the truth: 95 % less three standard errors of 400 repeats


def test_moments_are_those_of_numpy() -> None:
    human, judge = [0.0, 1.0, 1.0, 0.0], [0.1, 0.9, 0.6, 0.3]
    found = moments(human, judge)
    assert (found.human, found.judge, found.n) == (0.5, pytest.approx(0.475), 4)
    assert found.human_variance == pytest.approx(np.var(human, ddof=1))
    assert found.covariance == pytest.approx(np.cov(human, judge)[0, 1])
    with pytest.raises(ValueError, match="two or more pairs"):
        moments([1.0], [1.0])


def test_prediction_powered_mean_by_hand() -> None:
    # covariance = judge variance, so lambda = 1 / (1 + n / N) = 1 / (1 + 4 / 12) = 0.75
    labelled = moments([0.0, 1.0, 1.0, 0.0], [0.0, 1.0, 1.0, 0.0])
    found = ppi_mean(labelled, [1.0] * 9 + [0.0] * 3)
    assert found.value == pytest.approx(0.5 + 0.75 * (0.75 - 0.5)) and found.n == 12
    error = (0.75**2 * np.var([1.0] * 9 + [0.0] * 3, ddof=1) / 12 + 0.25**2 * (1 / 3) / 4) ** 0.5
    assert found.high == pytest.approx(found.value + 1.959963984540054 * error)


def test_a_judge_that_knows_nothing_leaves_the_labels_mean() -> None:
    labelled = moments([0.0, 1.0, 0.0, 1.0], [0.4, 0.4, 0.6, 0.6])
    assert ppi_mean(labelled, [0.9] * 50).value == 0.5
    assert ppi_mean(moments([0.0, 1.0], [0.5, 0.5]), [0.9]).value == 0.5
    with pytest.raises(ValueError, match="needs judged items"):
        ppi_mean(labelled, [])


def test_prediction_powered_intervals_hold_the_truth_and_are_shorter() -> None:
    rng = np.random.default_rng(3)
    held, shorter = 0, 0
    for _ in range(REPEATS):
        people = (rng.random(1000) < 0.3).astype(float)
        judge = np.clip(0.2 + 0.6 * people + rng.normal(0, 0.15, 1000), 0, 1)  # biased, but it knows something
        found = ppi_mean(moments(people[:100].tolist(), judge[:100].tolist()), judge[100:].tolist())
        assert found.low is not None and found.high is not None
        held += found.low <= 0.3 <= found.high
        shorter += found.high - found.low < 2 * 1.96 * people[:100].std(ddof=1) / 10
    assert held / REPEATS >= LEAST and shorter / REPEATS > 0.95


def test_rogan_gladen_by_hand() -> None:
    found = rogan_gladen(50, 100, Confusion(100, 90, 100, 80))
    assert found is not None and found.value == pytest.approx((0.5 + 0.8 - 1) / (0.9 + 0.8 - 1))
    assert rogan_gladen(5, 100, Confusion(100, 90, 100, 80)).value == 0.0  # type: ignore[union-attr]


def test_a_judge_that_cannot_tell_corrects_nothing() -> None:
    assert rogan_gladen(5, 10, Confusion(10, 5, 10, 5)) is None
    assert rogan_gladen(5, 10, Confusion(0, 0, 10, 5)) is None
    with pytest.raises(ValueError, match="n > 0"):
        rogan_gladen(0, 0, Confusion(1, 1, 1, 1))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_rogan_gladen_intervals_hold_the_truth(share: float) -> None:
    rng = np.random.default_rng(4)
    held = 0
    for _ in range(REPEATS):
        labelled = Confusion(80, int(rng.binomial(80, 0.85)), 60, int(rng.binomial(60, 0.8)))
        called = int(rng.binomial(300, share * 0.85 + (1 - share) * 0.2))
        found = rogan_gladen(called, 300, labelled)
        assert found is not None and found.low is not None and found.high is not None
        held += found.low <= share <= found.high
    assert held / REPEATS >= LEAST


@given(st.integers(1, 60), st.data())
def test_rogan_gladen_stays_a_rate(n: int, data: st.DataObject) -> None:
    true, false = data.draw(st.integers(0, 20)), data.draw(st.integers(0, 20))
    labelled = Confusion(true, data.draw(st.integers(0, true)), false, data.draw(st.integers(0, false)))
    found = rogan_gladen(data.draw(st.integers(0, n)), n, labelled)
    if found is not None:
        assert found.low is not None and found.high is not None
        assert 0 <= found.low <= found.value <= found.high <= 1
