import numpy as np
import pytest

from eval.stats.values import DIFFERENCE, SHARE, TAIL, TWO_SIDED_Z, Difference, Sample, floats


def test_a_mirrored_sample_swaps_its_limits() -> None:
    sample = Sample(np.array([0.25, 1.0]), SHARE, "question").mirrored()
    assert sample.values.tolist() == [-0.25, -1.0] and sample.limits == (-1.0, 0.0)
    assert sample.mirrored().limits == SHARE


@pytest.mark.parametrize(("low", "high", "mirrored"), [(-0.1, 0.3, (-0.3, 0.1)), (None, 0.3, (-0.3, None))])
def test_a_mirrored_difference_is_that_of_the_runs_the_other_way_round(
    low: float | None, high: float, mirrored: tuple[float | None, float | None]
) -> None:
    sample = Sample(np.array([0.1]), DIFFERENCE, "cluster")
    found = Difference(0.1, 5, low, high, 0.05, 0.2, "bootstrap", sample).mirrored()
    assert (found.value, found.low, found.high, found.p, found.n) == (-0.1, *mirrored, 0.2, 5)
    assert found.sample is not None and found.sample.values.tolist() == [-0.1]
    assert Difference(0.1, 5, None, None, 0.05, 0.2, "", None).mirrored().sample is None


def test_the_numbers_of_a_95_percent_interval() -> None:
    assert pytest.approx(0.025) == TAIL and pytest.approx(1.959964, abs=1e-6) == TWO_SIDED_Z


def test_statistics_need_a_value() -> None:
    assert floats([1, True, 0.5]).tolist() == [1.0, 1.0, 0.5]
    with pytest.raises(ValueError, match="at least one value"):
        floats([])
