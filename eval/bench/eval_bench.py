"""`make bench-eval`: what an evaluation adds to the time of answering its cases, and how its memory grows.

    python -m eval.bench eval --cases 1000 --out out/bench

The same questions are answered by the pipeline alone, as `ask` does, and by the runner with all default metrics and a
report, as `eval` does. Both go through the set together, some cases each in turn, because the speed of a machine
changes from one minute to the next by more than what is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from eval.bench.figures import Figure, Figures, machine, mean_of, ratio_of_sums, single, table, write_figures
from eval.bench.memory import resident_mb
from eval.bench.own import BENCH_CORPUS, own_ingestion
from eval.golden import Case, GoldenSet, load_golden
from eval.report.write import write_report
from eval.runner import Run, RunOptions, run
from rag.bridge import run_sync
from rag.errors import RagwrightError
from rag.pipeline import Request
from rag.runtime import Runtime
from rag.types import Answer, ContextResult, SearchResult

log = logging.getLogger(__name__)

NOTES = (
    "alone: the pipeline's answers at the runner's concurrency, nothing kept; evaluated: the runner with its default"
    " metrics, RAGAS in a process of its own that is started anew, evidence from the catalogue, and the report's files;"
    " answers and references that repeat are embedded once",
    "both with the model and all caches warm: every question was answered once before",
    "both take turns of so many cases; what comes after the last answer (scores, report) is the tail, spread over them",
    "added = evaluated / alone - 1, its interval over turns; memory is this process's resident set",
)


@dataclass(frozen=True, slots=True)
class Options:
    """What is measured: `cases` questions of a golden set, repeated as often as it takes, `rounds` times by turns."""

    golden: Path = Path("corpora/demo")
    cases: int = 1000
    rounds: int = 2
    turn: int = 20


def bench_eval(options: Options, work: Path) -> Figures:
    """Return times, the added share and the memory of answering and evaluating the same cases."""
    golden = repeated(load_golden(options.golden), options.cases)
    with own_ingestion(work / "home") as own:
        own.ingest(golden.documents)
        run_sync(_answer(own.runtime, golden.cases))
        rounds = []
        memory = {"before": single(resident_mb())}
        for i in range(options.rounds):
            rounds.append(run_sync(_by_turns(own.runtime, golden, options.turn, work / "report")))
            memory[f"after {(i + 1) * len(golden.cases)} cases"] = single(resident_mb())
            walls = (rounds[-1].alone_s, rounds[-1].evaluated_s, rounds[-1].tail.wall)
            log.info("round %d: %.1f s alone, %.1f s evaluated, of which %.1f s after the last answer", i + 1, *walls)
    return {
        "cases": len(golden.cases),
        "wall": _figures(rounds, lambda taken: taken.wall),
        "cpu": _figures(rounds, lambda taken: taken.cpu),
        "rss_mb": memory,
        "report_mb": single((work / "report" / "report.html").stat().st_size / 1e6),
        "about": {**machine(), "notes": list(NOTES)},
    }


@dataclass(frozen=True, slots=True)
class _Taken:
    """Seconds of wall time, and of the CPUs' time for this process and RAGAS', which others do not make longer."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class _Round:
    """What the turns of both took, and of the evaluation what came after its last answer, the report included."""

    alone: tuple[_Taken, ...]
    evaluated: tuple[_Taken, ...]
    tail: _Taken
    report: _Taken

    @property
    def alone_s(self) -> float:
        return sum(taken.wall for taken in self.alone)

    @property
    def evaluated_s(self) -> float:
        return sum(taken.wall for taken in self.evaluated) + self.tail.wall


def _figures(rounds: Sequence[_Round], of: Callable[[_Taken], float]) -> dict[str, Figure]:
    alone = [[of(taken) for taken in done.alone] for done in rounds]
    evaluated = [[of(taken) + of(done.tail) / len(done.evaluated) for taken in done.evaluated] for done in rounds]
    return {
        "alone_s": mean_of([sum(turns) for turns in alone]),
        "evaluated_s": mean_of([sum(turns) for turns in evaluated]),
        "of_which_after_answers_s": mean_of([of(done.tail) for done in rounds]),
        "of_which_report_s": mean_of([of(done.report) for done in rounds]),
        "added": _added([*chain(*evaluated)], [*chain(*alone)]),
    }


def repeated(golden: GoldenSet, count: int) -> GoldenSet:
    """Return `count` cases of a set without its sealed ones: all in turn, as often as it takes, under new ids."""
    unsealed = [case for case in golden.cases if case.split != "sealed"]
    cases = (replace(unsealed[i % len(unsealed)], id=f"{i}", cluster=f"{i}") for i in range(count))
    return replace(golden, cases=tuple(cases))


class _Clock:
    """Wall and CPU time since it was made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), _cpu_s()

    def taken(self) -> _Taken:
        return _Taken(time.perf_counter() - self._wall, _cpu_s() - self._cpu)


def _cpu_s() -> float:
    """Return the CPU seconds of this process and of those that it ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


class _Evaluation:
    """An evaluation that answers some cases and then waits until it is its turn again."""

    def __init__(self, runtime: Runtime, golden: GoldenSet) -> None:
        self._runtime, self._golden = runtime, golden
        self._allowed = asyncio.Semaphore(0)
        self._done = asyncio.Semaphore(0)
        self._run: asyncio.Task[Run] | None = None

    async def answer(self, request: Request) -> Answer:
        """Answer a case of this turn or of the next one."""
        await self._allowed.acquire()
        return await self._runtime.pipeline.answer(request)

    async def search(self, request: Request) -> SearchResult:
        """Search; no evaluation with default options asks for it."""
        return await self._runtime.pipeline.search(request)

    async def context(self, request: Request) -> ContextResult:
        """Pack a context; no evaluation with default options asks for it."""
        return await self._runtime.pipeline.context(request)

    async def turn(self, cases: int) -> None:
        """Let so many cases be answered and observed."""
        if self._run is None:
            self._run = asyncio.create_task(self._evaluate())
        for _ in range(cases):
            self._allowed.release()
        for _ in range(cases):
            await self._done.acquire()

    async def end(self) -> Run:
        """Return the run after its last turn."""
        if self._run is None:
            raise RuntimeError("an evaluation without a turn has no end")
        return await self._run

    async def _evaluate(self) -> Run:
        runtime = self._runtime
        return await run(
            self._golden,
            self,
            BENCH_CORPUS,
            library=runtime.catalogue,
            verifier=runtime.verifier(),
            embedder=runtime.embedder,
            progress=self._progress,
        )

    def _progress(self, phase: str, done: int, total: int) -> None:
        if phase == "answer":
            self._done.release()


async def _by_turns(runtime: Runtime, golden: GoldenSet, size: int, folder: Path) -> _Round:
    """Return what the cases took alone and evaluated; who is first changes with every turn.

    The evaluation has the last turn of all, so that nothing stands between its last answer and its scores.
    """
    evaluation = _Evaluation(runtime, golden)
    turns = [golden.cases[start : start + size] for start in range(0, len(golden.cases), size)]
    alone: list[_Taken] = []
    evaluated: list[_Taken] = []
    for i, cases in enumerate(turns):
        for evaluate in (False, True) if (len(turns) - i) % 2 else (True, False):
            clock = _Clock()
            await (evaluation.turn(len(cases)) if evaluate else _answer(runtime, cases))
            (evaluated if evaluate else alone).append(clock.taken())
    clock = _Clock()
    done = await evaluation.end()
    writing = _Clock()
    write_report(done, folder)
    return _Round(tuple(alone), tuple(evaluated), clock.taken(), writing.taken())


async def _answer(runtime: Runtime, cases: Sequence[Case]) -> None:
    turns = asyncio.Semaphore(RunOptions().concurrency)

    async def answer(case: Case) -> None:
        async with turns:
            await runtime.pipeline.answer(Request(case.question, BENCH_CORPUS, history=case.history))

    await asyncio.gather(*(answer(case) for case in cases))


def _added(over: Sequence[float], under: Sequence[float]) -> Figure:
    found = ratio_of_sums(over, under)
    value, low, high = (None if bound is None else bound - 1 for bound in (found.value, found.low, found.high))
    return replace(found, value=value, low=low, high=high, note="share of the time alone; n counts turns")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="eval.bench eval", description=(__doc__ or "").partition("\n")[0])
    defaults = Options()
    parser.add_argument("--out", type=Path, default=Path("out/bench"), help="folder of eval.json")
    parser.add_argument("--golden", type=Path, default=defaults.golden, help="the golden set")
    for name in ("cases", "rounds", "turn"):
        parser.add_argument(f"--{name}", type=int, default=getattr(defaults, name))
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("eval").setLevel(logging.INFO)
    chosen = vars(parser.parse_args(argv))
    out = chosen.pop("out")
    try:
        with tempfile.TemporaryDirectory(prefix="ragwright-bench-") as work:
            figures = bench_eval(Options(**chosen), Path(work))
    except RagwrightError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    path = write_figures(out, "eval", figures)
    print(table("eval", figures))
    print(f"written: {path}")
    return 0
