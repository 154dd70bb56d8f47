"""Statistics against scipy, statsmodels' published values and cases worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from eval.stats import (
    benjamini_hochberg,
    holm,
    mcnemar_exact,
    mean_interval,
    minimal_detectable_effect,
    non_inferiority,
    paired_difference,
    quantile_interval,
    sign_flip_p,
    wilson,
)

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=20)


@given(n=st.integers(1, 500), share=st.floats(0, 1))
def test_wilson_equals_scipy(n: int, share: float) -> None:
    k = round(share * n)
    theirs = scipy_stats.binomtest(k, n).proportion_ci(method="wilson")
    ours = wilson(k, n)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_wilson_needs_a_proportion() -> None:
    for successes, n in ((0, 0), (3, 2), (-1, 2)):
        with pytest.raises(ValueError, match="proportion"):
            wilson(successes, n)


@given(b=st.integers(0, 60), c=st.integers(0, 60))
def test_mcnemar_equals_the_exact_binomial_test(b: int, c: int) -> None:
    theirs = scipy_stats.binomtest(b, b + c).pvalue if b + c else 1.0
    assert mcnemar_exact(b, c) == pytest.approx(theirs, abs=1e-12)


@given(p_values)
def test_benjamini_hochberg_equals_scipy(p: list[float]) -> None:
    assert benjamini_hochberg(p) == pytest.approx(scipy_stats.false_discovery_control(p), abs=1e-12)


def test_holm_by_hand() -> None:
    # sorted .01 .02 .03 .04 times 4 3 2 1, made monotone: .04 .06 .06 .06
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([]) == []


@given(p_values)
def test_holm_lies_between_the_raw_values_and_bonferroni(p: list[float]) -> None:
    for raw, adjusted in zip(p, holm(p), strict=True):
        assert raw <= adjusted <= min(1.0, raw * len(p)) + 1e-12 or adjusted == pytest.approx(max(holm(p)))


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(-5, 5), min_size=2, max_size=9))
def test_exact_sign_flip_equals_scipy(data: list[int]) -> None:
    theirs = scipy_stats.permutation_test(
        (np.array(data, dtype=float), np.zeros(len(data))), lambda x, y, axis: (x - y).sum(axis=axis),
        permutation_type="samples", n_resamples=np.inf, vectorized=True,
    )  # fmt: skip
    assert sign_flip_p([float(x) for x in data]) == pytest.approx(min(1.0, float(theirs.pvalue)), abs=1e-9)


def test_sampled_sign_flip_is_near_the_t_test_and_never_zero() -> None:
    data = np.random.default_rng(1).normal(0.2, 1.0, 200)
    assert sign_flip_p(list(data)) == pytest.approx(scipy_stats.ttest_1samp(data, 0).pvalue, abs=0.01)
    assert sign_flip_p([1.0] * 50) == 1 / 10_001


def test_bootstrap_interval_is_near_scipys() -> None:
    data = np.random.default_rng(2).random(150)
    theirs = scipy_stats.bootstrap((data,), np.mean, method="percentile", rng=3).confidence_interval
    ours = mean_interval(list(data))
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.01)
    assert ours.value == pytest.approx(data.mean()) and "question" in ours.method


def test_clusters_widen_the_interval_and_are_named() -> None:
    rng = np.random.default_rng(4)
    effects = np.repeat(rng.normal(0, 1, 40), 10)
    values, clusters = list(effects + rng.normal(0, 0.1, 400)), list(np.repeat(np.arange(40), 10))
    by_cluster, by_question = mean_interval(values, clusters), mean_interval(values)
    assert "by cluster" in by_cluster.method and "by question" in by_question.method
    assert by_cluster.high - by_cluster.low > 2 * (by_question.high - by_question.low)  # type: ignore[operator]


def test_few_clusters_are_not_resampled() -> None:
    assert "by question" in mean_interval([0.0, 1.0] * 29, list(range(29)) * 2).method
    assert "by cluster" in mean_interval([0.0, 1.0] * 30, list(range(30)) * 2).method


def test_a_single_value_has_no_interval() -> None:
    assert mean_interval([0.5]).low is None and quantile_interval([0.5], 0.95).high is None
    assert paired_difference([0.1], [0.2]).low is None
    with pytest.raises(ValueError, match="at least one"):
        mean_interval([])


def test_quantiles_lie_in_their_intervals() -> None:
    found = quantile_interval([float(x) for x in range(101)], 0.95)
    assert found.value == 95 and found.low <= 95 <= found.high  # type: ignore[operator]


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    covered = 0
    for i in range(200):
        found = mean_interval(list(rng.random(60)), seed=i, draws=400)
        covered += found.low <= 0.5 <= found.high  # type: ignore[operator]
    assert 180 <= covered <= 199


def test_the_minimal_detectable_effect_of_the_textbook() -> None:
    assert minimal_detectable_effect(0.25 / math.sqrt(400)) == pytest.approx(0.035, abs=1e-4)


def _verdict(shift: float, n: int = 400, margin: float = 0.05) -> str:
    rng = np.random.default_rng(6)
    base = rng.random(n)
    noise = rng.normal(0, 0.2, n)
    return non_inferiority(paired_difference(list(base), list(base + noise - noise.mean() + shift)), margin).verdict


def test_non_inferiority_has_three_outcomes() -> None:
    assert _verdict(0.0) == "PASS"
    assert _verdict(-0.12) == "FAIL"
    assert _verdict(-0.05) == "INCONCLUSIVE"
    assert _verdict(0.0, n=30, margin=0.01) == "INCONCLUSIVE"
    with pytest.raises(ValueError, match="positive"):
        _verdict(0.0, margin=0.0)


def test_the_advice_decides_when_it_is_followed() -> None:
    rng = np.random.default_rng(7)
    noise = list(rng.normal(0.0, 0.3, 60))
    first = non_inferiority(paired_difference([0.0] * 60, noise), 0.05)
    assert first.verdict == "INCONCLUSIVE" and first.more_cases
    decided = 0
    for _ in range(20):
        more = [float(x) for x in rng.normal(np.mean(noise), 0.3, 60 + first.more_cases)]
        decided += (
            non_inferiority(paired_difference([0.0] * len(more), more, draws=1000), 0.05).verdict != "INCONCLUSIVE"
        )
    assert decided >= 10


def test_identical_runs_pass_any_margin() -> None:
    values = [0.1, 0.9] * 20
    assert non_inferiority(paired_difference(values, values), 0.001).verdict == "PASS"


def test_pairs_must_match() -> None:
    with pytest.raises(ValueError, match="must match"):
        paired_difference([1.0], [1.0, 2.0])
