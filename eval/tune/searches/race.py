"""The race: points drop out over shuffled questions, and a model lends each what is known of points near to it.

1. A few *probes*, chosen to lie far apart, are asked every question (as far as the budget goes). On most questions all
   of them score the same: those are silent, the others tell points apart.
2. In every round a model (`eval.tune.surrogate`) says how likely each point is the best. The likeliest run on over the
   next questions that tell, in shuffled order, all over the same ones; each round half as many points, twice as far
   (Karnin, Koren & Somekh 2013, "Almost optimal exploration in multi-armed bandits").
3. A share of every round audits silent questions, those first that are likely not to be: where all probes failed, a
   further point scores differently more often than where all of them were right. A question that is found to tell
   joins the others. In the last rounds all points that are left are audited on the same questions. The mean of a point
   goes over all questions, the unasked ones as the model expects them, so asking chosen questions biases nothing.
4. A point that is surely worse than another in one objective, and better in none, leaves at once
   (`eval.tune.dropping`: a paired test with all looks and points paid for).

The first stage of the flow is decided first: where it builds an index, every round looks at half as many indexes.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence

import numpy as np
from numpy.typing import NDArray

from eval.tune.dropping import Strata, surely_worse
from eval.tune.fronts import ranking, shares_on_front
from eval.tune.points import DEFAULT, Dropped, Floats, Found, Scores, Search, Task, Work
from eval.tune.searches.asked import Asked, question_order
from eval.tune.searches.grid import grid
from eval.tune.searches.pool import LARGEST, groups_of, pool_of, spread_out
from eval.tune.searches.silence import Rates, level_of, quiet
from eval.tune.surrogate import Belief, Kernels, believe

Steps = Generator[Sequence[Work], Scores, None]


_PROBE_SHARE = 0.3  # of the budget goes to probes
_PROBES = (3, 12)
_ROUNDS = 6
_FIRST_BLOCK = 10  # questions that the first round asks, about
_FEWEST = 8  # points in the last rounds, or half as many as the budget pays for whole, if that is more
_TELLING_SHARE = 0.7  # of a round's money; the rest audits the silent questions
_LAST = 2  # rounds in which audits ask all points the same
_DRAWS = 200
_CAUTION = 1.0  # standard errors that estimates are lowered by: a few lucky questions win nothing


def race(task: Task) -> Search:
    """Race the points of the task; see the module."""
    running = _Race(task)
    if running.affords_all:
        return (yield from grid(task))
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
        self._silent = np.zeros(task.questions, bool)
        self._rates = Rates()
        self._strata = Strata.of(task.strata, self._silent)
        self._dropped: dict[int, Dropped] = {}
        self._running: list[int] = []
        self._believed: list[Belief] | None = None

    @property
    def affords_all(self) -> bool:
        """Whether the budget pays for every point on every question: then there is nothing to race for."""
        whole = len(self._pool) < LARGEST and self._task.trials is None
        return whole and self._task.budget >= len(self._pool) * self._task.questions

    def probe(self) -> Steps:
        """Ask the default, the warm points and points far from them every question, as far as half the budget goes."""
        columns = self._task.budget / max(1, self._task.questions)
        wanted = min(int(np.clip(columns * _PROBE_SHARE, *_PROBES)), self._task.trials or len(self._pool))
        first = [self._place[point] for point in dict.fromkeys((DEFAULT, *self._task.warm))][: max(1, wanted)]
        self._running = spread_out(self._kernels, first, wanted, self._rng)
        reach = max(1, min(self._task.questions, self._task.budget // (2 * len(self._running))))
        yield from self._ask([(i, self._order[:reach].tolist()) for i in self._running])
        self._silent = quiet(self._table(0))
        self._rates.left_out(self._table(0)[self._running])
        self._strata = Strata.of(self._task.strata, self._silent)

    def round(self, turn: int) -> Steps:
        """Ask the likeliest points on the next questions, and drop what is surely worse."""
        if self._asked.left <= 0:
            return
        spend = math.ceil(self._asked.left / (_ROUNDS - turn))
        telling = [int(q) for q in self._order if not self._silent[q]]
        finalists = max(_FEWEST, self._task.budget // (2 * self._task.questions))
        fewest = max(finalists, round(spend / max(1, min(len(telling), _FIRST_BLOCK)) * 0.5**turn))
        chosen = self._contenders(turn, fewest, spend)
        if chosen:
            self._running = chosen
            plan = self._plan(chosen, telling, spend, turn)
            audits = [(i, q) for i, questions in plan.items() for q in questions if self._silent[q]]
            levels = self._levels()
            yield from self._ask([(i, plan[i]) for i in chosen])
            for i, q in audits:
                self._rates.note(int(levels[q]), self._differs(i, q))
            self._listen()
            self._believed = None
            self._drop(turn + 1)

    def _plan(self, chosen: Sequence[int], telling: Sequence[int], spend: int, turn: int) -> dict[int, list[int]]:
        """Return the questions for each point: first those that tell points apart, then audits of the silent ones."""
        reach, cost = self._reach(chosen, telling, round(spend * _TELLING_SHARE))
        plan = {i: list(telling[:reach]) for i in chosen}
        yields = self._yields()
        silent = sorted((int(q) for q in self._order if self._silent[q]), key=lambda q: -yields[q])
        left = spend - cost
        if turn >= _ROUNDS - _LAST:  # the same ones for all that are left
            more, _ = self._reach(chosen, silent, left)
            return {i: [*questions, *silent[:more]] for i, questions in plan.items()}
        for i, questions in self._audits_of(chosen, left).items():
            plan[i] += questions
        return plan

    def _audits_of(self, chosen: Sequence[int], left: int) -> dict[int, list[int]]:
        """Spread audits over the points and the silent questions: always the question that was asked least so far."""
        counts = np.sum([self._asked.seen(point) for point in self._asked.points], axis=0).astype(np.float64)
        yields = np.where(self._silent, self._yields(), 0.0)
        own = {i: ~self._asked.seen(self._pool[i]) for i in chosen}
        found: dict[int, list[int]] = {i: [] for i in chosen}
        for step in range(left):
            i = chosen[step % len(chosen)]
            worth = (yields / np.maximum(counts, 1.0) * own[i])[self._order]
            q = int(self._order[int(np.argmax(worth))])
            if worth.max() > 0:
                counts[q] += 1
                own[i][q] = False
                found[i].append(q)
            elif not any((yields * own[j]).any() for j in chosen):
                break
        return found

    def _reach(self, chosen: Sequence[int], questions: Sequence[int], spend: int) -> tuple[int, int]:
        """Return how many of the questions the points can be asked for that many evaluations, and what that costs."""
        if not questions:
            return 0, 0
        new = np.sum([~self._asked.seen(self._pool[i])[list(questions)] for i in chosen], axis=0)
        costs = np.cumsum(new)
        reach = int(np.searchsorted(costs, spend, side="right"))
        return reach, int(costs[reach - 1]) if reach else 0

    def _listen(self) -> None:
        """Note which silent questions tell something after all, and put them first: the other points come to them."""
        before = self._silent
        self._silent = before & quiet(self._table(0))
        found = before & ~self._silent
        self._order = np.concatenate([self._order[found[self._order]], self._order[~found[self._order]]])

    def _ask(self, wanted: Sequence[tuple[int, Sequence[int]]]) -> Steps:
        """Ask points on questions; those that share an index follow each other."""
        grouped = sorted(wanted, key=lambda pair: self._groups[pair[0]])
        yield from self._asked.ask((self._pool[i], questions) for i, questions in grouped)
        self._believed = None

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

    def _contenders(self, turn: int, fewest: int, spend: int) -> list[int]:
        """Return the likeliest points, the best first: as many as the round is for, or as the money reaches."""
        promise = self._promise()
        allowed = self._open_groups(promise, turn)
        room = (self._task.trials or len(self._pool)) - len(self._asked.points)
        chosen, cost = list[int](), 0
        for i in np.argsort(-promise, kind="stable").tolist():
            new = not self._asked.seen(self._pool[i]).any()
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
        return {int(group) for group in np.argsort(-sums, kind="stable")[:wanted]}

    def _promise(self) -> Floats:
        """Return how likely each point is the best (on the front, with several objectives), by draws of the belief."""
        beliefs = self._beliefs()
        draws = np.stack([belief.draws(self._rng, _DRAWS) for belief in beliefs], axis=2)
        reach = beliefs[0].mean + beliefs[0].error
        ranks = np.empty(len(reach))
        ranks[np.argsort(np.round(reach, 9), kind="stable")] = np.arange(len(reach)) / len(reach)
        return shares_on_front(draws) + ranks / (2 * _DRAWS)

    def _beliefs(self) -> list[Belief]:
        """Return what is believed of each objective; between two batches it stays the same."""
        if self._believed is None:
            levels, weights = self._levels(), self._asked.weights
            silent = [(self._silent & (levels == level), self._rates.of(level)) for level in Rates.levels]
            self._believed = [
                believe(self._kernels, self._table(column), weights, () if column else silent)
                for column in range(self._asked.columns)
            ]
        return self._believed

    def _levels(self) -> NDArray[np.intp]:
        """Return what kind of score each question has among those that were asked it first."""
        table = self._table(0)
        return level_of(np.nan_to_num(np.nanmax(np.where(np.isfinite(table), table, -np.inf), axis=0)), table)

    def _yields(self) -> Floats:
        """Return for every question the chance that a further point scores differently there."""
        levels = self._levels()
        return np.array([self._rates.of(int(level)) for level in levels])

    def _differs(self, i: int, q: int) -> bool:
        """Say whether a point scored differently on a question from all others that were asked it."""
        column = self._table(0)[:, q]
        others = np.delete(column, i)
        others = others[np.isfinite(others)]
        return bool(len(others) and np.isfinite(column[i]) and (others != column[i]).all())

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
        pairs = [(i, leader) for i in known for leader in leaders if i not in (leader, self._place[DEFAULT])]
        for i, leader in pairs:
            scores, rival = self._asked.scores(self._pool[i]), self._asked.scores(self._pool[leader])
            found = None if i in self._dropped else surely_worse(scores, rival, self._strata, pay)
            if found:
                shared = int(np.isfinite(scores[:, 0] + rival[:, 0]).sum())
                self._dropped[i] = Dropped(self._pool[i], shared, found.behind, self._pool[leader], found.p)
