"""Every point of the grid on every question, as far as the budget goes."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence

from eval.tune.fronts import ranking
from eval.tune.points import DEFAULT, Found, Point, Scores, Search, Task, Work
from eval.tune.searches.asked import Asked

BATCH = 8
"""Points that are asked at once, so that several workers have something to do."""


def grid(task: Task) -> Search:
    """Ask the default, the warm points and then the grid in its order."""
    return exhaust(task, (*task.warm, *task.candidates.grid()))


def exhaust(task: Task, points: Iterable[Point]) -> Search:
    """Ask points on every question, one after the other, until the trials or the budget end."""
    asked = Asked(task)
    chosen = list(dict.fromkeys((DEFAULT, *points)))[: task.trials]
    yield from whole(asked, chosen)
    return found_of(asked)


def whole(asked: Asked, points: Sequence[Point]) -> Generator[Sequence[Work], Scores, None]:
    """Ask points on every question in batches, as far as the budget goes."""
    everything = range(asked.task.questions)
    for start in range(0, len(points), BATCH):
        if asked.left <= 0:
            return
        yield from asked.ask((point, everything) for point in points[start : start + BATCH])


def found_of(asked: Asked) -> Found:
    """Return what was asked on every question, the best first; a point that the budget cut short comes behind."""
    done = [point for point in asked.points if asked.seen(point).all()]
    rest = [point for point in asked.points if point not in set(done)]
    order = [points[i] for points in (done, rest) for i in ranking([asked.means(point) for point in points])]
    return Found(tuple(order), (), asked.spent)
