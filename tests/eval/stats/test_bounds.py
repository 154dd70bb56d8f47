"""What the gate promises at few cases: who passes at a true loss of the margin, what intervals cover, what decides.

The full counts run under `make accept`; here the rates are enumerated exactly and the rest is a seeded sample.
"""

from __future__ import annotations

import doctest
import importlib
import math
import pkgutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any

import numpy as np
import pytest
from scipy import stats as scipy_stats
from scipy.special import betaincinv, ndtr

import eval.stats
from eval.gate.policy import INCONCLUSIVE, GatePolicy, decide, render_gate, run_gate
from eval.saved import SavedRun
from eval.stats import (
    DIFFERENCE,
    SHARE,
    Floats,
    Sample,
    mean_interval,
    minimal_detectable_effect,
    non_inferiority,
    paired_difference,
    pass_rate_bounds,
)
from eval.stats.bounds import chance_below, lower_bound, upper_bound
from tests.eval.gate.test_policy import saved

Draw = Callable[[np.random.Generator, int, float], Floats]
"""Draws the differences of `n` cases whose true mean is `-loss`."""

SIZES = (10, 20, 30, 50, 100, 400)
LEVEL = 0.025
MARGIN = 0.05


def rates(discordant: float) -> Draw:
    def draw(rng: np.random.Generator, n: int, loss: float) -> Floats:
        worse, better = (discordant + loss) / 2, (discordant - loss) / 2
        return rng.choice([-1.0, 0.0, 1.0], n, p=[worse, 1 - discordant, better])

    return draw


def betas(correlation: float) -> Draw:
    """Scores of Beta(8, 2) in both runs, tied by a normal copula; the candidate loses the same in every case."""

    def draw(rng: np.random.Generator, n: int, loss: float) -> Floats:
        normal = rng.standard_normal((2, n))
        normal[1] = correlation * normal[0] + math.sqrt(1 - correlation**2) * normal[1]
        scores = betaincinv(8, 2, ndtr(normal))
        return np.asarray(np.clip(scores[1] - scores[0] - loss, -1, 1))

    return draw


def mostly_zero(rng: np.random.Generator, n: int, loss: float) -> Floats:
    """One case in ten moves, by anything between the limits around a tenfold loss."""
    middle = -10 * loss
    moved = middle + (1 - abs(middle)) * rng.uniform(-1, 1, n)
    return np.where(rng.random(n) < 0.1, moved, 0.0)


def seldom_lost(rng: np.random.Generator, n: int, loss: float) -> Floats:
    """A little noise in most cases, and now and then one that is lost altogether: what no spread of a sample tells."""
    noise = rng.uniform(-0.01, 0.01, n)
    return np.where(rng.random(n) < loss, -1.0, noise * (1 - loss))


DRAWS: dict[str, tuple[Draw, float]] = {
    "rates, 2 % discordant": (rates(0.02), 0.02),
    "rates, 10 % discordant": (rates(0.1), MARGIN),
    "rates, 30 % discordant": (rates(0.3), MARGIN),
    "Beta(8, 2), correlation 0": (betas(0.0), MARGIN),
    "Beta(8, 2), correlation 0.8": (betas(0.8), MARGIN),
    "90 % zero": (mostly_zero, MARGIN),
    "seldom lost": (seldom_lost, MARGIN),
}
"""Each with the margin that is also its true loss: 2 % discordant pairs cannot lose more than 2 points."""


@lru_cache(maxsize=100_000)
def interval(differences: bytes) -> tuple[float, float]:
    found = paired_difference([0.0] * (len(differences) // 8), np.frombuffer(differences).tolist(), draws=0)
    assert found.low is not None and found.high is not None
    return found.low, found.high


def intervals(draw: Draw, rng: np.random.Generator, n: int, loss: float, samples: int) -> Floats:
    """Return `(samples, 2)`; samples of the same differences are bounded once."""
    return np.array([interval(np.sort(draw(rng, n, loss)).tobytes()) for _ in range(samples)])


def old_lows(draw: Draw, rng: np.random.Generator, n: int, loss: float, samples: int) -> Floats:
    """Return the lower bounds of the rule before: a percentile bootstrap, here by its normal limit."""
    drawn = np.array([draw(rng, n, loss) for _ in range(samples)])
    return np.asarray(drawn.mean(axis=1) - 1.96 * drawn.std(axis=1) / math.sqrt(n))


def most(samples: int, rate: float = LEVEL) -> float:
    """Return what a true rate may show in a simulation: three standard errors more."""
    return rate + 3 * math.sqrt(rate * (1 - rate) / samples)


# --- the bound itself ---


@pytest.mark.parametrize("n", [1, 2, 5, 10, 59, 400])
def test_of_all_or_nothing_it_is_the_exact_bound(n: int) -> None:
    for broken in {0, 1, n // 3, n - 1}:
        values = np.array([0.0] * broken + [1.0] * (n - broken))
        exact = scipy_stats.binomtest(n - broken, n).proportion_ci(0.95, method="exact")
        sample = Sample(values, SHARE, "question")
        assert (lower_bound(sample), upper_bound(sample)) == pytest.approx((exact.low, exact.high), abs=0.004, rel=0.02)


@pytest.mark.parametrize("n", [2, 5, 20, 100])
def test_it_is_the_quantile_of_dirichlet_weights(n: int) -> None:
    rng = np.random.default_rng(n)
    values = rng.beta(8, 2, n) - rng.beta(8, 2, n)
    drawn = rng.dirichlet(np.ones(n + 1), 200_000) @ np.append(values, -1.0)
    sample = Sample(values, DIFFERENCE, "question")
    low = lower_bound(sample)
    assert low == pytest.approx(np.quantile(drawn, LEVEL), abs=0.01)
    assert chance_below(sample, low) == pytest.approx(LEVEL, rel=1e-4)


def test_with_many_cases_it_is_the_t_bound() -> None:
    values = np.random.default_rng(1).normal(0, 0.2, 20_000).clip(-1, 1)
    half = scipy_stats.t.ppf(0.975, 19_999) * values.std(ddof=1) / math.sqrt(20_000)
    assert values.mean() - lower_bound(Sample(values, DIFFERENCE, "question")) == pytest.approx(half, rel=0.03)


def test_the_limits_of_the_sample_may_be_reached_but_not_crossed() -> None:
    assert lower_bound(Sample(np.full(9, -1.0), DIFFERENCE, "question")) == -1
    assert chance_below(Sample(np.zeros(9), DIFFERENCE, "question"), -1.0) == 0
    assert chance_below(Sample(np.zeros(9), DIFFERENCE, "question"), 0.5) == 1
    with pytest.raises(ValueError, match="below the limit"):
        lower_bound(Sample(np.array([-2.0]), DIFFERENCE, "question"))


def test_the_examples_of_the_docstrings_are_true() -> None:
    names = [found.name for found in pkgutil.iter_modules(eval.stats.__path__, "eval.stats.")]
    tried = [doctest.testmod(importlib.import_module(name)) for name in names]
    assert sum(item.failed for item in tried) == 0 and sum(item.attempted for item in tried) >= 20


# --- a sample without a difference ---


@pytest.mark.parametrize("value", [1.0, 0.0, 0.37])
def test_twenty_cases_that_agree_do_not_decide(value: float) -> None:
    same = saved([value] * 20)
    result = run_gate(same, same, GatePolicy.model_validate({"metrics": {"nDCG@10": {"margin": 0.005}}}))
    item = result.metrics["nDCG@10"].difference
    assert (result.verdict, result.exit_code) == ("INCONCLUSIVE", INCONCLUSIVE)
    assert item.low == pytest.approx(-0.17, abs=0.005) and item.high == pytest.approx(0.17, abs=0.005)
    assert item.mde > 0.17 and "MDE 0.0000" not in render_gate(result)
    enough = saved([value] * (20 + item.more_cases))
    short = saved([value] * int(0.95 * (20 + item.more_cases)))
    for run, verdict in ((enough, "PASS"), (short, "INCONCLUSIVE")):
        again = run_gate(run, run, GatePolicy.model_validate({"metrics": {"nDCG@10": {"margin": 0.005}}}))
        assert again.verdict == verdict
    assert run_gate(same, same, GatePolicy()).verdict == "INCONCLUSIVE"  # nor does a margin that is derived


def measured_in(run: SavedRun, unit: str) -> SavedRun:
    metrics = {name: replace(metric, unit=unit) for name, metric in run.results.metrics.items()}
    return replace(run, results=replace(run.results, metrics=metrics))


@pytest.mark.parametrize("unit", ["tokens", "ms"])
def test_of_a_measure_without_limits_the_largest_value_is_the_limit(unit: str) -> None:
    same, none = saved([1200.0] * 40, better="lower"), saved([0.0] * 40, better="lower")
    same, none = (measured_in(run, unit) for run in (same, none))
    policy = GatePolicy.model_validate({"metrics": {"nDCG@10": {"margin": 10}}})
    item = run_gate(same, same, policy).metrics["nDCG@10"]
    assert item.verdict == "INCONCLUSIVE" and item.difference.low == pytest.approx(-1200 * 0.088, rel=0.02)
    item = run_gate(none, none, GatePolicy()).metrics["nDCG@10"]
    assert item.verdict == "INCONCLUSIVE" and item.difference.low is None and item.difference.mde is None


def test_clusters_that_agree_count_as_one_case_each() -> None:
    values, clusters = [1.0] * 400, [i // 10 for i in range(400)]
    by_cluster, by_question = paired_difference(values, values, clusters), paired_difference(values, values)
    assert by_cluster.low == pytest.approx(-0.088, abs=0.003) and by_question.low == pytest.approx(-0.0092, abs=0.0003)


# --- who passes at a true loss of the margin ---


@cache
def low_of_counts(n: int, worse: int, better: int) -> float:
    values = np.repeat([-1.0, 0.0, 1.0], [worse, n - worse - better, better])
    return lower_bound(Sample(values, DIFFERENCE, "question"))


def exact_pass_rate(n: int, discordant: float, loss: float) -> float:
    """Return P(PASS) over every outcome of paired pass or fail, at a margin of the true loss."""
    p = [(discordant + loss) / 2, (discordant - loss) / 2, 1 - discordant]
    counts = np.array([(b, c, n - b - c) for b in range(n + 1) for c in range(n + 1 - b)])
    chances = scipy_stats.multinomial.pmf(counts, n, p)
    likely = [
        (low_of_counts(n, b, c), chance) for (b, c, _), chance in zip(counts, chances, strict=True) if chance > 1e-9
    ]
    return float(sum(chance for low, chance in likely if low > -loss))


@pytest.mark.parametrize("n", [10, 20, 30])
def test_paired_rates_pass_at_the_margin_no_more_often_than_they_may(n: int) -> None:
    for discordant in (0.02, 0.1, 0.3, 0.8):
        for loss in (0.02, 0.05, 0.1, 0.2, 0.3, 0.5):
            if loss <= discordant:
                assert exact_pass_rate(n, discordant, loss) <= LEVEL, (discordant, loss)


@pytest.mark.parametrize("name", DRAWS)
def test_few_cases_seldom_pass_at_a_true_loss_of_the_margin(name: str) -> None:
    (draw, loss), rng = DRAWS[name], np.random.default_rng(31)
    for n in (10, 30):
        found = intervals(draw, rng, n, loss, 80)
        assert np.mean(found[:, 0] > -loss) <= most(80)
        assert np.mean((found[:, 0] <= -loss) & (found[:, 1] >= -loss)) >= 0.93


def test_the_rule_before_is_found_out_by_the_same_simulation() -> None:
    rng = np.random.default_rng(32)
    found = {name: np.mean(old_lows(draw, rng, 20, loss, 200) > -loss) for name, (draw, loss) in DRAWS.items()}
    assert found["90 % zero"] > 0.2 and found["seldom lost"] > 0.3 and found["rates, 2 % discordant"] > 0.5


@pytest.mark.accept
@pytest.mark.parametrize("n", SIZES)
def test_at_most_one_in_forty_passes_at_a_true_loss_of_the_margin(
    n: int, record_property: Callable[[str, object], None]
) -> None:
    samples, told = 4000, []
    for name, (draw, loss) in DRAWS.items():
        rng = np.random.default_rng(n)
        found = intervals(draw, rng, n, loss, samples)
        passed = float(np.mean(found[:, 0] > -loss))
        covered = float(np.mean((found[:, 0] <= -loss) & (found[:, 1] >= -loss)))
        before = float(np.mean(old_lows(draw, rng, n, loss, samples) > -loss))
        told.append(f"{name}: P(PASS) {passed:.2%} (before {before:.1%}), covered {covered:.1%}")
        assert passed <= most(samples) and covered >= 0.93, told[-1]
    record_property("measured", f"{samples} samples a cell at a loss of the margin. {'; '.join(told)}")


@pytest.mark.accept
def test_power_at_100_cases_beside_the_rule_before(record_property: Callable[[str, object], None]) -> None:
    told = []
    for name, (draw, _) in DRAWS.items():
        rng = np.random.default_rng(100)
        for margin in (0.05, 0.1):
            passed = np.mean(intervals(draw, rng, 100, 0.0, 2000)[:, 0] > -margin)
            before = np.mean(old_lows(draw, rng, 100, 0.0, 2000) > -margin)
            told.append(f"{name}, margin {margin}: {passed:.0%} (before {before:.0%})")
    record_property("measured", f"P(PASS) of equal systems, n 100, 2000 samples: {'; '.join(told)}")


# --- what intervals of means cover ---


def coverage(
    draw: Callable[[np.random.Generator, int], Floats], mean: float, n: int, samples: int, **options: Any
) -> float:
    rng, covered = np.random.default_rng(n), 0
    for _ in range(samples):
        found = mean_interval(draw(rng, n).tolist(), **options)
        assert found.low is not None and found.high is not None
        covered += found.low <= mean <= found.high
    return covered / samples


SCORES: dict[str, tuple[Callable[[np.random.Generator, int], Floats], float]] = {
    "Beta(8, 2)": (lambda rng, n: rng.beta(8, 2, n), 0.8),
    "Beta(0.3, 0.1)": (lambda rng, n: rng.beta(0.3, 0.1, n), 0.75),
    "one in ten scores": (lambda rng, n: np.where(rng.random(n) < 0.1, rng.random(n), 0.0), 0.05),
    "one in twenty fails": (lambda rng, n: (rng.random(n) < 0.95).astype(float), 0.95),
}


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("n", [2, 5, 20])
def test_an_interval_of_a_mean_covers_it_at_few_cases(name: str, n: int) -> None:
    draw, mean = SCORES[name]
    assert coverage(draw, mean, n, 80) >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / 80)


def test_a_mean_without_limits_is_no_narrower_than_student_says() -> None:
    for n in (5, 20):
        assert coverage(lambda rng, n: rng.normal(900, 50, n), 900, n, 60, limits=None) >= 0.88
        assert coverage(lambda rng, n: rng.lognormal(0, 0.5, n), math.exp(0.125), n, 60, limits=None) >= 0.88
    assert mean_interval([7.0] * 9, limits=None).low is None
    narrow, wide = mean_interval([0.5] * 9), mean_interval([0.5] * 9, limits=DIFFERENCE)
    assert wide.low < narrow.low < 0.5 < narrow.high < wide.high + 1e-9  # type: ignore[operator]


@pytest.mark.accept
def test_intervals_of_means_cover_93_percent_from_5_cases_on(record_property: Callable[[str, object], None]) -> None:
    told = []
    for name, (draw, mean) in SCORES.items():
        shares = [coverage(draw, mean, n, 4000) for n in (2, 3, 5, 10, 30, 100)]
        assert min(shares[2:]) >= 0.93, (name, shares)
        told.append(f"{name} {' / '.join(f'{share:.1%}' for share in shares)}")
    record_property("measured", f"4000 samples a cell, n 2 / 3 / 5 / 10 / 30 / 100: {'; '.join(told)}")


# --- how many more cases decide ---


def decided(values: Floats, n: int, margin: float, rng: np.random.Generator, repeats: int) -> float:
    """Return how often `n` cases decide if the truth is what was seen."""
    found = [paired_difference([0.0] * n, rng.choice(values, n).tolist(), draws=0) for _ in range(repeats)]
    return float(np.mean([item.low > -margin or item.high < -margin for item in found]))  # type: ignore[operator]


def planned(draw: Draw, rng: np.random.Generator, n: int, first: int, repeats: int) -> list[float]:
    """Return, for `first` inconclusive samples of equal systems, how often the cases that were asked for decide."""
    shares: list[float] = []
    while len(shares) < first:
        values = draw(rng, n, 0.0)
        more = non_inferiority(paired_difference([0.0] * n, values.tolist(), draws=0), MARGIN).more_cases
        if more and more < 3000:
            shares.append(decided(values, n + more, MARGIN, rng, repeats))
    return shares


@pytest.mark.parametrize("name", ["rates, 30 % discordant", "90 % zero"])
def test_as_many_more_cases_as_it_says_decide(name: str) -> None:
    shares = planned(DRAWS[name][0], np.random.default_rng(33), 40, 5, 40)
    assert np.mean(shares) >= 0.7


@pytest.mark.accept
def test_as_many_more_cases_as_it_says_decide_in_all_distributions(
    record_property: Callable[[str, object], None],
) -> None:
    told = []
    for name, (draw, _) in DRAWS.items():
        shares = planned(draw, np.random.default_rng(34), 40, 20, 100)
        assert np.mean(shares) >= 0.78, (name, shares)
        told.append(f"{name} {np.mean(shares):.0%}")
    record_property("measured", f"decided with the cases asked for, the truth as seen in 40: {'; '.join(told)}")


def test_a_gate_at_the_planned_number_passes_equal_systems_four_times_in_five() -> None:
    rng, policy = np.random.default_rng(35), GatePolicy.model_validate({"metrics": {"m": {"margin": MARGIN}}})
    draw = rates(0.1)
    first = draw(rng, 40, 0.0)
    first[:4] = (-1, 1, -1, 1)
    first[4:] = 0  # as many better as worse
    more = decide(paired_difference([0.0] * 40, first.tolist()), policy.metrics["m"], policy).more_cases
    assert more
    n = 40 + more
    verdicts = [
        decide(paired_difference([0.0] * n, draw(rng, n, 0.0).tolist(), draws=0), policy.metrics["m"], policy).verdict
        for _ in range(100)
    ]
    assert verdicts.count("PASS") >= 68 and verdicts.count("FAIL") <= most(100) * 100


def test_the_detectable_effect_is_never_0() -> None:
    for n in (2, 20, 5000):
        assert minimal_detectable_effect(paired_difference([0.5] * n, [0.5] * n)) > 2 / n
    assert math.isinf(minimal_detectable_effect(paired_difference([0.5], [0.5])))
    assert pass_rate_bounds(20, 20)[0] == pytest.approx(0.861, abs=0.001)
