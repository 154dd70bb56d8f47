"""`make bench-eval`: what an evaluation adds to the time of answering its cases, and how its memory grows.

    python -m eval.bench eval --cases 1000 --out out/bench

The same questions are answered by the pipeline alone, as `ask` does, and by the runner with all default metrics and a
report, as `eval` does, the whole set each time and in turning order, so that what else the machine does meets both.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from eval.bench.figures import Figure, machine, mean_of, ratio_of_sums, single, table, write_figures
from eval.bench.memory import resident_mb
from eval.bench.own import BENCH_CORPUS, own_ingestion, timed
from eval.golden import Case, GoldenSet, load_golden
from eval.report import write_report
from eval.runner import Run, RunOptions, run
from rag.answer.verify import make_verifier
from rag.bootstrap import Runtime
from rag.bridge import run_sync
from rag.errors import RagwrightError
from rag.pipeline import Request

log = logging.getLogger(__name__)
T = TypeVar("T")

NOTES = (
    "alone: the pipeline's answers at the runner's concurrency, nothing kept; evaluated: the runner with its default"
    " metrics, RAGAS in a process of its own that is started anew, evidence from the catalogue, and the report's files;"
    " answers and references that repeat are embedded once",
    "both with the model and all caches warm: every question was answered once before",
    "added = evaluated / alone - 1, its interval over rounds; memory is this process's resident set",
)


@dataclass(frozen=True, slots=True)
class Options:
    """What is measured: `cases` questions of a golden set, repeated as often as it takes, in `rounds` of both kinds."""

    golden: Path = Path("corpora/demo")
    cases: int = 1000
    rounds: int = 2


def bench_eval(options: Options, work: Path) -> dict[str, Any]:
    """Return times, the added share and the memory of answering and evaluating the same cases."""
    golden = repeated(load_golden(options.golden), options.cases)
    with own_ingestion(work / "home") as own:
        own.ingest(golden.documents)
        run_sync(_answer(own.runtime, golden.cases))
        alone, evaluated, reports = [], [], []
        memory = {"before": single(resident_mb())}
        for i in range(options.rounds):
            seconds, report = _both(own.runtime, golden, work / "report", alone_first=i % 2 == 0)
            alone.append(seconds[0])
            evaluated.append(seconds[1])
            reports.append(report)
            memory[f"after {(i + 1) * len(golden.cases)} cases"] = single(resident_mb())
            log.info("round %d: %.1f s alone, %.1f s evaluated", i + 1, *(taken.wall for taken in seconds))
    return {
        "cases": len(golden.cases),
        "wall": _figures(*([taken.wall for taken in part] for part in (alone, evaluated, reports))),
        "cpu": _figures(*([taken.cpu for taken in part] for part in (alone, evaluated, reports))),
        "rss_mb": memory,
        "report_mb": single((work / "report" / "report.html").stat().st_size / 1e6),
        "about": machine() | {"notes": list(NOTES)},
    }


def _figures(alone: Sequence[float], evaluated: Sequence[float], reports: Sequence[float]) -> dict[str, Figure]:
    return {
        "alone_s": mean_of(alone),
        "evaluated_s": mean_of(evaluated),
        "of_which_report_s": mean_of(reports),
        "added": _added(evaluated, alone),
    }


@dataclass(frozen=True, slots=True)
class _Taken:
    """Seconds of wall time, and of the CPUs' time for this process and RAGAS', which others do not make longer."""

    wall: float
    cpu: float


def _taken(work: Callable[[], T]) -> tuple[_Taken, T]:
    started = _cpu_s()
    wall, result = timed(work)
    return _Taken(wall, _cpu_s() - started), result


def _cpu_s() -> float:
    """Return the CPU seconds of this process and of those that it ended."""
    taken = os.times()
    return taken.user + taken.system + taken.children_user + taken.children_system


def repeated(golden: GoldenSet, count: int) -> GoldenSet:
    """Return `count` cases of a set without its sealed ones: all in turn, as often as it takes, under new ids."""
    unsealed = [case for case in golden.cases if case.split != "sealed"]
    cases = (replace(unsealed[i % len(unsealed)], id=f"{i}", cluster=f"{i}") for i in range(count))
    return replace(golden, cases=tuple(cases))


def _both(
    runtime: Runtime, golden: GoldenSet, folder: Path, *, alone_first: bool
) -> tuple[tuple[_Taken, _Taken], _Taken]:
    """Return what the cases took alone and evaluated, and the report of the latter."""

    def evaluate() -> _Taken:
        done = run_sync(_evaluate(runtime, golden))
        return _taken(lambda: write_report(done, folder))[0]

    def answer() -> None:
        run_sync(_answer(runtime, golden.cases))

    before = _taken(answer)[0] if alone_first else None
    evaluated, report = _taken(evaluate)
    return (before or _taken(answer)[0], evaluated), report


async def _answer(runtime: Runtime, cases: Sequence[Case]) -> None:
    turns = asyncio.Semaphore(RunOptions().concurrency)

    async def answer(case: Case) -> None:
        async with turns:
            await runtime.pipeline.answer(Request(case.question, BENCH_CORPUS, history=case.history))

    await asyncio.gather(*(answer(case) for case in cases))


async def _evaluate(runtime: Runtime, golden: GoldenSet) -> Run:
    return await run(
        golden,
        runtime.pipeline,
        BENCH_CORPUS,
        library=runtime.catalogue,
        verifier=make_verifier(runtime.settings.answer),
        embedder=runtime.embedder,
    )


def _added(over: Sequence[float], under: Sequence[float]) -> Figure:
    found = ratio_of_sums(over, under)
    value, low, high = (None if bound is None else bound - 1 for bound in (found.value, found.low, found.high))
    return replace(found, value=value, low=low, high=high, note="share of the time alone; n counts rounds")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="eval.bench eval", description=(__doc__ or "").partition("\n")[0])
    defaults = Options()
    parser.add_argument("--out", type=Path, default=Path("out/bench"), help="folder of eval.json")
    parser.add_argument("--golden", type=Path, default=defaults.golden, help="the golden set")
    for name in ("cases", "rounds"):
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
