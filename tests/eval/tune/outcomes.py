"""Outcomes of sweeps made by hand: what a report has to tell, without a sweep that takes minutes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from eval.stats import Difference, Estimate
from eval.tune.analysis import Analysis, Importance, Neighbour, pareto
from eval.tune.confirm import Candidate, Confirmation, Gain, Kept, Noise
from eval.tune.outcome import Flip, Outcome, SetInfo, Slice, Trial
from eval.tune.points import DEFAULT, Dropped, Point, Value
from eval.tune.spec import SetSpec, Sweep, SweepSpec, check
from rag.cache.stages import Reuse
from rag.settings import Settings

RECALL = "context_recall@4000ch"
SPACE: dict[str, Any] = {
    "context.keep": [0.3, 0.4, 0.5, 0.7],
    "rerank.top_n": [10, 30, 50],
    "retrieval.fusion": ["weighted", "rrf"],
    "retrieval.rrf_k": {"float": [10, 100], "log": True, "when": {"retrieval.fusion": "rrf"}},
}
BEST = Point.of({"context.keep": 0.4, "rerank.top_n": 50, "retrieval.fusion": "weighted"})
SECOND = Point.of({"context.keep": 0.7, "rerank.top_n": 30, "retrieval.fusion": "weighted"})
STARTED = datetime(2026, 11, 30, 10, 0, tzinfo=UTC)


def sweep(objectives: Sequence[str] = (RECALL,), constraints: Sequence[str] = (), **more: Any) -> Sweep:
    """Return a checked sweep over `SPACE`."""
    sets = (SetSpec(set=Path("golden/handbook"), corpus="handbook"), SetSpec(set=Path("golden/faq"), corpus="faq"))
    tree = {"name": "retrieval", "sets": sets, "space": SPACE, "constraints": tuple(constraints)} | more
    return check(SweepSpec.model_validate(tree | {"objectives": tuple(objectives)}), Settings(), RECALL)


def points(count: int = 24, seed: int = 3) -> list[Point]:
    """Return the default, the two that are confirmed, and others drawn from the space."""
    rng, space = np.random.default_rng(seed), sweep().space
    return list(dict.fromkeys([DEFAULT, BEST, SECOND, *(space.random(rng) for _ in range(count - 3))]))


def gained(value: float, half: float, in_sample: float, p_holm: float, more: int | None, scale: float = 1.0) -> Gain:
    """Return a gain with an interval of `half` to both sides, seen on 300 questions."""
    seen = Difference(value, 300, value - half, value + half, half / 1.96, p_holm / 2, "by hand", None)
    sure = value - 1.05 * half if p_holm < 0.05 else -0.01 * scale
    return Gain(seen, in_sample, p_holm / 2, p_holm, sure, 0.035 * scale, more)


def confirmation(made: Sweep, gain: float, tokens: float, checked: float | None) -> Confirmation:
    """Return what 300 unseen questions say of two candidates, of which the first truly gains so much.

    `tokens` is its gain in context tokens (minus is more of them), `checked` its mean of what is constrained.
    """
    sure = 0.004 if gain > 0.03 else 0.42
    best = [gained(gain, 0.021, gain + 0.02, sure, 0 if sure < 0.05 else 480 if gain > 0 else None)]
    second = [gained(0.004, 0.018, 0.03, 0.71, 5200)]
    if len(made.objectives) > 1:
        best.append(gained(tokens, 11.0, tokens + 4, 0.0002 if tokens > 0 else 1.0, 0, 400))
        second.append(gained(-30.0, 9.0, -28.0, 1.0, 0, 400))
    kept = tuple(_kept(item.text(), checked or 0.0, item.holds(checked or 0.0)) for item in made.constraints)
    base = tuple(_kept(item.text(), 0.03, True) for item in made.constraints)
    candidates = (Candidate(BEST, tuple(best), kept, True), Candidate(SECOND, tuple(second), base, False))
    winner = next((item.point for item in candidates if item.beats), None)
    return Confirmation(winner, candidates, base, Noise(0.031, 0.024), 300)


def _kept(text: str, mean: float, holds: bool) -> Kept:
    return Kept(text, mean - 0.005, Estimate(mean, 300, mean - 0.02, mean + 0.02, "by hand"), holds)


def outcome(
    gain: float = 0.06,
    tokens: float = 120.0,
    *,
    objectives: Sequence[str] = (RECALL,),
    constraints: Sequence[str] = (),
    checked: float | None = None,
    confirmed: bool = True,
    **more: Any,
) -> Outcome:
    """Return the outcome of a sweep whose best point gains so much; `more` replaces fields."""
    made = sweep(objectives, constraints)
    found = confirmation(made, gain, tokens, checked) if confirmed else None
    winner = found.winner if found else None
    tried = trials(made, gain)
    best = winner or DEFAULT
    return replace(
        Outcome(
            sweep=made,
            id="0123456789abcdef",
            sets=(
                SetInfo("handbook", "dev", "select" if confirmed else None, 240, 180 if confirmed else 0, "handbook"),
                SetInfo("faq", "dev", "select" if confirmed else None, 160, 120 if confirmed else 0, "faq"),
            ),
            trials=tried,
            grid=64,
            spent=3120,
            affordable=6400,
            confirmation=found,
            analysis=analysis(made, tried),
            winner=winner,
            best=best,
            flips=flips() if winner else (),
            slices=slices() if winner else (),
            curve=((0, 0.0), (400, 0.0), (560, gain / 3), (900, gain / 2), (1400, gain * 0.9), (2300, gain + 0.02)),
            reuse={"search": Reuse(5200, 480, 214.0), "rerank": Reuse(2900, 2780, 655.5)},
            started_at=STARTED,
            ended_at=STARTED.replace(minute=8),
            seconds=512.0,
            usd=0.0,
        ),
        **more,
    )


def trials(made: Sweep, gain: float) -> tuple[Trial, ...]:
    """Return trials of which the first ones were asked everything and the others left the race."""
    rng, found = np.random.default_rng(5), []
    for number, point in enumerate(points()):
        whole = number < 6
        mine = (
            0.0 if number == 0 else gain + 0.02 if number == 1 else float(rng.normal(gain / 3 - number * 0.004, 0.02))
        )
        asked = 400 if whole else (32, 64, 128, 256)[number % 4]
        values = {
            metric.name: 0.65 + mine if metric.unit == "share" and metric.better == "higher" else
            0.03 if metric.unit == "share" else 900.0 + 40 * number * (-1) ** number
            for metric in made.metrics
        }  # fmt: skip
        left = None if whole else Dropped(point, asked, gain + 0.02 - mine, BEST, None if number % 5 == 0 else 0.004)
        found.append(Trial(number, point, asked, whole, values, mine, asked, left))
    return tuple(found)


def analysis(made: Sweep, tried: Sequence[Trial]) -> Analysis:
    """Return an analysis with the front of these trials, and importance and sensitivity such as theirs."""
    means = {
        trial.point: np.array([item.sign * float(trial.values[item.name] or 0.0) for item in made.objectives])
        for trial in tried
    }
    front, dominated = pareto(means)
    if len(tried) < 2:
        return Analysis(front, dominated, (), (), ())
    values: tuple[tuple[str, float, Value], ...]
    values = (("context.keep", 0.62, 0.4), ("rerank.top_n", 0.21, 50), ("retrieval.rrf_k", 0.04, None))
    importance = tuple(Importance(key, share, best, share / 10, len(tried), 4) for key, share, best in values)
    sensitivity = (
        Neighbour("context.keep", 0.3, -0.021, 400),
        Neighbour("rerank.top_n", 30, -0.008, 256),
        Neighbour("context.keep", 0.5, -0.004, 400),
        Neighbour("retrieval.fusion", "rrf", 0.001, 0),
    )
    return Analysis(front, dominated, importance, sensitivity, ())


def flips() -> tuple[Flip, ...]:
    """Return questions that the best point mends and breaks, one of them with markup in it."""
    mended = [Flip("handbook", f"q{i}", f"Which form does rule {i} ask for?", 0.0, 1.0, 1.0) for i in range(11)]
    return (
        *mended,
        Flip("faq", "x1", "<script>alert('x')</script> & what is `a|b`?", 1.0, 0.5, -0.5),
        Flip("faq", "x2", "How long is a return possible?", 1.0, 0.0, -1.0),
    )


def slices() -> tuple[Slice, ...]:
    """Return the best point's gains by set, kind and tag."""
    return (
        Slice("set handbook", 180, 0.61, 0.69, 0.08, 0.041, 0.12),
        Slice("set faq", 120, 0.7, 0.72, 0.02, -0.03, 0.07),
        Slice("kind multi_hop", 41, 0.5, 0.42, -0.08, -0.15, -0.01),
        Slice("tag <b>table</b>", 22, 0.4, 0.41, 0.01, None, None),
    )
