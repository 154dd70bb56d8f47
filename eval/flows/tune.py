"""Tuning sweeps: check, plan, search, confirm, and write what came out."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel

from eval.golden import GoldenSet, load_golden
from eval.tune.board import Asked, Board, Places, open_board
from eval.tune.drive import Distinct, Driver, Ledger, worker_name
from eval.tune.ending import WINNER, Ended, ending
from eval.tune.measure import Measurer, code_digest
from eval.tune.outcome import Outcome, SweepDocument, document, write_best, write_text, write_trials
from eval.tune.points import DEFAULT, Point, Scalar, Task, Value, Work, point_of
from eval.tune.report import text, verdict, write_report, write_summary
from eval.tune.searches import known_search, search_of
from eval.tune.spec import Budget, RangeSpec, SetSpec, Split, Sweep, SweepSpec, check, check_sets, read_spec
from eval.tune.store import Store, open_store
from eval.tune.study import write_study
from rag.errors import ConfigError
from rag.runtime import Runtime

_LISTED = 50_000  # points of a grid that are counted one by one
_MARK = "sweep.json"
_WARM = 4  # points of past sweeps that are tried early

Tell = Callable[[str], None]
Advance = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class TuneOptions:
    """How a sweep is run; None takes what the specification says.

    `resume` goes on with the sweep of the folder. `workers` are processes on this machine; `helps` says that this
    process is a further one and writes nothing. `embed` lets a sweep without a specification build other indexes.
    """

    trials: int | None = None
    minutes: float | None = None
    keep: tuple[str, ...] = ()
    corpus: str | None = None
    resume: bool = False
    workers: int = 1
    helps: bool = False
    embed: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sweep will do, said before it does it."""

    points: int
    exact: bool
    questions: int
    affordable: int
    minutes: float
    builds: int

    def text(self) -> str:
        """Return the plan in one line."""
        about = "" if self.exact else "about "
        runs = f"{self.affordable} question evaluations, {self.affordable / self.questions:.0f} whole runs' worth"
        built = f"; {self.builds} indexes are built on the way" if self.builds else "; nothing is embedded anew"
        tried = f"{about}{self.points} settings over {self.questions} questions"
        return f"{tried}: {runs}, about {self.minutes:.0f} min{built}"


def sweep_spec(name: str, options: TuneOptions) -> SweepSpec:
    """Return the specification that a name, a YAML file, or a golden-set folder stands for, with the options in it.

    Raises:
        ConfigError: there is none, or it is wrong.
    """
    folder = Path(name)
    if (folder / "questions.jsonl").is_file():
        spec = _small_sweep(folder, options)
    elif options.corpus is not None or options.embed:
        raise ConfigError(
            f"--corpus and --embed belong to a golden-set folder, and {name} is none; a SPEC names its own"
        )
    else:
        spec = read_spec(name)
    budget = spec.budget.model_copy(
        update={key: value for key in ("trials", "minutes") if (value := getattr(options, key)) is not None}
    )
    return spec.model_copy(update={"budget": budget, "constraints": (*spec.constraints, *options.keep)})


def _small_sweep(folder: Path, options: TuneOptions) -> SweepSpec:
    """Return a small sweep for a set that comes without a specification: what mattered most in our own sweeps."""
    if options.corpus is None and not options.embed:
        raise ConfigError(f"name the corpus that {folder} asks (--corpus NAME), or build one with --embed")
    golden = load_golden(folder)
    search, confirm = _splits_of(folder, golden)
    space = dict(_SMALL)
    if any(re.split("[<>]", text)[0].strip() in _OF_ANSWERS for text in options.keep):
        space["answer.abstain_below"] = (0.2, 0.35, 0.5, 0.65)
    if options.embed:
        space["ingest.chunker.max_tokens"] = (150, 200, 250)
    corpus = None if options.embed else options.corpus
    return SweepSpec(
        name=golden.name,
        sets=(SetSpec(set=folder, corpus=corpus, search=search, confirm=confirm),),
        space={key: RangeSpec(choice=values) for key, values in space.items()},
        objectives=("context_recall@4000ch" if any(case.spans for case in golden.cases) else "nDCG@10",),
        budget=Budget(minutes=10),
    )


def _splits_of(folder: Path, golden: GoldenSet) -> tuple[Split, Split]:
    """Return the split to search and the one to confirm: dev and select, or halves of a set that has no splits."""
    splits = {case.split for case in golden.cases}
    if {"dev", "select"} <= splits:
        return "dev", "select"
    if splits == {None}:
        return "half-a", "half-b"
    has = ", ".join(sorted(str(split) for split in splits))
    raise ConfigError(f"{folder} has the splits {has}; a sweep searches on dev and confirms on select")


_SMALL: Mapping[str, tuple[Scalar, ...]] = {
    "retrieval.weights.bm25": (0.5, 1.0, 2.0),
    "rerank.weight": (0.6, 0.8, 1.0),
    "context.keep": (0.3, 0.5, 0.7),
    "context.packing": ("knapsack", "rank"),
}
_OF_ANSWERS = ("false_abstention", "abstention_recall", "abstention_precision")


@dataclass(slots=True)
class _Run:
    """Everything that a running sweep holds."""

    sweep: Sweep
    board: Board
    places: Places
    measurer: Measurer
    store: Store
    id: str
    out: Path
    options: TuneOptions
    advance: Advance
    tell: Tell
    started: float = field(default_factory=time.monotonic)
    worker: str = field(default_factory=worker_name)
    searched: Ledger | None = None
    begun: float = 0.0
    skipped: int = 0
    told: int = 0
    goal: int = 0

    @property
    def deadline(self) -> float | None:
        minutes = self.sweep.spec.budget.minutes
        return None if minutes is None else self.started + 60 * minutes

    def driver(self, asked: Sequence[Asked], ledger: Ledger, *, bounded: bool = True) -> Driver:
        return Driver(
            self.id,
            asked,
            self.measurer,
            self.store,
            ledger,
            self.watch,
            self.deadline if bounded else None,
            self.sweep.spec.budget.usd if bounded else None,
            self.worker,
        )

    def watch(self, ledger: Ledger) -> None:
        """Show how far the search is, and say it in words at every tenth of the way."""
        if ledger is not self.searched:
            self.advance("default" if self.searched is None else "confirm", ledger.spent, 0)
            return
        self.advance("search", ledger.spent, self.goal)
        tenth = 10 * ledger.spent // max(1, self.goal)
        if self.told < tenth < 10:
            self.told = tenth
            passed = time.monotonic() - self.begun
            left = passed * (self.goal - ledger.spent) / max(1, ledger.spent - self.skipped)
            self.tell(f"{10 * tenth} %: {self.best(ledger)}; about {max(1, round(left / 60))} min left")

    def best(self, ledger: Ledger) -> str:
        """Return the most promising point so far in words."""
        objective, first = self.sweep.objectives[0], ledger.ranked()[0]
        gain, paired = ledger.gain(first, objective)
        return f"best so far {first.text()} ({objective.name} {objective.sign * gain:+.4g} on {paired} questions)"


def run_sweep(
    name: str,
    runtime: Runtime,
    out: Path,
    options: TuneOptions = TuneOptions(),
    *,
    advance: Advance = lambda phase, done, total: None,
    tell: Tell = lambda line: None,
    spawn: Callable[[], subprocess.Popen[bytes]] | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Outcome:
    """Search settings on one split, confirm the best on another, and write the outcome to a folder.

    Args:
        name: a specification's name or file, or a golden-set folder.
        runtime: an open runtime; its settings are what the sweep starts from.
        out: where the outcome is written.
        options: what differs from the specification.
        advance: called with the phase, how many question evaluations are done, and how many there will be.
        tell: told what will be done, and what is built.
        spawn: starts one further worker of the same sweep.
        clock: the time, for the report.

    Raises:
        ConfigError: the specification is wrong, or the folder holds another sweep.
        GoldenSetError: a set breaks its schema.
    """
    started_at = clock()
    spec = sweep_spec(name, options)
    check_sets(spec)
    known_search(spec.search)
    board = open_board(spec.sets, runtime.home.root, started_at)
    sweep = check(spec, runtime.settings, _primary(board))
    url = runtime.settings.environment.database_url
    store = open_store(runtime.home.root / "tune", url.get_secret_value() if url else None)
    places = Places(runtime, board, tell)
    helpers: list[subprocess.Popen[bytes]] = []
    try:
        timed = any(metric.name == "latency_ms" for metric in sweep.metrics)
        measurer = Measurer(sweep.base, sweep.metrics, places, store, timed)
        run = _Run(sweep, board, places, measurer, store, _identity(sweep, board, places), out, options, advance, tell)
        _check_flows(run)
        _claim_folder(run, started_at)
        if spawn is not None and not options.helps:
            helpers += [spawn() for _ in range(options.workers - 1)]
        outcome = _swept(run, started_at, clock)
        if not options.helps:
            _write(outcome, run)
        return outcome
    finally:
        _end(helpers)
        places.close()
        store.close()


def _telling(ledger: Ledger, board: Board) -> tuple[Asked, ...]:
    """Return the questions of the search on which the default has a value of any objective; others decide nothing.

    Raises:
        ConfigError: there is none.
    """
    rows = ledger.rows[DEFAULT]
    names = [objective.name for objective in ledger.objectives]
    found = tuple(
        item for i, item in enumerate(board.search) if any(rows[i].values.get(name) is not None for name in names)
    )
    if not found:
        raise ConfigError(f"no question of the search has a value of {', '.join(names)}; name another objective")
    return found


def _swept(run: _Run, started_at: datetime, clock: Callable[[], datetime]) -> Outcome:
    sweep, board = run.sweep, run.board
    candidates = Distinct(sweep.space, run.measurer.identity)
    points, exact = _points(sweep, candidates)
    if exact and points < 2:
        raise ConfigError("space: none of the settings changes what the objectives look at; search over others")
    whole = Ledger(sweep.objectives, len(board.search))
    all_questions = run.driver(board.search, whole, bounded=False)
    all_questions.score("default", [Work(DEFAULT, tuple(range(len(board.search))))])
    pace = float(run.store.note(run.id, "pace", str(_pace(run, whole))))
    asked = _telling(whole, board)
    ledger = Ledger(sweep.objectives, len(asked))
    driver = run.driver(asked, ledger)
    affordable = _affordable(run, points, len(asked), pace)
    plan = Plan(points, exact, len(asked), affordable, affordable * pace / 60 / run.options.workers, _builds(run))
    run.tell(plan.text())
    run.searched, run.begun, run.skipped, run.goal = ledger, time.monotonic(), ledger.spent, affordable
    task = Task(
        candidates,
        tuple(item.set for item in asked),
        tuple(f"{item.set}/{item.case.cluster}" for item in asked),
        affordable,
        sweep.spec.seed,
        sweep.spec.budget.trials,
        _warm(run),
    )
    found = driver.run("search", search_of(sweep.spec.search, task))
    ended = Ended(
        sweep=sweep,
        board=board,
        id=run.id,
        found=found,
        asked=asked,
        ledger=ledger,
        whole=whole,
        measurer=run.measurer,
        candidates=candidates,
        task=task,
        grid=points,
        affordable=affordable,
        stopped=driver.stopped,
        started_at=started_at,
        started=run.started,
        driver=run.driver(asked, ledger, bounded=False),
        whole_driver=all_questions,
        confirmer=lambda other: run.driver(board.confirm, other, bounded=False),
    )
    return ending(ended, clock)


def _pace(run: _Run, ledger: Ledger) -> float:
    """Return the seconds that a question of the default took, with the concurrency of the search."""
    seconds = [row.seconds for row in ledger.rows[DEFAULT].values()]
    return sum(seconds) / len(seconds) / (1 if run.measurer.timed else run.measurer.concurrency)


def _affordable(run: _Run, points: int, questions: int, pace: float) -> int:
    """Return how many question evaluations the budget pays for; never less than the default's and one more point's."""
    budget = run.sweep.spec.budget
    bounds = [budget.share * points * questions]
    if budget.minutes is not None:
        bounds.append(60 * budget.minutes * max(1, run.options.workers) / max(pace, 1e-6))
    if budget.trials is not None:
        bounds.append(float(budget.trials * questions))
    return max(2 * questions, round(min(bounds)))


def _points(sweep: Sweep, candidates: Distinct) -> tuple[int, bool]:
    """Return how many distinct points there are, and whether that is exact."""
    most = sweep.space.most()
    return (len(candidates.grid()), True) if most <= _LISTED else (most, False)


def _builds(run: _Run) -> int:
    """Return about how many indexes the search may have to build."""
    count = 1
    for item in run.sweep.space.parameters:
        if item.key in run.sweep.builds:
            count *= len(item.levels())
    own = sum(spec.corpus is None for spec in run.board.sets)
    return (count - 1) * own


def _warm(run: _Run) -> tuple[Point, ...]:
    """Return the points that won past sweeps and lie in this space; noted, so that a resumed sweep begins the same."""
    won = [json.loads(note) for note in run.store.notes(WINNER)]
    points = dict.fromkeys(point_of(item) for item in won)
    known = [point.changes() for point in points if point.values and run.sweep.space.holds(point)][:_WARM]
    return tuple(point_of(item) for item in json.loads(run.store.note(run.id, "warm", json.dumps(known))))


def _identity(sweep: Sweep, board: Board, places: Places) -> str:
    """Return what tells this sweep from others: equal sweeps share their scores and their pieces of work."""
    spec = sweep.spec.model_dump(mode="json", by_alias=True, exclude={"name", "sets"})
    spec["budget"].pop("minutes")  # a sweep that is resumed with more time goes on
    generations = [
        [number, places.of(number, sweep.base).generation.id]
        for number, item in enumerate(board.sets)
        if item.corpus is not None
    ]
    content = [spec, board.digest(), sweep.base.recorded(), code_digest(), generations]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _check_flows(run: _Run) -> None:
    """Make a flow of every single value, so that a misspelt name fails now and not in an hour."""
    place = run.places.of(0, run.sweep.base)
    for item in run.sweep.space.parameters:
        for value in item.levels():
            settings = run.measurer.settings(Point.of({**_held(item.when), item.key: value}))
            place.runtime.flow(settings, place.generation, run.measurer.kept)


def _held(when: Sequence[tuple[str, tuple[Value, ...]]]) -> dict[str, Value]:
    return {key: allowed[0] for key, allowed in when}


def sweep_document(outcome: Outcome, folder: Path) -> SweepDocument:
    """Return what `tune --json` prints."""
    return replace(document(outcome, folder), verdict=verdict(outcome).sentence)


def sweep_schema() -> str:
    """Return the JSON Schema of a specification, as indented JSON."""
    return json.dumps(SweepSpec.model_json_schema(), indent=1) + "\n"


def sweep_text(outcome: Outcome, folder: Path, width: int) -> str:
    """Return the outcome as terminal text."""
    return text(outcome, width, folder)


def _claim_folder(run: _Run, now: datetime) -> None:
    """Mark the folder as this sweep's.

    Raises:
        ConfigError: it holds another sweep, or this one and nobody said to go on with it.
    """
    path = run.out / _MARK
    mark = _Mark.model_validate_json(path.read_bytes()) if path.is_file() else None
    if mark is None:
        fresh = _Mark(sweep=run.id, name=run.sweep.spec.name, started_at=now.isoformat(timespec="seconds"))
        write_text(path, fresh.model_dump_json() + "\n")
    elif mark.sweep != run.id:
        raise ConfigError(
            f"{run.out} holds another sweep ({mark.name}, begun {mark.started_at}), or its options, questions,"
            " corpus or code changed since; use the options of before, or another --out"
        )
    elif not run.options.resume:
        raise ConfigError(f"{run.out} holds this sweep already; go on with it: --resume")


class _Mark(BaseModel):
    """Which sweep a folder holds."""

    sweep: str
    name: str
    started_at: str


def _primary(board: Board) -> str:
    """Return the metric that decides where none is named: of the context, for that is what a prompt gets."""
    return "context_recall@4000ch" if board.primary == "recall@4000ch" else board.primary


def _write(outcome: Outcome, run: _Run) -> None:
    """Write the outcome, what others depend on first."""
    write_best(outcome, run.out)
    write_trials(outcome, run.out)
    write_summary(outcome, run.out)
    write_report(outcome, run.out)
    url = run.sweep.base.environment.database_url
    signs = {item.name: item.sign for item in run.sweep.objectives}
    write_study(run.id[:16], outcome.trials, signs, run.sweep.space, run.out, url.get_secret_value() if url else None)
    run.store.trim()


def _end(helpers: Sequence[subprocess.Popen[bytes]]) -> None:
    """Wait for further workers, who find the same end; end those that do not."""
    for helper in helpers:
        try:
            helper.wait(timeout=30)
        except subprocess.TimeoutExpired:
            helper.terminate()
            helper.wait()
