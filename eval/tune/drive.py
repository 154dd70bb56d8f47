"""Runs a search: gives its work to whoever is there, and keeps the ledger of all scores."""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import psutil

from eval.tune.board import Asked
from eval.tune.measure import Measurer
from eval.tune.points import DEFAULT, Candidates, Floats, Found, Point, Scores, Search, Work
from eval.tune.spec import Objective
from eval.tune.store import STALE_S, Row, Store
from rag.errors import ConfigError

_PIECE = 16  # questions: a few seconds of work, the most that a killed worker loses
_WAIT_S = 0.2

Watch = Callable[["Ledger"], None]
"""Told after every batch of work what is known."""


class OutOfBudgetError(Exception):
    """The time or the money of a sweep is used up."""


@dataclass(slots=True)
class Ledger:
    """Every row that a sweep has seen, by point and question, in the order in which points were first asked."""

    objectives: Sequence[Objective]
    questions: int
    rows: dict[Point, dict[int, Row]] = field(default_factory=dict)
    works: list[Work] = field(default_factory=list)
    """What a search asked for, in its order."""

    def add(self, point: Point, question: int, row: Row) -> None:
        """Write a row down."""
        self.rows.setdefault(point, {})[question] = row

    def scores(self, work: Work) -> Floats:
        """Return `(questions, objectives)` of a piece of work: higher is better, NaN is unmeasured."""
        return self.scores_of(work.point)[list(work.questions)]

    def scores_of(self, point: Point) -> Floats:
        """Return `(questions, objectives)` of a point over all questions; NaN where it was not asked."""
        signs = np.array([item.sign for item in self.objectives], dtype=np.float64)
        return self.values_of(point, [item.name for item in self.objectives]) * signs

    def values_of(self, point: Point, metrics: Sequence[str]) -> Floats:
        """Return `(questions, metrics)` of a point as the metrics say, NaN where it was not asked or has no value."""
        found = np.full((self.questions, len(metrics)), np.nan)
        for question, row in self.rows.get(point, {}).items():
            found[question] = [row.value(name) for name in metrics]
        return found

    @property
    def spent(self) -> int:
        """The number of question evaluations."""
        return sum(len(rows) for rows in self.rows.values())

    @property
    def usd(self) -> float:
        """What language models cost."""
        return sum(row.usd for rows in self.rows.values() for row in rows.values())

    def mean(self, point: Point, metric: str) -> float | None:
        """Return the mean of a metric over the questions where a point has it, None where it has it nowhere."""
        values = [value for row in self.rows.get(point, {}).values() if (value := row.values.get(metric)) is not None]
        return sum(values) / len(values) if values else None

    def gain(self, point: Point, objective: Objective) -> tuple[float, int]:
        """Return how much better than the default a point does on the questions that both were asked, and how many."""
        mine, default = self.rows.get(point, {}), self.rows.get(DEFAULT, {})
        shared = [q for q in mine if q in default]
        values = [objective.sign * (mine[q].value(objective.name) - default[q].value(objective.name)) for q in shared]
        known = [value for value in values if value == value]
        return (sum(known) / len(known), len(known)) if known else (0.0, 0)

    def ranked(self) -> tuple[Point, ...]:
        """Return the points by their gain, those that were asked half of what the most asked one was before others."""
        most = max((len(rows) for rows in self.rows.values()), default=0)

        def promise(point: Point) -> tuple[bool, float]:
            return len(self.rows[point]) * 2 >= most, self.gain(point, self.objectives[0])[0]

        return tuple(sorted(self.rows, key=promise, reverse=True))


class Distinct:
    """Candidates of which no two are the same to the flow; one that changes nothing is the default."""

    def __init__(self, candidates: Candidates, identity: Callable[[Point], str]) -> None:
        """`identity` says what decides a point's scores."""
        self._candidates = candidates
        self._identity = identity
        self._first: dict[str, Point] = {identity(DEFAULT): DEFAULT}

    def of(self, point: Point) -> Point:
        """Return the first point that is the same to the flow."""
        return self._first.setdefault(self._identity(point), point)

    def grid(self) -> Sequence[Point]:
        """Return every distinct point, the default first."""
        return tuple(dict.fromkeys([DEFAULT, *(self.of(point) for point in self._candidates.grid())]))

    def random(self, rng: np.random.Generator) -> Point:
        """Return a point drawn at random."""
        return self.of(self._candidates.random(rng))

    def coordinates(self, point: Point) -> Floats:
        """Return the point as numbers."""
        return self._candidates.coordinates(point)

    def stages(self) -> Sequence[tuple[str, ...]]:
        """Return the searched keys by stage of the flow."""
        return self._candidates.stages()


def worker_name() -> str:
    """Return a name for this process that tells others where it runs."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def _is_dead(worker: str) -> bool:
    host, pid, _ = worker.split(":")
    return host == socket.gethostname() and not psutil.pid_exists(int(pid))


@dataclass(slots=True)
class Driver:
    """Does a search's work together with every other worker of the same sweep.

    All workers run the same search over the same scores, so they ask for the same pieces in the same batches; each
    piece is done by the one that claims it. `deadline` is in seconds of the clock, `usd` the most that may be spent.
    """

    sweep: str
    asked: Sequence[Asked]
    measurer: Measurer
    store: Store
    ledger: Ledger
    watch: Watch
    deadline: float | None = None
    usd: float | None = None
    worker: str = field(default_factory=worker_name)
    clock: Callable[[], float] = time.monotonic
    stopped: str = ""

    def run(self, name: str, search: Search) -> Found:
        """Run a search to its end; `name` tells its pieces from those of other searches of the sweep.

        A search that is cut short by time or money ends with the points as the ledger ranks them.
        """
        try:
            with self._alive():
                return self._run(name, search)
        except OutOfBudgetError as reason:
            self.stopped = str(reason)
            search.close()
            return Found(self.ledger.ranked(), (), self.ledger.spent)

    def score(self, name: str, works: Sequence[Work]) -> Scores:
        """Return the scores of pieces of work, done here or by another worker.

        Raises:
            OutOfBudgetError: time or money is used up.
            ConfigError: every question fails.
        """
        missing = self._unknown(list(_pieces(works)))
        while missing:
            for piece in missing:
                self._check_budget()
                if self.store.claim(self.sweep, _name(name, piece), self.worker):
                    self._do(piece)
                    self.store.finish(self.sweep, _name(name, piece))
                    self.watch(self.ledger)
            left = self._unknown(missing)
            if len(left) == len(missing):  # all of them are with other workers
                time.sleep(_WAIT_S)
                self.store.forget(self.sweep, _is_dead)
            missing = left
        return [self.ledger.scores(work) for work in works]

    def _run(self, name: str, search: Search) -> Found:
        number = 0
        try:
            works = next(search)
            while True:
                scores = self.score(f"{name}{number}", works)
                self.ledger.works += works
                number += 1
                works = search.send(scores)
        except StopIteration as end:
            found: Found = end.value
            return found

    def _do(self, piece: Work) -> None:
        rows = self.measurer.rows(piece.point, [self.asked[question] for question in piece.questions])
        for question, row in zip(piece.questions, rows, strict=True):
            self.ledger.add(piece.point, question, row)
        failed = [row.error for row in rows if row.error]
        if len(failed) == len(rows) and piece.point == DEFAULT:
            raise ConfigError(f"every question fails under the default settings, the first with: {failed[0]}")

    def _unknown(self, pieces: Sequence[Work]) -> list[Work]:
        """Return the pieces that nobody has done yet, and write down the others."""
        wanted = {
            (piece.point, question): self.measurer.key(piece.point, self.asked[question])
            for piece in pieces
            for question in piece.questions
            if question not in self.ledger.rows.get(piece.point, {})
        }
        found = self.store.rows(list(dict.fromkeys(wanted.values())))
        for (point, question), key in wanted.items():
            if key in found:
                self.ledger.add(point, question, found[key])
        return [
            piece
            for piece in pieces
            if not all(question in self.ledger.rows.get(piece.point, {}) for question in piece.questions)
        ]

    def _check_budget(self) -> None:
        if self.deadline is not None and self.clock() > self.deadline:
            raise OutOfBudgetError("the time is used up")
        if self.usd is not None and self.ledger.usd > self.usd:
            raise OutOfBudgetError(f"{self.ledger.usd:.2f} of {self.usd:.2f} USD are spent")

    @contextmanager
    def _alive(self) -> Iterator[None]:
        """Give signs of life meanwhile, and give back at the end what is not done."""
        done = threading.Event()

        def beat() -> None:
            while not done.wait(STALE_S / 5):
                self.store.beat(self.sweep, self.worker)

        thread = threading.Thread(target=beat, name="tune-heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            self.store.release(self.sweep, self.worker)


def _pieces(works: Sequence[Work]) -> Iterator[Work]:
    """Split work into pieces; those of the same questions follow each other, for they share results of stages."""
    cut = [
        Work(work.point, work.questions[i : i + _PIECE])
        for work in works
        for i in range(0, len(work.questions), _PIECE)
    ]
    order = {questions: place for place, questions in enumerate(dict.fromkeys(piece.questions for piece in cut))}
    return iter(sorted(cut, key=lambda piece: order[piece.questions]))


def _name(batch: str, piece: Work) -> str:
    digest = uuid.uuid5(uuid.NAMESPACE_OID, f"{piece.point.text()}|{piece.questions}").hex
    return f"{batch}-{digest}"[:64]
