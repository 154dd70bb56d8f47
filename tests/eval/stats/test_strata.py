"""Pooling over sets: what it must equal, and what it must not mix."""

import numpy as np
import pytest

from eval.stats import paired_difference
from eval.stats.strata import Stratum, stratified_difference


def stratum(seed: int, n: int, shift: float) -> Stratum:
    rng = np.random.default_rng(seed)
    baseline = rng.random(n)
    return Stratum(baseline.tolist(), (baseline + shift).tolist(), [str(i) for i in range(n)])


def test_one_stratum_is_the_paired_difference() -> None:
    rng = np.random.default_rng(3)
    part = Stratum(rng.random(60).tolist(), rng.random(60).tolist(), [str(i // 2) for i in range(60)])
    pooled = stratified_difference([part], seed=5)
    alone = paired_difference(part.baseline, part.candidate, part.clusters, seed=5)
    assert (pooled.value, pooled.low, pooled.high) == pytest.approx((alone.value, alone.low, alone.high))


def test_every_question_weighs_the_same() -> None:
    found = stratified_difference([stratum(1, 30, 0.1), stratum(2, 10, -0.1)])
    assert found.value == pytest.approx((30 * 0.1 - 10 * 0.1) / 40) and found.n == 40


def test_differences_between_sets_do_not_widen_the_interval() -> None:
    """Within each set the difference is constant: a stratified interval is one of constants, an unstratified is not."""
    parts = [stratum(1, 500, 0.5), stratum(2, 500, 0.0)]
    found, constant = stratified_difference(parts), paired_difference([0.0] * 1000, [0.25] * 1000)
    assert (found.low, found.high) == pytest.approx((constant.low, constant.high))
    mixed = paired_difference([*parts[0].baseline, *parts[1].baseline], [*parts[0].candidate, *parts[1].candidate])
    assert mixed.low is not None and found.low is not None and 0.25 - mixed.low > 2 * (0.25 - found.low)


@pytest.mark.parametrize("strata", [[], [Stratum([], [], [])], [Stratum([1.0], [], [])]])
def test_nothing_to_compare_is_an_error(strata: list[Stratum]) -> None:
    with pytest.raises(ValueError):
        stratified_difference(strata)
