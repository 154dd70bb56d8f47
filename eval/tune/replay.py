"""A search played against a table of scores that are known already: for tests, simulations and the benchmark."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eval.tune.points import Floats, Found, Point, Scores, Search, Work


@dataclass(frozen=True)
class Table:
    """The scores of every point on every question: `scores[point]` is `(questions, objectives)`."""

    scores: Mapping[Point, Floats]

    def answer(self, works: Sequence[Work]) -> Scores:
        """Return the scores that works ask for."""
        return [self.scores[work.point][list(work.questions)] for work in works]


def drive(search: Search, answer: Callable[[Sequence[Work]], Scores]) -> Found:
    """Run a search to its end."""
    steps = driven(search, answer)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: Found = end.value
            return found


def driven(search: Search, answer: Callable[[Sequence[Work]], Scores]) -> Iterator[Sequence[Work]]:
    """Run a search and yield every batch of work after it was answered; the generator returns what was found."""
    try:
        works = next(search)
        while True:
            scores = answer(works)
            yield works
            works = search.send(scores)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Listed:
    """Candidates that are a list of points, such as the rows of a table."""

    points: tuple[Point, ...]

    def grid(self) -> Sequence[Point]:
        """Return the points."""
        return self.points

    def random(self, rng: np.random.Generator) -> Point:
        """Return one of the points."""
        return self.points[int(rng.integers(len(self.points)))]

    def coordinates(self, point: Point) -> Floats:
        """Return a 1 for each value that the point has of those that any point has."""
        every = sorted({str(item) for other in self.points for item in other.values})
        own = {str(item) for item in point.values}
        return np.array([float(item in own) for item in every])

    def stages(self) -> Sequence[tuple[str, ...]]:
        """Return all keys as one stage."""
        return [tuple(sorted({key for point in self.points for key, _ in point.values}))]
