"""One metric of two runs side by side: matched by case, unscored cases left out, the difference with its interval."""

from __future__ import annotations

import numpy as np
import pytest

from eval.paired import MetricValues, compare_pairs, metric_values, paired
from tests.eval.lines import line


def test_values_stand_in_the_order_of_the_rows_and_an_unscored_case_is_nan() -> None:
    rows = [
        line({"id": "b", "cluster": "x", "metrics": {"m": 1.0}}),
        line({"id": "a", "cluster": "y", "metrics": {"m": None}}),
        line({"id": "c", "cluster": "x", "metrics": {}}),
    ]
    found = metric_values(rows, "m")
    assert (found.ids, found.clusters) == (("b", "a", "c"), ("x", "y", "x"))
    np.testing.assert_array_equal(found.values, [1.0, np.nan, np.nan])


def test_cases_are_matched_by_id_not_by_place() -> None:
    old = MetricValues(("a", "b", "c"), np.array([0.0, 1.0, np.nan]), ("1", "2", "3"))
    new = MetricValues(("c", "b", "z", "a"), np.array([1.0, 0.5, 0.1, 0.25]), ("9", "9", "9", "9"))
    pairs = paired(old, new)
    assert (pairs.ids, pairs.baseline, pairs.candidate) == (("a", "b"), (0.0, 1.0), (0.25, 0.5))
    assert pairs.clusters == ("1", "2")


def test_a_difference_has_its_means_and_counts_and_its_limits_follow_the_unit() -> None:
    rng = np.random.default_rng(1)
    ids = tuple(map(str, range(80)))
    old, new = rng.random(80), rng.random(80)
    pairs = paired(MetricValues(ids, old, ids), MetricValues(ids, new, ids))
    found = compare_pairs(pairs)
    assert found.value == pytest.approx(found.candidate - found.baseline) == pytest.approx(float((new - old).mean()))
    assert found.low is not None and found.high is not None and found.low < found.value < found.high
    assert (found.n, found.changed) == (80, 80)
    times = compare_pairs(paired(MetricValues(ids, old * 900, ids), MetricValues(ids, new * 900, ids)), "ms")
    assert times.low is not None and times.low < -1


def test_nothing_shared_is_no_difference() -> None:
    nothing = MetricValues(("a",), np.array([np.nan]), ("a",))
    with pytest.raises(ValueError, match="at least one value"):
        compare_pairs(paired(nothing, nothing))
