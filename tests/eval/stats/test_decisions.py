import numpy as np
import pytest

from eval.stats import cases_to_detect, minimal_detectable_effect, non_inferiority, paired_difference
from eval.stats.values import Difference

RNG = np.random.default_rng(7)
SAME = [0.8] * 60
BETTER, WORSE = [0.9] * 60, [0.6] * 60


def difference(before: list[float], after: list[float]) -> Difference:
    return paired_difference(before, after)


def test_no_worse_by_the_margin_passes_and_worse_fails() -> None:
    assert non_inferiority(difference(SAME, BETTER), 0.05).verdict == "PASS"
    failed = non_inferiority(difference(SAME, WORSE), 0.05)
    assert failed.verdict == "FAIL" and failed.regression_p < 0.05


def test_too_few_cases_decide_nothing_and_say_how_many_would() -> None:
    before, after = RNG.uniform(0.4, 0.6, 12), RNG.uniform(0.4, 0.6, 12)
    decision = non_inferiority(paired_difference(before, after), 0.02)
    assert decision.verdict == "INCONCLUSIVE" and decision.more_cases and decision.more_cases > 12
    assert decision.mde > 0.02 and decision.margin == 0.02


def test_more_cases_detect_smaller_differences() -> None:
    def mde(n: int) -> float:
        values = np.tile([0.0, 1.0, 1.0, 0.5], n)
        return minimal_detectable_effect(paired_difference(values, values[::-1]))

    assert mde(10) > mde(100) > mde(1000) > 0


def test_a_difference_that_is_seen_already_needs_no_more_cases() -> None:
    assert cases_to_detect(difference(SAME, WORSE)) == 0
    assert cases_to_detect(difference(SAME, SAME)) is None


@pytest.mark.parametrize("margin", [0.0, -0.1])
def test_a_margin_is_above_zero(margin: float) -> None:
    with pytest.raises(ValueError):
        non_inferiority(difference(SAME, BETTER), margin)
