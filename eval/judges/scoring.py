"""Every judge scores every case of a run: one case at a time for each place of its concurrency, rows in, rows out."""

from __future__ import annotations

import asyncio
import importlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean, stdev

from eval.judges.base import Cost, Judge, judged, material_of
from eval.metrics.base import Metric, Unmeasured, Value
from eval.observation import Observation

PREFIX = "ragas."


@dataclass(frozen=True, slots=True)
class JudgeReport:
    """What one judge did in a run. `spread` is the mean standard deviation of a case's repeats, by metric."""

    name: str
    model: str
    repeats: int
    fingerprints: Mapping[str, str]
    cost: Cost
    spread: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Scores:
    values: dict[str, Value]
    spreads: dict[str, float]


def metric_name(judge: str, metric: str) -> str:
    """Return what a judge's metric is called in results and policies: `ragas.faithfulness@JUDGE`."""
    return f"{PREFIX}{metric}@{judge}"


async def ask_judges(
    observations: Sequence[Observation], judges: Sequence[Judge], report: Callable[[int, int], None]
) -> tuple[tuple[Metric, ...], tuple[JudgeReport, ...]]:
    """Return the judges' metrics, which hold a value or a reason for every case, and what each judge did.

    `report` is called with how many of (judges x cases) are done.
    """
    metrics: list[Metric] = []
    reports = []
    await asyncio.to_thread(_import_ragas)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's on empty lists of statements; the value says so as well
        for position, judge in enumerate(judges):
            before = position * len(observations)
            rows = await _rows(observations, judge, partial(_advance, report, before, len(observations) * len(judges)))
            metrics += _metrics(judge, observations, rows)
            reports.append(_report(judge, rows))
    return tuple(metrics), tuple(reports)


def _advance(report: Callable[[int, int], None], before: int, total: int, done: int) -> None:
    report(before + done, total)


async def _rows(observations: Sequence[Observation], judge: Judge, report: Callable[[int], None]) -> list[_Scores]:
    gate = asyncio.Semaphore(judge.concurrency)
    done = 0

    async def score(seen: Observation) -> _Scores:
        nonlocal done
        async with gate:
            found = await _row(seen, judge)
        done += 1
        report(done)
        return found

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(score(seen)) for seen in observations]
    except ExceptionGroup as errors:  # what no case survives, such as cassettes that cannot be written
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


async def _row(seen: Observation, judge: Judge) -> _Scores:
    values: dict[str, Value] = {}
    spreads: dict[str, float] = {}
    if seen.status == "error":
        return _Scores(dict.fromkeys(judge.metrics, Unmeasured(f"the case failed: {seen.error}")), spreads)
    material = material_of(seen)
    for name in judge.metrics:
        values[name], repeats = await judged(judge, name, material)
        if len(repeats) > 1:
            spreads[name] = stdev(repeats)
    return _Scores(values, spreads)


def _metrics(judge: Judge, observations: Sequence[Observation], rows: Sequence[_Scores]) -> list[Metric]:
    found = []
    for name, member in judge.metrics.items():
        held = {seen.case.id: row.values[name] for seen, row in zip(observations, rows, strict=True)}
        found.append(
            Metric(
                metric_name(judge.name, name),
                "judges",
                member.meaning,
                partial(_held, held),
                "share" if member.rate else "score",
                better=member.better,
                rate=member.rate and judge.repeats == 1,
                judge=judge.name,
            )
        )
    return found


def _held(values: Mapping[str, Value], seen: Observation) -> Value:
    return values[seen.case.id]


def _report(judge: Judge, rows: Sequence[_Scores]) -> JudgeReport:
    spread = {
        name: fmean(row.spreads[name] for row in rows if name in row.spreads)
        for name in judge.metrics
        if any(name in row.spreads for row in rows)
    }
    prints = {metric_name(judge.name, name): judge.fingerprint(name) for name in judge.metrics}
    return JudgeReport(judge.name, judge.model, judge.repeats, prints, judge.cost, spread)


def _import_ragas() -> None:
    with warnings.catch_warnings():
        # its imports and its own deprecated classes warn about each other; no caller can act on that
        warnings.simplefilter("ignore")
        importlib.import_module("ragas.metrics.collections")
