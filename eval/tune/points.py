"""What a sweep tries and asks: points of the search space, and the work that scores them."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Scalar = str | int | float | bool | None
Value = Scalar | tuple[Scalar, ...]
"""A value of a setting; a list of the settings file is a tuple here, so that points can be compared and hashed."""

Changes = dict[str, Scalar | list[Scalar]]
"""Values by dotted key, as `Settings.changed` takes them and JSON holds them."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """One choice of the searched settings, by dotted key and in the order of the keys; the others keep their values.

    The empty point stands for the settings as they are: the default, which is trial 0 of every sweep.

        >>> Point.of({"context.keep": 0.4, "retrieval.fusion": "rrf"}).text()
        'context.keep=0.4 retrieval.fusion=rrf'
    """

    values: tuple[tuple[str, Value], ...] = ()

    @staticmethod
    def of(values: Mapping[str, Value]) -> Point:
        """Return the point with these values."""
        return Point(tuple(sorted(values.items())))

    def changes(self) -> Changes:
        """Return the values as `Settings.changed` takes them."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in self.values}

    def text(self) -> str:
        """Return the values in one line; the default says that it is the default."""
        return " ".join(f"{key}={_shown(value)}" for key, value in self.values) or "the default"


def _shown(value: Value) -> str:
    if isinstance(value, tuple):
        return "[" + ",".join(str(item) for item in value) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def point_of(changes: Mapping[str, Scalar | list[Scalar]]) -> Point:
    """Return the point whose `changes` these are, as JSON gives them back."""
    return Point.of({key: tuple(value) if isinstance(value, list) else value for key, value in changes.items()})


DEFAULT = Point()


@dataclass(frozen=True, slots=True)
class Work:
    """Score one point on some questions, given by their places in the sweep's order (0 to n - 1)."""

    point: Point
    questions: tuple[int, ...]


Scores = Sequence[Floats]
"""For each work in the order asked `(questions, objectives)`: higher is better in every column, NaN is unmeasured."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A point that left the race: after how many questions, how far behind the leader, and how sure that is.

    `p` is the p-value at which it was dropped, the repeated looks paid for; None where the budget ended its turn.
    """

    point: Point
    questions: int
    behind: float
    leader: Point
    p: float | None


@dataclass(frozen=True, slots=True)
class Found:
    """What a search ends with: points by falling promise, and what it dropped on the way.

    `spent` counts question evaluations: one point scored on one question.
    """

    ranked: tuple[Point, ...]
    dropped: tuple[Dropped, ...]
    spent: int


Search = Generator[Sequence[Work], Scores, Found]
"""A running search: it yields work that may be done in any order and at once, is sent the scores, and returns.

It decides by nothing but its seed and the scores that it was sent, so that workers who share the scores agree without
talking, and a sweep that was ended half-way goes on where it stopped.
"""


class Candidates(Protocol):
    """The points that a search may try (`eval.tune.space.Space` is one)."""

    def grid(self) -> Sequence[Point]:
        """Return every point; a range without a step is taken in a few levels."""
        ...

    def random(self, rng: np.random.Generator) -> Point:
        """Return a point drawn at random."""
        ...

    def coordinates(self, point: Point) -> Floats:
        """Return the point as numbers for a model of the scores: scaled ranges, choices as 0 and 1; shape `(d,)`."""
        ...

    def stages(self) -> Sequence[tuple[str, ...]]:
        """Return the searched keys by stage of the flow, the first stage first: what costs most to change."""
        ...


@dataclass(frozen=True, slots=True)
class Task:
    """What a search has to solve.

    `strata` says for every question which set it is from (each set weighs the same, whatever its size), `clusters`
    which questions belong together. `budget` is in question evaluations, the default's included. `warm` are points that
    did well in past sweeps: they are tried early.
    """

    candidates: Candidates
    strata: tuple[int, ...]
    clusters: tuple[str, ...]
    budget: int
    seed: int = 0
    trials: int | None = None
    warm: tuple[Point, ...] = ()

    @property
    def questions(self) -> int:
        """The number of questions."""
        return len(self.strata)
