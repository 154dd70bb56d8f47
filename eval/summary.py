"""From rows to results: aggregates that say how many cases they cover, slices, baselines, latencies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields

from eval.failures import first_broken_stage
from eval.golden.anchors import anchor_counts
from eval.judges.scoring import JudgeReport
from eval.judges.trust import judge_use, judged_by
from eval.metrics import Metric, Unmeasured
from eval.metrics.base import BOUNDED_UNITS
from eval.metrics.baselines import abstention_table
from eval.results import (
    Anchors,
    CalibrationRecord,
    JudgedBy,
    Latency,
    MetricResult,
    Provenance,
    Results,
    ScoredMetric,
    SetInfo,
    Slice,
)
from eval.runner import Row, Run
from eval.stats import SHARE, Estimate, mean_interval, quantile_interval, wilson

_SMALLEST_SLICE = 5  # below this an interval says nothing that the single cases do not say better


def summarise(run: Run, calibrations: Sequence[CalibrationRecord] = ()) -> Results:
    """Return the results of a run; `calibrations` are the records of judges at hand."""
    rows = run.rows
    generations = sorted({row.seen.generation for row in rows if row.seen.generation is not None})
    settings = sorted({row.seen.settings for row in rows if row.seen.settings is not None})
    return Results(
        set=_set(run),
        warnings=tuple(_warnings(run)),
        corpus=run.corpus,
        generation=generations[0] if len(generations) == 1 else None,
        generations=tuple(generations),
        settings=settings[0] if len(settings) == 1 else None,
        effective_settings=run.settings.recorded() if run.settings else None,
        provenance=_provenance(rows),
        started_at=run.started_at.isoformat(),
        ended_at=run.ended_at.isoformat(),
        options=asdict(run.options),
        primary=run.golden.primary,
        cases=len(rows),
        status=dict(Counter(row.seen.status for row in rows)),
        anchors=Anchors(**anchor_counts(run.golden.cases, [row.seen.case for row in rows])),
        failures=dict(Counter(filter(None, (first_broken_stage(row.seen) for row in rows)))),
        metrics={metric.name: scored(metric, rows, run.judges, calibrations) for metric in run.metrics},
        judges={report.name: judge_use(report) for report in run.judges},
        abstention=abstention_table([row.seen for row in rows]),
        latency_ms=_latencies(rows, run.options.seed),
        slices=_slices(run),
    )


def aggregate(metric: Metric, rows: Sequence[Row]) -> MetricResult:
    """Return one metric's mean over rows with interval, counts and coverage."""
    found = _counted(metric, rows)
    estimate = _estimate(metric, found.measured)
    return MetricResult(
        value=estimate.value if estimate else None,
        n=estimate.n if estimate else 0,
        low=estimate.low if estimate else None,
        high=estimate.high if estimate else None,
        method=estimate.method if estimate else None,
        mean=estimate.value if estimate else None,
        applicable=found.applicable,
        coverage=len(found.measured) / found.applicable if found.applicable else None,
        missing_as_zero=_missing_as_zero(metric, found.measured, found.applicable),
        unmeasured=found.reasons,
        unit=metric.unit,
        better=metric.better,
        family=metric.family,
        meaning=metric.meaning,
        self_reported=metric.self_reported,
    )


def scored(
    metric: Metric, rows: Sequence[Row], judges: Sequence[JudgeReport], calibrations: Sequence[CalibrationRecord]
) -> ScoredMetric:
    """Return a metric's result over all rows, and for a judge's metric how far to trust it."""
    result = aggregate(metric, rows)
    about = {field.name: getattr(result, field.name) for field in fields(MetricResult)}
    return ScoredMetric(**about, judge=_judged(metric, rows, judges, calibrations))


@dataclass(frozen=True, slots=True)
class _Counted:
    """The values that a metric has, each with its cluster, and why the applicable cases without one have none."""

    measured: Sequence[tuple[float, str]]
    reasons: Mapping[str, int]
    applicable: int


def _counted(metric: Metric, rows: Sequence[Row]) -> _Counted:
    measured: list[tuple[float, str]] = []
    reasons: Counter[str] = Counter()
    for row in rows:
        value = row.values[metric.name]
        if not isinstance(value, Unmeasured):
            measured.append((value, row.seen.case.cluster))
        elif value.applicable:
            reasons[value.reason] += 1
    return _Counted(measured, dict(reasons), len(measured) + reasons.total())


def _judged(
    metric: Metric, rows: Sequence[Row], judges: Sequence[JudgeReport], calibrations: Sequence[CalibrationRecord]
) -> JudgedBy | None:
    if metric.judge is None:
        return None
    values = [value for row in rows if not isinstance(value := row.values[metric.name], Unmeasured)]
    (report,) = (report for report in judges if report.name == metric.judge)
    return judged_by(metric, values, report, calibrations)


def _estimate(metric: Metric, measured: Sequence[tuple[float, str]]) -> Estimate | None:
    if not measured:
        return None
    values = [value for value, _ in measured]
    if metric.rate:
        return wilson(round(sum(values)), len(values))
    limits = SHARE if metric.unit in BOUNDED_UNITS else None
    return mean_interval(values, [cluster for _, cluster in measured], limits=limits)


def _missing_as_zero(metric: Metric, measured: Sequence[tuple[float, str]], applicable: int) -> float | None:
    if metric.unit not in BOUNDED_UNITS or metric.better != "higher" or not applicable:
        return None
    return sum(value for value, _ in measured) / applicable


def _latencies(rows: Sequence[Row], seed: int) -> dict[str, Latency]:
    """Return p50 and p95 per stage over the cases that did not fail."""
    stages: dict[str, list[float]] = {}
    for row in rows:
        if row.seen.status != "error":
            for stage, milliseconds in row.seen.timings_ms.items():
                stages.setdefault(stage, []).append(milliseconds)
    return {
        stage: Latency(quantile_interval(values, 0.5, seed=seed), quantile_interval(values, 0.95, seed=seed))
        for stage, values in stages.items()
    }


def _slices(run: Run) -> dict[str, dict[str, Slice]]:
    """Return the metrics of every kind, expectation and tag that is not the whole set; times and prices left out."""
    members: dict[str, dict[str, list[Row]]] = {"kind": {}, "expect": {}, "tag": {}}
    for row in run.rows:
        case = row.seen.case
        members["kind"].setdefault(case.kind, []).append(row)
        members["expect"].setdefault(case.expect, []).append(row)
        for tag in case.tags:
            members["tag"].setdefault(tag, []).append(row)
    shown = [metric for metric in run.metrics if metric.unit == "share"]
    return {
        dimension: {
            name: Slice(len(rows), {metric.name: aggregate(metric, rows) for metric in shown})
            for name, rows in sorted(groups.items())
            if _SMALLEST_SLICE <= len(rows) < len(run.rows)
        }
        for dimension, groups in members.items()
    }


def _set(run: Run) -> SetInfo:
    golden = run.golden
    synthetic = sum(case.synthetic for case in golden.cases)
    return SetInfo(golden.name, golden.sha256, golden.split, dict(golden.where), synthetic)


def _warnings(run: Run) -> list[str]:
    """Return what a reader of any figure of the run must know first."""
    synthetic = sum(case.synthetic for case in run.golden.cases)
    if not synthetic:
        return []
    return [
        f"{synthetic} of {len(run.golden.cases)} cases are synthetic: they rank retrievers, not generators, and flatter"
        " keyword search"
    ]


def _provenance(rows: Sequence[Row]) -> Provenance:
    """Return every prompt, model and release that took part, normally one of each."""
    found = [row.seen.provenance for row in rows if row.seen.provenance is not None]
    prompts = {f"{item.prompt_name}@{item.prompt_version}" for item in found}
    return Provenance(
        prompts=tuple(sorted(prompts)),
        models=tuple(sorted({item.model for item in found})),
        releases=tuple(sorted({item.release for item in found if item.release})),
    )
