"""Whole sweeps over spaces whose truth is known: how often a winner is claimed, found, and truly better.

The full counts run under `make accept`; a seeded sample runs here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from eval.tune.points import Point
from tests.eval.tune.planted import SPACE
from tests.eval.tune.sweeps import Planted, gain_of, shift_of_mde, sweep

SHARE = 0.08
"""Of what the whole grid costs."""

Record = Callable[[str, object], None]
POINTS = tuple(SPACE.grid())


def equal(seed: int) -> Planted:
    """Return a space in which no point is better than another; single questions differ all the same."""
    return Planted(SPACE, dict.fromkeys(POINTS, 0.0))


def one_setting(seed: int) -> Planted:
    """Return a space in which one value of one setting is better by what the confirmation can just detect."""
    good = shift_of_mde()
    return Planted(SPACE, {point: good * (dict(point.values)["retrieval.fusion"] == "rrf") for point in POINTS})


def three_settings(seed: int) -> Planted:
    """Return a space in which three settings must come together for that: 12 of 216 points."""
    wanted = {"retrieval.fusion": "rrf", "context.keep": 0.25, "rerank.weight": 0.5}
    good = shift_of_mde()
    return Planted(SPACE, {point: good * (wanted.items() <= dict(point.values).items()) for point in POINTS})


def noisy(seed: int) -> Planted:
    """Return a space of points of every kind; four in five are worse than the default, some by a lot."""
    rng = np.random.default_rng(10_000 + seed)
    return Planted(SPACE, dict(zip(POINTS, shift_of_mde() * rng.normal(-0.5, 0.6, len(POINTS)), strict=True)))


def counts(space: Callable[[int], Planted], seeds: range) -> tuple[int, int, int]:
    """Return how many sweeps claimed a winner, how many of those are as good as planted, and how many truly worse."""
    claimed = good = worse = 0
    for seed in seeds:
        planted = space(seed)
        winner = sweep(planted, seed, SHARE).winner
        if winner is not None:
            gain = true_gain(planted, winner)
            claimed += 1
            good += gain >= 0.999 * gain_of(shift_of_mde())[0]
            worse += gain < 0
    return claimed, good, worse


def true_gain(planted: Planted, point: Point) -> float:
    return gain_of(planted.shift[point])[0]


def test_a_sample_of_equal_spaces_has_no_winner() -> None:
    assert counts(equal, range(2))[0] == 0  # one of two has a chance of 10 % at a level of 5 %


def test_a_sample_of_planted_winners_is_found() -> None:
    claimed, good, _ = counts(one_setting, range(2))
    assert good >= 1  # none has a chance of 4 % at 8 of 10


@pytest.mark.accept
def test_equal_points_claim_a_winner_in_at_most_9_of_100_sweeps(record_property: Record) -> None:
    claimed, _, _ = counts(equal, range(100, 200))
    record_property("measured", f"{claimed} of 100 sweeps over equal points claimed a winner")
    assert claimed <= 9


@pytest.mark.accept
@pytest.mark.parametrize("space", [one_setting, three_settings], ids=lambda space: space.__name__)
def test_a_winner_of_mde_size_is_found_in_at_least_73_of_100_sweeps(
    space: Callable[[int], Planted], record_property: Record
) -> None:
    claimed, good, _ = counts(space, range(200, 300))
    record_property("measured", f"{good} of 100 planted winners found, {claimed} winners claimed")
    assert good >= 73


@pytest.mark.accept
def test_at_most_2_of_100_noisy_sweeps_ship_what_is_worse(record_property: Record) -> None:
    claimed, _, worse = counts(noisy, range(300, 400))
    record_property("measured", f"{worse} of 100 sweeps shipped a setting that is truly worse, {claimed} shipped one")
    assert worse <= 2
