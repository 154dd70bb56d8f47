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
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

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
        start_s, _ = timed(lambda: run_sync(_evaluate(own.runtime, replace(golden, cases=golden.cases[:2]))))
        memory = {"before": single(resident_mb())}
        times, runs = [], []
        for i in range(options.slices):
            part = replace(golden, cases=golden.cases[i :: options.slices])
            seconds, found = _both(own.runtime, part, alone_first=i % 2 == 0)
            times.append(seconds)
            runs.append(found)
            memory[f"after {sum(len(done.rows) for done in runs)} cases"] = single(resident_mb())
            log.info("slice %d of %d: %.1f s alone, %.1f s evaluated", i + 1, options.slices, *seconds)
        whole = _joined(golden, runs)
        report_s, _ = timed(lambda: write_report(whole, work / "report"))
        memory["after the report"] = single(resident_mb())
    alone, evaluated = ([seconds[i] for seconds in times] for i in (0, 1))
    return {
        "cases": len(golden.cases),
        "alone_s": single(sum(alone)),
        "evaluated_s": single(sum(evaluated)),
        "report_s": single(report_s),
        "start_s": single(start_s, "the first two cases, RAGAS' libraries are imported"),
        "added": _added([seconds + (start_s + report_s) / len(evaluated) for seconds in evaluated], alone),
        "added_by_cases_alone": _added(evaluated, alone),
        "rss_mb": memory,
        "report_mb": single((work / "report" / "report.html").stat().st_size / 1e6),
        "about": machine() | {"notes": list(NOTES)},
    }


def repeated(golden: GoldenSet, count: int) -> GoldenSet:
    """Return `count` cases of a set without its sealed ones: all in turn, as often as it takes, under new ids."""
    unsealed = [case for case in golden.cases if case.split != "sealed"]
    cases = (replace(unsealed[i % len(unsealed)], id=f"{i}", cluster=f"{i}") for i in range(count))
    return replace(golden, cases=tuple(cases))


def _joined(golden: GoldenSet, runs: Sequence[Run]) -> Run:
    cases = tuple(case for done in runs for case in done.golden.cases)
    rows = tuple(row for done in runs for row in done.rows)
    return replace(runs[0], golden=replace(golden, cases=cases), rows=rows)


def _both(runtime: Runtime, part: GoldenSet, *, alone_first: bool) -> tuple[tuple[float, float], Run]:
    """Return the seconds alone and evaluated, and the run."""
    if alone_first:
        alone_s, _ = timed(lambda: run_sync(_answer(runtime, part.cases)))
    evaluated_s, found = timed(lambda: run_sync(_evaluate(runtime, part)))
    if not alone_first:
        alone_s, _ = timed(lambda: run_sync(_answer(runtime, part.cases)))
    return (alone_s, evaluated_s), found


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
