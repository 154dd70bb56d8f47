"""`make bench-eval`: what an evaluation adds to the time of answering its cases, and how its memory grows.

    python -m eval.bench eval --cases 1000 --out out/bench

The same questions are answered by the pipeline alone, as `ask` does, and by the runner with all default metrics. Both
take turns on slices of the cases, in turning order, so that what else the machine does meets both. The report of all
cases is written once, at the end, and counts as added.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from eval.bench.figures import Figure, machine, ratio_of_sums, single, table, write_figures
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
    " metrics and evidence from the catalogue; both with models loaded",
    "added = (start + evaluated + report) / alone - 1, its interval over slices; memory is this process's resident set",
)


@dataclass(frozen=True, slots=True)
class Options:
    """What is measured: `cases` questions of a golden set, repeated as often as it takes, in `slices`."""

    golden: Path = Path("corpora/demo")
    cases: int = 1000
    slices: int = 10


def bench_eval(options: Options, work: Path) -> dict[str, Any]:
    """Return times, the added share and the memory of answering and evaluating the same cases."""
    golden = repeated(load_golden(options.golden), options.cases)
    with own_ingestion(work / "home") as own:
        own.ingest(golden.documents)
        run_sync(_answer(own.runtime, golden.cases[:2]))  # loads the models
        memory = {"before": single(resident_mb())}
        start, _ = _taken(lambda: run_sync(_evaluate(own.runtime, replace(golden, cases=golden.cases[:2]))))
        alone, evaluated, runs = [], [], []
        for i in range(options.slices):
            part = replace(golden, cases=golden.cases[i :: options.slices])
            seconds, found = _both(own.runtime, part, alone_first=i % 2 == 0)
            alone.append(seconds[0])
            evaluated.append(seconds[1])
            runs.append(found)
            memory[f"after {sum(len(done.rows) for done in runs)} cases"] = single(resident_mb())
            log.info(
                "slice %d of %d: %.1f s alone, %.1f s evaluated", i + 1, options.slices, *(t.wall for t in seconds)
            )
        report, _ = _taken(lambda: write_report(_joined(golden, runs), work / "report"))
        memory["after the report"] = single(resident_mb())
    return {
        "cases": len(golden.cases),
        "wall": _figures(*([taken.wall for taken in part] for part in ([start], alone, evaluated, [report]))),
        "cpu": _figures(*([taken.cpu for taken in part] for part in ([start], alone, evaluated, [report]))),
        "rss_mb": memory,
        "report_mb": single((work / "report" / "report.html").stat().st_size / 1e6),
        "about": machine() | {"notes": list(NOTES)},
    }


def _figures(
    start: Sequence[float], alone: Sequence[float], evaluated: Sequence[float], report: Sequence[float]
) -> dict[str, Figure]:
    once = (sum(start) + sum(report)) / len(evaluated)
    return {
        "alone_s": single(sum(alone)),
        "evaluated_s": single(sum(evaluated)),
        "start_s": single(sum(start), "two cases; RAGAS' libraries are imported"),
        "report_s": single(sum(report)),
        "added": _added([seconds + once for seconds in evaluated], alone),
    }


@dataclass(frozen=True, slots=True)
class _Taken:
    """Seconds of wall time, and of this process' CPUs, which do not grow when others keep the machine busy."""

    wall: float
    cpu: float


def _taken(work: Callable[[], T]) -> tuple[_Taken, T]:
    started = time.process_time()
    wall, result = timed(work)
    return _Taken(wall, time.process_time() - started), result


def repeated(golden: GoldenSet, count: int) -> GoldenSet:
    """Return `count` cases of a set without its sealed ones: all in turn, as often as it takes, under new ids."""
    unsealed = [case for case in golden.cases if case.split != "sealed"]
    cases = (replace(unsealed[i % len(unsealed)], id=f"{i}", cluster=f"{i}") for i in range(count))
    return replace(golden, cases=tuple(cases))


def _joined(golden: GoldenSet, runs: Sequence[Run]) -> Run:
    cases = tuple(case for done in runs for case in done.golden.cases)
    rows = tuple(row for done in runs for row in done.rows)
    return replace(runs[0], golden=replace(golden, cases=cases), rows=rows)


def _both(runtime: Runtime, part: GoldenSet, *, alone_first: bool) -> tuple[tuple[_Taken, _Taken], Run]:
    """Return what the cases took alone and evaluated, and the run."""
    if alone_first:
        alone, _ = _taken(lambda: run_sync(_answer(runtime, part.cases)))
    evaluated, found = _taken(lambda: run_sync(_evaluate(runtime, part)))
    if not alone_first:
        alone, _ = _taken(lambda: run_sync(_answer(runtime, part.cases)))
    return (alone, evaluated), found


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
    return replace(found, value=value, low=low, high=high, note="share of the time alone; n counts slices")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="eval.bench eval", description=(__doc__ or "").partition("\n")[0])
    defaults = Options()
    parser.add_argument("--out", type=Path, default=Path("out/bench"), help="folder of eval.json")
    parser.add_argument("--golden", type=Path, default=defaults.golden, help="the golden set")
    for name in ("cases", "slices"):
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
