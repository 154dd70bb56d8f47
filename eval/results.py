"""From rows to results: aggregates that say how many cases they cover, slices, baselines, latencies. JSON-ready."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from eval.failures import first_broken_stage
from eval.golden.anchors import anchor_counts
from eval.judges.scoring import JudgeReport
from eval.judges.trust import judge_json, judged_json
from eval.metrics import Metric, Unmeasured
from eval.metrics.base import BOUNDED_UNITS
from eval.metrics.baselines import abstention_table
from eval.runner import Row, Run
from eval.stats import SHARE, Estimate, mean_interval, quantile_interval, wilson

Json = dict[str, Any]

SCHEMA_VERSION = 1
_SMALLEST_SLICE = 5  # below this an interval says nothing that the single cases do not say better


def summarise(run: Run, calibrations: Sequence[Json] = ()) -> Json:
    """Return the content of `results.json`; `calibrations` are the records of judges at hand.

    `metrics[NAME]` holds `value` (= `mean`, over the `n` measured cases), its 95 % interval, `applicable` cases,
    `coverage` = n / applicable, and `missing_as_zero`, the mean with unmeasured cases as 0 (for shares and scores).
    """
    rows = run.rows
    generations = sorted({row.seen.generation for row in rows if row.seen.generation is not None})
    settings = sorted({row.seen.settings for row in rows if row.seen.settings is not None})
    return {
        "schema": SCHEMA_VERSION,
        "set": _set(run),
        "warnings": _warnings(run),
        "corpus": run.corpus,
        "generation": generations[0] if len(generations) == 1 else None,
        "generations": generations,
        "settings": settings[0] if len(settings) == 1 else None,
        "effective_settings": run.settings.recorded() if run.settings else None,
        "provenance": _provenance(rows),
        "started_at": run.started_at.isoformat(),
        "ended_at": run.ended_at.isoformat(),
        "options": asdict(run.options),
        "primary": run.golden.primary,
        "cases": len(rows),
        "status": dict(Counter(row.seen.status for row in rows)),
        "anchors": anchor_counts(run.golden.cases, [row.seen.case for row in rows]),
        "failures": dict(Counter(filter(None, (first_broken_stage(row.seen) for row in rows)))),
        "metrics": {m.name: metric_json(m, rows, run.judges, calibrations) for m in run.metrics},
        "judges": {report.name: judge_json(report) for report in run.judges},
        "abstention": {name: asdict(rule) for name, rule in abstention_table([row.seen for row in rows]).items()},
        "latency_ms": _latencies(rows, run.options.seed),
        "slices": _slices(run),
    }


def aggregate(metric: Metric, rows: Sequence[Row]) -> Json:
    """Return one metric's mean over rows with interval, counts and coverage; `value` is None if nothing is measured."""
    measured: list[tuple[float, str]] = []
    reasons: Counter[str] = Counter()
    not_applicable = 0
    for row in rows:
        value = row.values[metric.name]
        if not isinstance(value, Unmeasured):
            measured.append((value, row.seen.case.cluster))
        elif value.applicable:
            reasons[value.reason] += 1
        else:
            not_applicable += 1
    applicable = len(rows) - not_applicable
    estimate = _estimate(metric, measured)
    return {
        **_figure(estimate),
        "mean": estimate.value if estimate else None,
        "applicable": applicable,
        "coverage": len(measured) / applicable if applicable else None,
        "missing_as_zero": _missing_as_zero(metric, measured, applicable),
        "unmeasured": dict(reasons),
        "unit": metric.unit,
        "better": metric.better,
        "family": metric.family,
        "meaning": metric.meaning,
        "self_reported": metric.self_reported,
    }


def metric_json(
    metric: Metric, rows: Sequence[Row], judges: Sequence[JudgeReport], calibrations: Sequence[Json]
) -> Json:
    """Return a metric's entry in `results.json`: its aggregate, and for a judge's metric how far to trust it."""
    entry = aggregate(metric, rows)
    if metric.judge is None:
        return entry | {"judge": None}
    values = [value for row in rows if not isinstance(value := row.values[metric.name], Unmeasured)]
    (report,) = (report for report in judges if report.name == metric.judge)
    return entry | {"judge": judged_json(metric, values, report, calibrations)}


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


def _figure(estimate: Estimate | None) -> Json:
    if estimate is None:
        return {"value": None, "n": 0, "low": None, "high": None, "method": None}
    return {
        "value": estimate.value,
        "n": estimate.n,
        "low": estimate.low,
        "high": estimate.high,
        "method": estimate.method,
    }


def _latencies(rows: Sequence[Row], seed: int) -> Json:
    """Return p50 and p95 per stage over the cases that did not fail."""
    stages: dict[str, list[float]] = {}
    for row in rows:
        if row.seen.status != "error":
            for stage, milliseconds in row.seen.timings_ms.items():
                stages.setdefault(stage, []).append(milliseconds)
    return {
        stage: {name: _figure(quantile_interval(values, q, seed=seed)) for name, q in (("p50", 0.5), ("p95", 0.95))}
        for stage, values in stages.items()
    }


def _slices(run: Run) -> Json:
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
            name: {
                "cases": len(rows),
                "metrics": {metric.name: aggregate(metric, rows) for metric in shown},
            }
            for name, rows in sorted(groups.items())
            if _SMALLEST_SLICE <= len(rows) < len(run.rows)
        }
        for dimension, groups in members.items()
    }


def _set(run: Run) -> Json:
    golden = run.golden
    synthetic = sum(case.synthetic for case in golden.cases)
    chosen = {"name": golden.name, "sha256": golden.sha256, "split": golden.split, "where": dict(golden.where)}
    return chosen | {"synthetic": synthetic}


def _warnings(run: Run) -> list[str]:
    """Return what a reader of any figure of the run must know first."""
    synthetic = sum(case.synthetic for case in run.golden.cases)
    if not synthetic:
        return []
    return [
        f"{synthetic} of {len(run.golden.cases)} cases are synthetic: they rank retrievers, not generators, and flatter"
        " keyword search"
    ]


def _provenance(rows: Sequence[Row]) -> Json:
    """Return every prompt, model and release that took part, normally one of each."""
    found = [row.seen.provenance for row in rows if row.seen.provenance is not None]
    prompts = {f"{item.prompt_name}@{item.prompt_version}" for item in found}
    return {
        "prompts": sorted(prompts),
        "models": sorted({item.model for item in found}),
        "releases": sorted({item.release for item in found if item.release}),
    }
