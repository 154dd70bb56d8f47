"""The search space: every point of a grid once, conditions, ranges, and points as numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.tune.points import DEFAULT, Point, point_of
from eval.tune.space import Choice, Parameter, Range, Space, builds_index, stage_of
from rag.errors import ConfigError

FUSION = Choice("retrieval.fusion", options=("weighted", "rrf"))
K = Choice("retrieval.rrf_k", (("retrieval.fusion", ("rrf",)),), (20, 60))
KEEP = Range("context.keep", low=0.2, high=0.6, step=0.2)
SIZE = Range("context.max_hits", low=10, high=1000, log=True, whole=True)


def test_a_grid_has_every_point_once_and_leaves_out_what_does_not_count() -> None:
    grid = Space((FUSION, K, KEEP)).grid()
    assert len(grid) == len(set(grid)) == 3 * (1 + 2)
    assert all(("retrieval.rrf_k" in dict(p.values)) == (dict(p.values)["retrieval.fusion"] == "rrf") for p in grid)


def test_the_order_in_which_conditions_are_written_does_not_matter() -> None:
    assert set(Space((K, FUSION, KEEP)).grid()) == set(Space((FUSION, K, KEEP)).grid())


def test_a_condition_may_name_a_setting_that_does_not_vary() -> None:
    assert len(Space((K,), (("retrieval.fusion", "rrf"),)).grid()) == 2
    assert Space((K,), (("retrieval.fusion", "weighted"),)).grid() == (DEFAULT,)


def test_conditions_that_wait_for_each_other_are_an_error() -> None:
    one = Choice("context.order", (("context.packing", ("rank",)),), ("rank",))
    other = Choice("context.packing", (("context.order", ("rank",)),), ("rank",))
    with pytest.raises(ConfigError, match="wait for each other"):
        Space((one, other)).grid()


def test_ranges_have_their_ends_and_ratios() -> None:
    assert KEEP.levels() == (0.2, 0.4, 0.6)
    assert SIZE.levels() == (10, 32, 100, 316, 1000)
    assert Range("context.keep", low=0.1, high=0.1).levels() == (0.1,)
    assert SIZE.coordinates(100) == pytest.approx([0.5])


@given(st.integers(0, 2**32 - 1))
def test_a_random_point_is_one_of_the_space(seed: int) -> None:
    space = Space((FUSION, K, KEEP, SIZE, Range("context.diversity", low=0.0, high=0.3)))
    point = space.random(np.random.default_rng(seed))
    assert space.holds(point) and point == point_of(point.changes())
    numbers = space.coordinates(point)
    assert len(numbers) == len(space.coordinates(DEFAULT)) and numbers.min() >= 0 and numbers.max() <= 1


def test_a_point_of_another_space_is_not_held() -> None:
    space = Space((FUSION, K, KEEP))
    held = {"retrieval.fusion": "weighted", "context.keep": 0.4}
    assert space.holds(Point.of(held))
    assert not space.holds(Point.of({**held, "retrieval.rrf_k": 20})), "counts with rrf only"
    assert not space.holds(Point.of({**held, "context.keep": 0.5})), "no step of the range"
    assert not space.holds(Point.of({"context.keep": 0.4})) and not space.holds(DEFAULT)


def test_keys_stand_in_the_order_of_the_flow() -> None:
    parts: tuple[Parameter, ...] = (KEEP, FUSION, Choice("ingest.chunker.max_tokens", options=(100, 200)))
    assert Space(parts).stages() == [("ingest.chunker.max_tokens",), ("retrieval.fusion",), ("context.keep",)]
    assert [builds_index(item.key) for item in parts] == [False, False, True]
    with pytest.raises(ConfigError, match=r"serve\.port decides no result"):
        stage_of("serve.port")
