"""Statistics against scipy, statsmodels and cases worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from eval.stats import (
    benjamini_hochberg,
    cases_to_detect,
    holm,
    mcnemar_exact,
    mean_interval,
    minimal_detectable_effect,
    non_inferiority,
    paired_difference,
    pass_rate_bounds,
    quantile_interval,
    sign_flip_p,
    trials_needed,
    wilson,
)
from eval.stats.means import resampled_quantiles

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=20)
proportions = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@settings(deadline=None)
@given(proportions)
def test_wilson_equals_scipy_and_statsmodels(proportion: tuple[int, int]) -> None:
    ours, theirs = wilson(*proportion), scipy_stats.binomtest(*proportion).proportion_ci(method="wilson")
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=0, abs=1e-9)
    assert (ours.low, ours.high) == pytest.approx(proportion_confint(*proportion, method="wilson"), rel=0, abs=1e-9)
    assert 0 <= ours.low <= ours.value <= ours.high <= 1  # type: ignore[operator]


@settings(deadline=None)
@given(proportions)
def test_one_sided_bounds_equal_scipy_and_statsmodels(proportion: tuple[int, int]) -> None:
    bounds = pass_rate_bounds(*proportion)
    for i, side in enumerate(("greater", "less")):
        theirs = scipy_stats.binomtest(*proportion, alternative=side).proportion_ci(0.95, method="exact")
        assert bounds[i] == pytest.approx((theirs.low, theirs.high)[i], rel=0, abs=1e-9)
    # one-sided at 95 % is each end of the two-sided 90 % interval
    assert bounds == pytest.approx(proportion_confint(*proportion, alpha=0.1, method="beta"), rel=0, abs=1e-9)


@pytest.mark.parametrize(("failures", "n"), [(0, 59), (1, 93), (2, 124), (3, 153)])
def test_over_95_percent_needs_the_protocols_trials(failures: int, n: int) -> None:
    assert trials_needed(failures) == n
    assert pass_rate_bounds(n - failures, n)[0] > 0.95 >= pass_rate_bounds(n - 1 - failures, n - 1)[0]


@settings(deadline=None)
@given(st.integers(0, 20), st.floats(0.05, 0.99))
def test_one_trial_less_never_shows_the_rate(failures: int, rate: float) -> None:
    n = trials_needed(failures, rate)
    assert pass_rate_bounds(n - failures, n)[0] > rate
    assert n == failures + 1 or pass_rate_bounds(n - 1 - failures, n - 1)[0] <= rate


def test_a_proportion_is_asked_for() -> None:
    for successes, n in ((0, 0), (3, 2), (-1, 2)):
        for bounds in (wilson, pass_rate_bounds):
            with pytest.raises(ValueError, match="proportion"):
                bounds(successes, n)
    for failures, rate in ((0, 1.0), (0, 0.0), (-1, 0.5)):
        with pytest.raises(ValueError, match="inside"):
            trials_needed(failures, rate)


@settings(deadline=None)
@given(b=st.integers(0, 60), c=st.integers(0, 60))
def test_mcnemar_equals_the_exact_binomial_test(b: int, c: int) -> None:
    theirs = scipy_stats.binomtest(b, b + c).pvalue if b + c else 1.0
    assert mcnemar_exact(b, c) == pytest.approx(theirs, rel=0, abs=1e-12)
    if b + c:
        assert mcnemar_exact(b, c) == pytest.approx(mcnemar([[0, b], [c, 0]], exact=True).pvalue, rel=0, abs=1e-9)


@settings(deadline=None, max_examples=8)  # statsmodels takes long
@given(p_values)
def test_corrections_equal_scipy_and_statsmodels(p: list[float]) -> None:
    assert benjamini_hochberg(p) == pytest.approx(scipy_stats.false_discovery_control(p), rel=0, abs=1e-12)
    assert benjamini_hochberg(p) == pytest.approx(multipletests(p, method="fdr_bh")[1], rel=0, abs=1e-9)
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], rel=0, abs=1e-9)


def test_holm_by_hand() -> None:
    # sorted .01 .02 .03 .04 times 4 3 2 1, made monotone: .04 .06 .06 .06
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([]) == []


@settings(deadline=None)
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
    assert sign_flip_p([float(x) for x in data]) == pytest.approx(min(1.0, float(theirs.pvalue)), rel=0, abs=1e-9)


def test_sampled_sign_flip_is_near_the_t_test_and_never_zero() -> None:
    data = np.random.default_rng(1).normal(0.2, 1.0, 200)
    assert sign_flip_p(list(data)) == pytest.approx(scipy_stats.ttest_1samp(data, 0).pvalue, abs=0.01)
    assert sign_flip_p([1.0] * 50) == 1 / 10_001


def test_an_interval_of_many_values_is_near_scipys_bootstrap() -> None:
    data = np.random.default_rng(2).random(150)
    theirs = scipy_stats.bootstrap((data,), np.mean, method="percentile", rng=3).confidence_interval
    ours = mean_interval(list(data))
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.01)
    assert ours.value == pytest.approx(data.mean()) and "question" in ours.method


def test_clusters_widen_the_interval_and_are_named() -> None:
    rng = np.random.default_rng(4)
    effects = np.repeat(rng.normal(0, 1, 40), 10)
    values, clusters = list(effects + rng.normal(0, 0.1, 400)), list(np.repeat(np.arange(40), 10))
    by_cluster, by_question = mean_interval(values, clusters, limits=(-3, 3)), mean_interval(values, limits=(-3, 3))
    assert "by cluster" in by_cluster.method and "by question" in by_question.method
    assert by_cluster.high - by_cluster.low > 2 * (by_question.high - by_question.low)  # type: ignore[operator]


def test_few_clusters_are_no_units() -> None:
    assert "by question" in mean_interval([0.0, 1.0] * 29, list(range(29)) * 2).method
    assert "by cluster" in mean_interval([0.0, 1.0] * 30, list(range(30)) * 2).method


def test_a_single_value_has_no_interval() -> None:
    assert mean_interval([0.5], limits=None).low is None and quantile_interval([0.5], 0.95).high is None
    assert paired_difference([0.1], [0.2]).low is None
    with pytest.raises(ValueError, match="at least one"):
        mean_interval([])


def test_quantiles_lie_in_their_intervals() -> None:
    found = quantile_interval([float(x) for x in range(101)], 0.95)
    assert found.value == 95 and found.low <= 95 <= found.high  # type: ignore[operator]


@pytest.mark.parametrize("q", [0.0, 0.5, 0.95, 1.0])
@pytest.mark.parametrize("n", [2, 7, 50])
def test_drawn_order_statistics_are_distributed_like_those_of_drawn_samples(n: int, q: float) -> None:
    rng = np.random.default_rng(n)
    data = np.sort(rng.exponential(size=n))
    samples = np.quantile(data[rng.integers(0, n, (20_000, n))], q, axis=1)
    drawn = resampled_quantiles(data, q, 1, 20_000)
    assert scipy_stats.ks_2samp(drawn.round(9), samples.round(9)).statistic < 0.02  # .0163 at p .01


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(400):
        found = mean_interval(list(rng.random(200)))
        covered += found.low <= 0.5 <= found.high  # type: ignore[operator]
    assert 376 <= covered <= 397


def test_the_minimal_detectable_effect_of_the_textbook() -> None:
    halves = np.repeat([0.25, -0.25], 200).tolist()
    assert minimal_detectable_effect(paired_difference([0.0] * 400, halves)) == pytest.approx(0.035, rel=0.15)
    many = np.repeat([0.25, -0.25], 200_000).tolist()
    textbook = (1.959964 + 0.841621) * 0.25 / math.sqrt(400_000)
    assert minimal_detectable_effect(paired_difference([0.0] * 400_000, many, draws=0)) == pytest.approx(textbook, 0.01)


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


def test_identical_runs_pass_only_what_their_number_shows() -> None:
    values = [0.1, 0.9] * 20
    same = paired_difference(values, values)
    assert non_inferiority(same, 0.1).verdict == "PASS"  # 0 of 40: at most 8.8 % broken
    assert non_inferiority(same, 0.08).verdict == "INCONCLUSIVE"


def test_the_cases_that_would_detect_a_difference_do() -> None:
    rng = np.random.default_rng(8)
    values = [float(x) for x in rng.normal(0.05, 0.3, 80)]
    seen = paired_difference([0.0] * 80, values)
    more = cases_to_detect(seen)
    assert more is not None and 40 < more < 2000
    again = [rng.choice(values, 80 + more) for _ in range(200)]
    found = [paired_difference([0.0] * len(drawn), drawn.tolist(), draws=0) for drawn in again]
    assert 140 <= sum(item.low > 0 for item in found) <= 185  # type: ignore[operator, misc]
    assert cases_to_detect(paired_difference([0.0] * 80, [0.5 + v / 10 for v in values])) == 0
    assert cases_to_detect(paired_difference([0.1] * 9, [0.1] * 9)) is None
    assert cases_to_detect(paired_difference([0.1], [0.2])) is None


def test_pairs_must_match() -> None:
    with pytest.raises(ValueError, match="must match"):
        paired_difference([1.0], [1.0, 2.0])
