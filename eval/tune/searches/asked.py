"""What a search has asked so far: the order of the questions, and the scores of every point that came back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from eval.tune.points import DEFAULT, Floats, Point, Scores, Task, Work

Asking = Generator[Sequence[Work], Scores, None]
Wanted = Iterable[tuple[Point, Sequence[int]]]


def question_order(strata: Sequence[int], rng: np.random.Generator) -> NDArray[np.intp]:
    """Return the questions shuffled so that every beginning of the order holds every set in proportion.

    The questions of each set are shuffled, and the i-th of `n` stands at (i + 1/2) / n of the whole.

        >>> strata = [0, 0, 0, 0, 1, 1]
        >>> [strata[i] for i in question_order(strata, np.random.default_rng(0))]
        [0, 1, 0, 0, 1, 0]
    """
    labels = np.asarray(strata)
    places = np.empty(len(labels))
    for label in np.unique(labels):
        mine = np.flatnonzero(labels == label)
        places[rng.permutation(mine)] = (np.arange(len(mine)) + 0.5) / len(mine)
    return np.lexsort((labels, places))


def question_weights(strata: Sequence[int]) -> Floats:
    """Return the weight of each question, `(n,)` with the sum 1: every set weighs the same, whatever its size.

    >>> question_weights([0, 0, 1]).tolist()
    [0.25, 0.25, 0.5]
    """
    sizes = Counter(strata)
    return np.array([1.0 / (len(sizes) * sizes[label]) for label in strata])


class Asked:
    """The scores of a search by point and question. It counts question evaluations and asks nothing twice."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.weights = question_weights(task.strata)
        self.spent = 0
        self._scores: dict[Point, Floats] = {}
        self._asked: dict[Point, NDArray[np.bool_]] = {}

    @property
    def points(self) -> tuple[Point, ...]:
        """The points that were asked anything, in the order in which they came."""
        return tuple(self._scores)

    @property
    def left(self) -> int:
        """How many question evaluations the budget still pays for."""
        return self.task.budget - self.spent

    @property
    def columns(self) -> int:
        """The number of objectives; 0 before the first scores."""
        return next((scores.shape[1] for scores in self._scores.values()), 0)

    def scores(self, point: Point) -> Floats:
        """Return the scores of a point, `(questions, objectives)`, NaN where nothing was asked or measured."""
        return self._scores[point]

    def seen(self, point: Point) -> NDArray[np.bool_]:
        """Say for every question whether the point was asked it."""
        return self._asked.get(point, np.zeros(self.task.questions, bool))

    def missing(self, point: Point, questions: Sequence[int]) -> tuple[int, ...]:
        """Return those of the questions that the point was not asked."""
        seen = self.seen(point)
        return tuple(int(q) for q in questions if not seen[q])

    def ask(self, wanted: Wanted) -> Asking:
        """Ask points on questions, the default on all of them too, and note the scores. One batch, nothing twice.

        Where the budget ends, the batch ends: earlier points go first, and the default before all of them.
        """
        pairs = [(point, tuple(questions)) for point, questions in wanted]
        everything = sorted({q for _, questions in pairs for q in questions})
        works, left = list[Work](), self.left
        for point, questions in _merged([(DEFAULT, tuple(everything)), *pairs]).items():
            found = self.missing(point, questions)[: max(0, left)]
            if found:
                works.append(Work(point, found))
                left -= len(found)
        if works:
            self.note(works, (yield works))

    def note(self, works: Sequence[Work], scores: Scores) -> None:
        """Keep the scores of works."""
        for work, found in zip(works, scores, strict=True):
            values = np.asarray(found, np.float64).reshape(len(work.questions), -1)
            rows = list(work.questions)
            shape = (self.task.questions, values.shape[1])
            self._scores.setdefault(work.point, np.full(shape, np.nan))[rows] = values
            self._asked.setdefault(work.point, np.zeros(self.task.questions, bool))[rows] = True
            self.spent += len(rows)

    def means(self, point: Point) -> Floats:
        """Return the weighted mean of each objective over what was measured; NaN where nothing was."""
        return weighted_means(self._scores[point], self.task.strata)


def weighted_means(scores: Floats, strata: Sequence[int]) -> Floats:
    """Return the mean of every column over the sets, each the mean of its measured questions; `(objectives,)`."""
    labels = np.asarray(strata)
    found = []
    for column in scores.T:
        measured = np.isfinite(column)
        parts = [column[measured & (labels == label)] for label in np.unique(labels)]
        means = [float(part.mean()) for part in parts if len(part)]
        found.append(float(np.mean(means)) if means else np.nan)
    return np.array(found)


def _merged(pairs: Iterable[tuple[Point, tuple[int, ...]]]) -> Mapping[Point, tuple[int, ...]]:
    found: dict[Point, dict[int, None]] = {}
    for point, questions in pairs:
        found.setdefault(point, {}).update(dict.fromkeys(questions))
    return {point: tuple(questions) for point, questions in found.items()}
