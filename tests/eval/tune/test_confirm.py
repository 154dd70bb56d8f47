"""The confirmation: what may win, what it says when nothing does, and how often it errs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from eval.tune.confirm import LEVEL, Measured, confirm
from eval.tune.points import DEFAULT, Floats, Point

GOOD, EVEN, BAD = (Point.of({"context.keep": keep}) for keep in (0.3, 0.5, 0.9))


@dataclass(frozen=True)
class AtMost:
    bound: float

    def holds(self, mean: float) -> bool:
        return mean <= self.bound

    def text(self) -> str:
        return f"tokens <= {self.bound:g}"


def measured(columns: dict[Point, list[Floats]], sets: int = 1, checks: dict[Point, Floats] | None = None) -> Measured:
    scores = {point: np.stack(parts, axis=1) for point, parts in columns.items()}
    n = len(next(iter(scores.values())))
    return Measured(scores, tuple(i % sets for i in range(n)), tuple(map(str, range(n))), checks or {})


def recall(shift: float, n: int = 200, seed: int = 1) -> Floats:
    """Scores whose mean is exactly `shift` better than that of shift 0; half of the questions move."""
    base = np.random.default_rng(seed).random(n) * 0.5
    moves = np.arange(n) % 4 < 2
    noise = np.random.default_rng(seed + round(1000 * abs(shift))).normal(0.0, 0.1 * (shift != 0), n) * moves
    return base + np.where(moves, 2 * shift + noise - noise[moves].mean(), 0.0)


def test_a_clear_gain_wins_and_shows_its_optimism() -> None:
    dev = measured({DEFAULT: [recall(0.0)], GOOD: [recall(0.12)]})
    found = confirm([GOOD], dev, measured({DEFAULT: [recall(0.0)], GOOD: [recall(0.08)]}))
    gain = found.candidates[0].gains[0]
    assert found.winner == GOOD and found.ending().endswith("beats the default.")
    assert gain.optimism == pytest.approx(gain.in_sample - gain.difference.value) and gain.optimism > 0.02
    assert 0 < gain.at_least < gain.difference.value and gain.p_holm < LEVEL


def test_nothing_wins_where_nothing_differs_and_it_says_how_many_questions_would_show_it() -> None:
    split = measured({DEFAULT: [recall(0.0)], GOOD: [recall(0.006)]})
    found = confirm([GOOD], split, split)
    gain = found.candidates[0].gains[0]
    assert found.winner is None and gain.more_cases and str(gain.more_cases) in found.ending()
    assert gain.mde > gain.difference.value and gain.at_least < 0


def test_the_default_among_the_shortlist_is_no_candidate() -> None:
    split = measured({DEFAULT: [recall(0.0)]})
    found = confirm([DEFAULT], split, split)
    assert found.candidates == () and found.winner is None and "nothing to confirm" in found.ending()


def test_a_worse_point_never_wins() -> None:
    split = measured({DEFAULT: [recall(0.0)], BAD: [recall(-0.1)]})
    found = confirm([BAD], split, split)
    assert found.winner is None and found.candidates[0].gains[0].p == 1.0


def test_more_candidates_cost_holms_correction() -> None:
    split = measured({DEFAULT: [recall(0.0)], GOOD: [recall(0.03)], EVEN: [recall(0.001)]})
    alone, both = confirm([GOOD], split, split), confirm([GOOD, EVEN], split, split)
    assert both.candidates[0].gains[0].p_holm == pytest.approx(2 * alone.candidates[0].gains[0].p)


def test_at_least_agrees_with_the_decision() -> None:
    """The bound lies above 0 exactly where Holm's p-value is below the level."""
    for shift in np.linspace(0.005, 0.05, 12):
        split = measured({DEFAULT: [recall(0.0)], GOOD: [recall(float(shift))], EVEN: [recall(0.002)]})
        for candidate in confirm([GOOD, EVEN], split, split).candidates:
            gain = candidate.gains[0]
            assert (gain.at_least > 0) == (gain.p_holm < LEVEL)


def test_better_in_one_objective_and_worse_in_another_is_a_trade() -> None:
    tokens = {DEFAULT: -np.full(200, 900.0), GOOD: -np.full(200, 1100.0)}
    split = measured({DEFAULT: [recall(0.0), tokens[DEFAULT]], GOOD: [recall(0.1), tokens[GOOD]]})
    found = confirm([GOOD], split, split)
    assert found.winner is None and found.candidates[0].gains[0].confirmed and found.candidates[0].on_front


def test_cheaper_at_the_same_quality_wins() -> None:
    rng = np.random.default_rng(3)
    cheap, usual = -rng.normal(700, 50, 200), -rng.normal(900, 50, 200)
    split = measured({DEFAULT: [recall(0.0), usual], GOOD: [recall(0.0), cheap]})
    assert confirm([GOOD], split, split).winner == GOOD


@pytest.mark.parametrize(("before", "now", "holds"), [(900, 900, True), (1100, 900, False), (900, 1100, False)])
def test_a_constraint_must_hold_on_both_splits(before: float, now: float, holds: bool) -> None:
    columns = {DEFAULT: [recall(0.0)], GOOD: [recall(0.1)]}
    dev = measured(columns, checks={point: np.full((200, 1), float(before)) for point in columns})
    fresh = measured(columns, checks={point: np.full((200, 1), float(now)) for point in columns})
    found = confirm([GOOD], dev, fresh, [AtMost(1000)])
    assert found.candidates[0].constraints[0].holds is holds
    assert found.winner == (GOOD if holds else None)


def test_every_set_weighs_the_same_whatever_its_size() -> None:
    n = 90
    scores = {DEFAULT: np.zeros((n, 1)), GOOD: np.zeros((n, 1))}
    scores[GOOD][:10] = 0.5  # all of the small set
    split = Measured(scores, tuple([0] * 10 + [1] * 80), tuple(map(str, range(n))))
    gain = split.against_default(GOOD, 0)
    assert gain is not None and gain.value == pytest.approx(0.25) and gain.low is not None and gain.low < 0.25


def test_unmeasured_questions_are_left_out() -> None:
    scores = {DEFAULT: recall(0.0)[:, None], GOOD: recall(0.1)[:, None]}
    scores[GOOD] = scores[GOOD].copy()
    scores[GOOD][::3] = np.nan
    split = Measured(scores, (0,) * 200, tuple(map(str, range(200))))
    gain = split.against_default(GOOD, 0)
    assert gain is not None and gain.n == 133 and np.isfinite(gain.value)


def test_the_noise_floor_says_what_luck_alone_does() -> None:
    rng = np.random.default_rng(4)
    tried = [Point.of({"context.keep": i / 100}) for i in range(1, 41)]
    dev = measured({DEFAULT: [rng.random(200)], **{point: [rng.random(200)] for point in tried}})
    noise = confirm(tried[:1], dev, dev).noise
    assert noise.lucky is not None and 0.03 < noise.lucky < 0.12  # 2.2 standard errors of .029
    assert 0.03 < noise.default < 0.08  # 1.96 * .29 * sqrt(2 / 200) = .057
