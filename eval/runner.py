"""THE FLOW: golden set -> every case answered -> evidence -> metrics -> run. n cases in, n rows out, in order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal, Protocol

from eval.evidence import Library, LibraryReader, judge_support
from eval.golden import Case, GoldenSet
from eval.judges.base import Judge
from eval.judges.ragas_metrics import RAGAS_METRICS
from eval.judges.ragas_process import RagasProcess
from eval.judges.scoring import JudgeReport, ask_judges, metric_name
from eval.metrics import METRICS, Metric, Unmeasured, Value, choose_metrics
from eval.metrics.cost import WALL
from eval.observation import Evidence, Observation, answered, failed, packed, searched
from rag.errors import ConfigError, CorpusNotFoundError, UnknownKeyError
from rag.pipeline import Request
from rag.ports import Embedder, Verifier
from rag.settings import Settings
from rag.types import Answer, ContextResult, SearchResult

Progress = Callable[[str, int, int], None]
"""Called with the phase (`answer`, `judge` or `score`), how many cases are done, and how many there are."""

Until = Literal["search", "context", "answer"]
"""The stage of the flow that a case is taken through."""


class Pipeline(Protocol):
    """The part of `rag.pipeline.RagPipeline` that is measured."""

    async def search(self, request: Request) -> SearchResult:
        """Return ranked hits."""
        ...

    async def context(self, request: Request) -> ContextResult:
        """Return the context that an answer would be made of."""
        ...

    async def answer(self, request: Request) -> Answer:
        """Return a checked answer."""
        ...


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run is made. `metrics` None means all of the table.

    `depth` is how many hits are asked for: ten documents can need more than ten chunks; the context is packed from the
    first `context.max_hits` of them all the same. With `search_only` nothing is answered. Latencies hold for the run's
    `concurrency`, and with `ragas` for a machine whose other cores score meanwhile.
    """

    metrics: Sequence[str] | None = None
    ragas: bool = True
    search_only: bool = False
    depth: int = 50
    concurrency: int = 2
    timeout_s: float = 120.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One case of a run with its values by metric name."""

    seen: Observation
    values: dict[str, Value]


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run: as many rows as cases, in the order of the set."""

    golden: GoldenSet
    corpus: str
    options: RunOptions
    metrics: tuple[Metric, ...]
    rows: tuple[Row, ...]
    started_at: datetime
    ended_at: datetime
    judges: tuple[JudgeReport, ...] = ()
    settings: Settings | None = None


async def run(
    golden: GoldenSet,
    pipeline: Pipeline,
    corpus: str,
    *,
    options: RunOptions = RunOptions(),
    library: Library | None = None,
    verifier: Verifier | None = None,
    embedder: Embedder | None = None,
    judges: Sequence[Judge] = (),
    progress: Progress | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    settings: Settings | None = None,
) -> Run:
    """Answer and score every case; a case that fails is a row with its error.

    `library` (the catalogue) checks quotes and finds chunks at gold, `verifier` scores ALCE, `embedder` serves RAGAS'
    semantic similarity; without one of them its metrics are unmeasured, or scored as their docstrings say. `judges`
    score what was answered. `settings` are the pipeline's, for the record.

    Raises:
        CorpusNotFoundError: there is nothing to ask.
        ConfigError: a setting makes every case fail, or an option is wrong.
    """
    own = _own_metrics(options, judges)
    started = clock()
    report = progress or (lambda phase, done, total: None)
    reader = LibraryReader(library) if library else None
    asker = Asker(pipeline, corpus, options, verifier, reader, "search" if options.search_only else "answer")
    with _ragas(options, embedder) as ragas:
        observations = await _observe_all(golden, asker, report, ragas)
        judged, reports = await _judge_all(observations, judges, options, report)
        metrics, rows = await asyncio.to_thread(_score_all, observations, own + judged, ragas, report)
    return Run(golden, corpus, options, metrics, rows, started, clock(), reports, settings)


@dataclass(frozen=True, slots=True)
class Asker:
    """Puts one case to the system and gathers what scoring needs, `until` a stage of the flow."""

    pipeline: Pipeline
    corpus: str
    options: RunOptions
    verifier: Verifier | None
    reader: LibraryReader | None
    until: Until = "answer"

    async def observe(self, case: Case) -> Observation:
        """Return what the system did, errors included.

        Raises:
            CorpusNotFoundError: no case can be answered.
            ConfigError: likewise.
        """
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self.options.timeout_s):
                return await {"search": self._search, "context": self._context, "answer": self._answer}[self.until](
                    case
                )
        except (CorpusNotFoundError, ConfigError):
            raise
        except TimeoutError:
            return failed(case, f"no answer within {self.options.timeout_s:g} s", _since(started))
        except Exception as error:  # whatever a case does to the system, it stays a row
            return failed(case, f"{type(error).__name__}: {' '.join(str(error).split())}", _since(started))

    async def _search(self, case: Case) -> Observation:
        started = time.perf_counter()
        result = await self.pipeline.search(self._request(case))
        timings = dict(result.timings_ms) | _since(started)
        return searched(await self._placed(case, result), result, timings)

    async def _context(self, case: Case) -> Observation:
        started = time.perf_counter()
        result = await self.pipeline.context(self._request(case))
        timings = dict(result.timings_ms) | _since(started)
        return packed(await self._placed(case, result.search), result, timings)

    async def _answer(self, case: Case) -> Observation:
        started = time.perf_counter()
        answer = await self.pipeline.answer(self._request(case))
        timings = dict(answer.timings_ms) | _since(started)
        case = await self._placed(case, answer.context.search)
        return answered(case, answer, answer.context.search.hits, timings, await self._evidence(case, answer))

    async def _placed(self, case: Case, result: SearchResult) -> Case:
        if self.reader is None or not case.spans:
            return case
        return await asyncio.to_thread(self.reader.place, case, result.generation)

    async def _evidence(self, case: Case, answer: Answer) -> Evidence:
        read = Evidence()
        if self.reader is not None:
            read = await asyncio.to_thread(self.reader.evidence, case, answer)
        return replace(read, findings=await judge_support(answer.sentences, self.verifier))

    def _request(self, case: Case) -> Request:
        return Request(case.question, self.corpus, top_k=self.options.depth, history=case.history)


async def _observe_all(
    golden: GoldenSet, asker: Asker, report: Progress, ragas: RagasProcess | None
) -> list[Observation]:
    gate = asyncio.Semaphore(max(1, asker.options.concurrency))
    done = 0

    async def observe(case: Case) -> Observation:
        nonlocal done
        async with gate:
            seen = await asker.observe(case)
        if ragas is not None:
            ragas.begin(seen)
        done += 1
        report("answer", done, len(golden.cases))
        return seen

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(observe(case)) for case in golden.cases]
    except ExceptionGroup as errors:  # only what no case survives gets here; one of them says it all
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


async def _judge_all(
    observations: Sequence[Observation], judges: Sequence[Judge], options: RunOptions, report: Progress
) -> tuple[tuple[Metric, ...], tuple[JudgeReport, ...]]:
    if options.search_only or not judges:
        return (), ()
    metrics, reports = await ask_judges(observations, judges, lambda done, total: report("judge", done, total))
    return tuple(m for m in metrics if options.metrics is None or m.name in options.metrics), reports


def _own_metrics(options: RunOptions, judges: Sequence[Judge]) -> tuple[Metric, ...]:
    if options.metrics is None:
        return tuple(METRICS.values())
    judged = [metric_name(judge.name, name) for judge in judges for name in judge.metrics]
    known = [*METRICS, *RAGAS_METRICS, *judged]
    for name in options.metrics:
        if name not in known:
            raise UnknownKeyError("metric", name, known)
    return choose_metrics(name for name in options.metrics if name in METRICS)


def _ragas(options: RunOptions, embedder: Embedder | None) -> AbstractContextManager[RagasProcess | None]:
    """Start RAGAS if one of its metrics is wanted."""
    named = [name for name in RAGAS_METRICS if options.metrics is None or name in options.metrics]
    wanted = bool(named) if options.metrics is not None else options.ragas
    return nullcontext() if options.search_only or not wanted else RagasProcess(named, embedder)


def _score_all(
    observations: Sequence[Observation], own: tuple[Metric, ...], ragas: RagasProcess | None, report: Progress
) -> tuple[tuple[Metric, ...], tuple[Row, ...]]:
    metrics = own + (ragas.metrics if ragas is not None else ())
    rows = []
    for seen in observations:
        rows.append(Row(seen, {metric.name: _value(metric, seen) for metric in metrics}))
        report("score", len(rows), len(observations))
    return metrics, tuple(rows)


def _value(metric: Metric, seen: Observation) -> Value:
    try:
        return metric(seen)
    except Exception as error:  # a defect of one metric on one case must not cost the run
        return Unmeasured(f"the metric raised {type(error).__name__}: {' '.join(str(error).split())}")


def _since(started: float) -> dict[str, float]:
    return {WALL: (time.perf_counter() - started) * 1000.0}
