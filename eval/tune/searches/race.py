"""The race: points drop out over shuffled questions, and a model lends each what is known of points near to it.

1. A few *probes*, chosen to lie far apart, are asked every question (as far as half of the budget goes). Questions on
   which all of them score the same tell points apart rarely, so they come late in the order from then on: only a share
   of them is asked as an audit, at random, so that estimates stay unbiased (double sampling for stratification:
   Cochran 1977, "Sampling techniques", ch. 12).
2. In every round the model of `eval.tune.surrogate` says how likely each point is the best. The likeliest run on over
   the next questions, all of them over the same ones; each round half as many, twice as far (Karnin, Koren & Somekh
   2013, "Almost optimal exploration in multi-armed bandits").
3. A point that is surely worse than another in one objective, and better in none, leaves at once
   (`eval.tune.dropping`: a paired test with all looks and points paid for).

The first stage of the flow is decided first: where it builds an index, every round looks at half as many indexes.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence

import numpy as np

from eval.tune.dropping import Strata, surely_worse
from eval.tune.fronts import ranking, shares_on_front
from eval.tune.points import DEFAULT, Dropped, Floats, Found, Scores, Search, Task, Work
from eval.tune.searches.asked import Asked, question_order
from eval.tune.searches.pool import groups_of, pool_of, spread_out
from eval.tune.surrogate import Belief, Kernels, believe

Steps = Generator[Sequence[Work], Scores, None]

_PROBE_SHARE = 0.35  # of the budget goes to probes
_PROBES = (3, 12)
_ROUNDS = 6
_FIRST_BLOCK = 14  # questions that the first round asks, about
_FEWEST = 4  # points in the last rounds
_AUDIT = 0.15  # of the questions that tell nothing are asked while those that tell are
_DRAWS = 200
_CAUTION = 1.0  # standard errors that the winner's estimate is lowered by: few lucky questions win nothing


def race(task: Task) -> Search:
    """Race the points of the task; see the module."""
    running = _Race(task)
    yield from running.probe()
    for turn in range(_ROUNDS):
        yield from running.round(turn)
    return running.found()


class _Race:
    def __init__(self, task: Task) -> None:
        self._task = task
        self._rng = np.random.default_rng(task.seed)
        self._asked = Asked(task)
        self._pool = pool_of(task, self._rng)
        self._place = {point: i for i, point in enumerate(self._pool)}
        self._kernels = Kernels(self._pool)
        self._groups = groups_of(self._pool, task.candidates)
        self._order = question_order(task.strata, self._rng)
        self._strata = Strata.of(task.strata, np.zeros(task.questions, bool))
        self._dropped: dict[int, Dropped] = {}
        self._running: list[int] = []

    def probe(self) -> Steps:
        """Ask the default, the warm points and points far from them, and put the questions in a better order."""
        columns = self._task.budget / max(1, self._task.questions)
        wanted = min(int(np.clip(columns * _PROBE_SHARE, *_PROBES)), self._task.trials or len(self._pool))
        first = [self._place[point] for point in dict.fromkeys((DEFAULT, *self._task.warm))][: max(1, wanted)]
        self._running = spread_out(self._kernels, first, wanted, self._rng)
        reach = max(1, min(self._task.questions, self._task.budget // (2 * len(self._running))))
        yield from self._ask(self._running, reach)
        self._reorder()

    def round(self, turn: int) -> Steps:
        """Ask the likeliest points on the next questions, and drop what is surely worse."""
        if self._asked.left <= 0:
            return
        spend = self._asked.left // (_ROUNDS - turn)
        fewest = max(_FEWEST, round(self._asked.left / _ROUNDS / _FIRST_BLOCK * 0.5**turn))
        chosen = self._contenders(turn, fewest, spend)
        if chosen:
            self._running = chosen
            yield from self._ask(chosen, self._reach(chosen, spend))
            self._drop(turn + 1)

    def found(self) -> Found:
        """Return what was asked, the most promising first; points that the budget took out come with no p-value."""
        belief = self._beliefs()
        known = [self._place[point] for point in self._asked.points]
        cautious = np.stack([one.mean - _CAUTION * one.error for one in belief], axis=1)
        out = [i for i in known if i in self._dropped]
        kept = [i for i in known if i not in self._dropped]
        order = [part[i] for part in (kept, out) for i in ranking([cautious[place] for place in part])]
        best = order[0]
        for i in kept:
            if i not in self._running and i != best:
                behind = float(belief[0].mean[best] - belief[0].mean[i])
                questions = int(self._asked.seen(self._pool[i]).sum())
                self._dropped[i] = Dropped(self._pool[i], questions, behind, self._pool[best], None)
        ranked = tuple(self._pool[i] for i in order)
        return Found(ranked, tuple(self._dropped[i] for i in sorted(self._dropped)), self._asked.spent)

    def _ask(self, chosen: Sequence[int], reach: int) -> Steps:
        """Ask points on the first questions of the order; those that share an index follow each other."""
        grouped = sorted(chosen, key=lambda i: self._groups[i])
        yield from self._asked.ask((self._pool[i], self._order[:reach].tolist()) for i in grouped)

    def _reorder(self) -> None:
        """Put questions on which the probes differ in the first objective before those on which they do not."""
        table = self._table(0)[self._running]
        measured = np.isfinite(table)
        spread = np.where(measured, table, -np.inf).max(axis=0) - np.where(measured, table, np.inf).min(axis=0)
        silent = (measured.sum(axis=0) > 1) & (spread == 0)
        labels, places = np.asarray(self._task.strata), np.empty(self._task.questions)
        for label in np.unique(labels):
            for mine, share in (((labels == label) & ~silent, 1.0), ((labels == label) & silent, _AUDIT)):
                shuffled = self._rng.permutation(np.flatnonzero(mine))
                places[shuffled] = (np.arange(len(shuffled)) + 0.5) / max(1, len(shuffled)) / share
        self._order = np.argsort(places, kind="stable")
        self._strata = Strata.of(self._task.strata, silent)

    def _contenders(self, turn: int, fewest: int, spend: int) -> list[int]:
        """Return the likeliest points, the best first: as many as the round is for, or as the money reaches."""
        promise = self._promise()
        allowed = self._open_groups(promise, turn)
        room = (self._task.trials or len(self._pool)) - len(self._asked.points)
        chosen, cost = list[int](), 0
        for i in np.argsort(-promise, kind="stable").tolist():
            new = self._pool[i] not in self._place or not self._asked.seen(self._pool[i]).any()
            if i in self._dropped or self._groups[i] not in allowed or (new and room <= 0):
                continue
            if len(chosen) >= fewest and cost >= spend:
                break
            room -= new
            cost += int((~self._asked.seen(self._pool[i])).sum())
            chosen.append(i)
        return chosen

    def _open_groups(self, promise: Floats, turn: int) -> set[int]:
        """Return the indexes that points may use in this round: half as many every time, the most promising."""
        groups = np.asarray(self._groups)
        wanted = max(2, math.ceil((groups.max() + 1) / 2 ** (turn + 1)))
        sums = np.bincount(groups, weights=promise)
        return set(np.argsort(-sums, kind="stable")[:wanted].tolist())

    def _reach(self, chosen: Sequence[int], spend: int) -> int:
        """Return how many questions of the order the points can be asked for that many evaluations."""
        new = np.sum([~self._asked.seen(self._pool[i])[self._order] for i in chosen], axis=0)
        return max(1, int(np.searchsorted(np.cumsum(new), spend, side="right")))

    def _promise(self) -> Floats:
        """Return how likely each point is the best (on the front, with several objectives), by draws of the belief."""
        beliefs = self._beliefs()
        draws = np.stack([belief.draws(self._rng, _DRAWS) for belief in beliefs], axis=2)
        reach = beliefs[0].mean + beliefs[0].error
        ranks = np.empty(len(reach))
        ranks[np.argsort(np.round(reach, 9), kind="stable")] = np.arange(len(reach)) / len(reach)
        return shares_on_front(draws) + ranks / (2 * _DRAWS)

    def _beliefs(self) -> list[Belief]:
        weights = self._asked.weights
        return [believe(self._kernels, self._table(column), weights) for column in range(self._asked.columns)]

    def _table(self, column: int) -> Floats:
        """Return the scores of one objective, `(pool, questions)`, NaN where unknown."""
        table = np.full((len(self._pool), self._task.questions), np.nan)
        for point in self._asked.points:
            table[self._place[point]] = self._asked.scores(point)[:, column]
        return table

    def _drop(self, look: int) -> None:
        """Drop what is surely worse than one of the leaders, the repeated looks paid for."""
        known = [self._place[point] for point in self._asked.points if self._place[point] not in self._dropped]
        beliefs = self._beliefs()
        cautious = [np.array([b.mean[i] - _CAUTION * b.error[i] for b in beliefs]) for i in known]
        leaders = [known[i] for i in ranking(cautious)[: len(beliefs)]]
        pay = look * (look + 1) * len(self._asked.points)
        for i in known:
            for leader in leaders:
                if i == leader or i == self._place[DEFAULT] or i in self._dropped:
                    continue
                scores, rival = self._asked.scores(self._pool[i]), self._asked.scores(self._pool[leader])
                found = surely_worse(scores, rival, self._strata, pay)
                if found:
                    shared = int(np.isfinite(scores[:, 0] + rival[:, 0]).sum())
                    self._dropped[i] = Dropped(self._pool[i], shared, found.behind, self._pool[leader], found.p)
