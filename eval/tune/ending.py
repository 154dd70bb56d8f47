"""The end of a sweep: the shortlist is confirmed on questions it never saw, and the outcome is put together."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from eval.stats import paired_difference
from eval.tune.analysis import Analysis, analyse
from eval.tune.board import Asked, Board
from eval.tune.confirm import SHORTLIST, Confirmation, Measured, confirm
from eval.tune.drive import Distinct, Driver, Ledger
from eval.tune.measure import Measurer
from eval.tune.outcome import Flip, Outcome, SetInfo, Slice, Trial
from eval.tune.points import DEFAULT, Found, Point, Task, Work
from eval.tune.spec import Sweep
from rag.cache.stages import KeptStages

WINNER = "winner"
"""The note that keeps what won, for the warm start of later sweeps."""

_FINALISTS = 12  # points that are looked at for a shortlist that keeps the constraints
_SMALLEST_SLICE = 5


@dataclass(slots=True)
class Ended:
    """A search that ended, and what is needed to confirm and to tell of it.

    `asked` are the questions that tell points apart, with their `ledger`. `whole` is that of all questions of the
    search split, which the constraints are measured on.
    """

    sweep: Sweep
    board: Board
    id: str
    found: Found
    asked: tuple[Asked, ...]
    ledger: Ledger
    whole: Ledger
    measurer: Measurer
    candidates: Distinct
    task: Task
    grid: int
    affordable: int
    stopped: str
    started_at: datetime
    started: float
    driver: Driver
    whole_driver: Driver
    confirmer: Callable[[Ledger], Driver]
    confirmed: Ledger = field(init=False)

    def __post_init__(self) -> None:
        self.confirmed = Ledger(self.sweep.objectives, len(self.board.confirm))


def ending(ended: Ended, clock: Callable[[], datetime]) -> Outcome:
    """Confirm the shortlist and return the outcome."""
    spent = ended.ledger.spent
    shortlist = _shortlist(ended)
    confirmation = _confirmed(ended, shortlist)
    winner = confirmation.winner if confirmation is not None else None
    best = winner or DEFAULT
    if winner is not None:
        ended.driver.store.note(ended.id, WINNER, json.dumps(winner.changes()))
    reuse = ended.measurer.kept.reuse if isinstance(ended.measurer.kept, KeptStages) else {}
    ledger = ended.confirmed if ended.board.confirm else ended.ledger
    asked = ended.board.confirm or ended.asked
    return Outcome(
        sweep=ended.sweep,
        id=ended.id,
        sets=tuple(_sets(ended.board)),
        trials=_trials(ended),
        grid=ended.grid,
        spent=spent,
        affordable=ended.affordable,
        confirmation=confirmation,
        analysis=_analysis(ended, best),
        winner=winner,
        best=best,
        flips=_flips(ended, ledger, asked, best),
        slices=_slices(ended, ledger, asked, best),
        reuse=reuse,
        started_at=ended.started_at,
        ended_at=clock(),
        seconds=time.monotonic() - ended.started,
        usd=ended.ledger.usd + ended.confirmed.usd,
        stopped=ended.stopped,
    )


def _shortlist(ended: Ended) -> list[Point]:
    """Return the points of most promise that keep the constraints on the questions of the search, the best first.

    Each is asked the questions that it was not asked yet.
    """
    everything = tuple(range(len(ended.asked)))
    ended.driver.score("finalist", [Work(DEFAULT, everything)])  # else a search cut short compares it on a part of them
    kept: list[Point] = []
    for point in [point for point in ended.found.ranked if point != DEFAULT][:_FINALISTS]:
        if len(kept) < SHORTLIST:
            ended.driver.score("finalist", [Work(point, everything)])
            if _promises(ended, point) and _keeps(ended, point):
                kept.append(point)
    return kept


def _keeps(ended: Ended, point: Point) -> bool:
    """Say whether a point keeps the constraints on all questions of the search split."""
    if ended.sweep.constraints:
        ended.whole_driver.score("constraints", [Work(point, tuple(range(len(ended.board.search))))])
    means = ((item, ended.whole.mean(point, item.metric.name)) for item in ended.sweep.constraints)
    return all(mean is not None and item.holds(mean) for item, mean in means)


def _promises(ended: Ended, point: Point) -> bool:
    """Say whether a point is better than the default in any objective; one that is not need not be confirmed."""
    return any(ended.ledger.gain(point, objective)[0] > 0 for objective in ended.sweep.objectives)


def _confirmed(ended: Ended, shortlist: Sequence[Point]) -> Confirmation | None:
    """Return what the unseen questions say of the shortlist; None where the sweep has no such questions."""
    asked = ended.board.confirm
    if not asked:
        return None
    everything = tuple(range(len(asked)))
    driver = ended.confirmer(ended.confirmed)
    driver.score("confirm", [Work(point, everything) for point in (DEFAULT, *shortlist)])
    fresh = _measured(ended.sweep, asked, ended.confirmed, ended.confirmed)
    return confirm(shortlist, _searched(ended), fresh, ended.sweep.constraints, seed=ended.task.seed)


def _searched(ended: Ended) -> Measured:
    """Return what the search saw, over all questions of its split."""
    places = {id(item): number for number, item in enumerate(ended.board.search)}
    ledger = Ledger(ended.sweep.objectives, len(ended.board.search))
    for point, rows in ended.ledger.rows.items():
        for question, row in rows.items():
            ledger.add(point, places[id(ended.asked[question])], row)
    return _measured(ended.sweep, ended.board.search, ledger, ended.whole)


def _measured(sweep: Sweep, asked: Sequence[Asked], scored: Ledger, checked: Ledger) -> Measured:
    """Return the scores of all points of a ledger, and what `checked` has of the constraints, as arrays."""
    names = [item.metric.name for item in sweep.constraints]
    return Measured(
        {point: scored.scores_of(point) for point in scored.rows},
        tuple(item.set for item in asked),
        tuple(f"{item.set}/{item.case.cluster}" for item in asked),
        {point: checked.values_of(point, names) for point in checked.rows},
    )


def _trials(ended: Ended) -> tuple[Trial, ...]:
    ledger, total = ended.ledger, len(ended.asked)
    dropped = {item.point: item for item in ended.found.dropped}
    names = [metric.name for metric in ended.sweep.metrics]
    trials = []
    asked = (DEFAULT, *(work.point for work in ledger.works), *ledger.rows)  # whoever did the work, in this order
    for number, point in enumerate(point for point in dict.fromkeys(asked) if point in ledger.rows):
        rows = ledger.rows[point]
        gain, paired = ledger.gain(point, ended.sweep.objectives[0])
        values = {name: ledger.mean(point, name) for name in names}
        whole = len(rows) == total
        trials.append(Trial(number, point, len(rows), whole, values, gain, paired, dropped.get(point)))
    return tuple(trials)


def _sets(board: Board) -> Iterator[SetInfo]:
    for number, (spec, golden) in enumerate(zip(board.sets, board.golden, strict=True)):
        search = sum(item.set == number for item in board.search)
        confirming = sum(item.set == number for item in board.confirm)
        yield SetInfo(golden.name, spec.search, spec.confirm, search, confirming, spec.corpus)


def _analysis(ended: Ended, best: Point) -> Analysis:
    scores = {point: ended.ledger.scores_of(point) for point in ended.ledger.rows}
    strata = ended.task.strata
    return analyse(scores, strata, ended.candidates, best, ended.ledger.works, seed=ended.task.seed)


def _flips(ended: Ended, ledger: Ledger, asked: Sequence[Asked], best: Point) -> tuple[Flip, ...]:
    """Return the questions on which the best point and the default differ, the most mended first."""
    objective = ended.sweep.objectives[0]
    mine, default = ledger.rows.get(best, {}), ledger.rows.get(DEFAULT, {})
    flips = []
    for number, item in enumerate(asked):
        if number not in mine or number not in default:
            continue
        old, new = default[number].value(objective.name), mine[number].value(objective.name)
        if old != new and old == old and new == new:
            name = ended.board.golden[item.set].name
            flips.append(Flip(name, item.case.id, item.case.question, old, new, objective.sign * (new - old)))
    return tuple(sorted(flips, key=lambda flip: (-flip.gain, flip.set, flip.id)))


def _slices(ended: Ended, ledger: Ledger, asked: Sequence[Asked], best: Point) -> tuple[Slice, ...]:
    """Return the paired differences on every set, kind and tag that is not everything."""
    objective = ended.sweep.objectives[0]
    mine, default = ledger.rows.get(best, {}), ledger.rows.get(DEFAULT, {})
    members: dict[str, list[int]] = {}
    for number, item in enumerate(asked):
        if number in mine and number in default:
            for name in _slice_names(ended.board, item):
                members.setdefault(name, []).append(number)
    found = []
    for name, numbers in sorted(members.items()):
        pairs = [(default[n].value(objective.name), mine[n].value(objective.name)) for n in numbers]
        known = [(old, new) for old, new in pairs if old == old and new == new]
        if _SMALLEST_SLICE <= len(known) < len(asked):
            old, new = (np.array(column) for column in zip(*known, strict=True))
            limits = (-1.0, 1.0) if objective.metric.unit in ("share", "score") else None
            seen = paired_difference(old.tolist(), new.tolist(), limits=limits, draws=0)
            gain = objective.sign * seen.value
            low, high = (seen.low, seen.high) if objective.sign > 0 else _turned(seen.low, seen.high)
            found.append(Slice(name, len(known), float(old.mean()), float(new.mean()), gain, low, high))
    return tuple(found)


def _turned(low: float | None, high: float | None) -> tuple[float | None, float | None]:
    return (None if high is None else -high), (None if low is None else -low)


def _slice_names(board: Board, item: Asked) -> Iterable[str]:
    yield f"set {board.golden[item.set].name}"
    yield f"kind {item.case.kind}"
    yield from (f"tag {tag}" for tag in item.case.tags)
