"""What a judge's figure is worth: its calibration, the estimate that this corrects, and whether it may decide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from eval.judges.calibration import Judging, latest_record
from eval.judges.corrected import Confusion, Moments, ppi_mean, rogan_gladen
from eval.judges.scoring import PREFIX, JudgeReport
from eval.metrics.base import Metric
from eval.stats import Estimate

Json = dict[str, Any]


class JudgePolicy(BaseModel):
    """Which judges may decide a gate: calibrated not too long ago, with a kappa that is surely above `min_kappa`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    max_age_days: float = Field(default=90, gt=0)
    min_kappa: float = Field(default=0.2, ge=-1, le=1)


def judge_json(report: JudgeReport) -> Json:
    """Return what `results.json` says about one judge."""
    cost = asdict(report.cost)
    cost |= {"failed": dict(report.cost.failed), "missing": report.cost.missing}
    return {
        "model": report.model,
        "repeats": report.repeats,
        "spread": dict(report.spread),
        "fingerprints": dict(report.fingerprints),
        "cost": cost,
    }


def judged_json(metric: Metric, values: Sequence[float], report: JudgeReport, records: Iterable[Json]) -> Json:
    """Return who scored a metric, the calibration at hand, and the mean that people would have given.

    `corrected` is there only where the calibration is of the same model and wording.
    """
    judging = judging_of(metric.name, report)
    record = latest_record(records, judging)
    fits = record is not None and record["fingerprint"] == judging.fingerprint
    corrected = _corrected(metric, values, record) if record is not None and fits and values else None
    return asdict(judging) | {"calibration": record, "corrected": corrected}


def judging_of(metric_name: str, report: JudgeReport) -> Judging:
    """Return who judged a metric of a run."""
    metric = metric_name.removeprefix(PREFIX).removesuffix(f"@{report.name}")
    return Judging(report.name, report.model, metric, report.fingerprints[metric_name])


def doubt(baseline: Mapping[str, Any], candidate: Mapping[str, Any], policy: JudgePolicy, records: Iterable[Json],
          now: datetime) -> str | None:  # fmt: skip
    """Return why a judge's metric cannot decide between two runs, or None where no judge scored it.

    The arguments are the metric's entries in the two `results.json`; the newest calibration counts, theirs or one of
    `records`.
    """
    judged, before = candidate.get("judge"), baseline.get("judge")
    if not judged:
        return None
    if not before or before["fingerprint"] != judged["fingerprint"]:
        return "the two runs were judged by different models or wordings"
    judging = Judging(*(judged[name] for name in ("judge", "model", "metric", "fingerprint")))
    held = [record for record in (judged["calibration"], *records) if record is not None]
    record = latest_record(held, judging)
    name = f"judge {judging.judge!r}"
    if record is None:
        return f"{name} is not calibrated for {judging.metric}; see: ragwright judge calibrate --help"
    if record["fingerprint"] != judging.fingerprint:
        return f"{name} was calibrated as another model or wording ({record['model']}); calibrate it again"
    age = (now - datetime.fromisoformat(record["at"])).days
    if age > policy.max_age_days:
        return f"the calibration of {name} is {age} days old, at most {policy.max_age_days:g} are trusted"
    kappa = record["kappa"]
    if kappa is None or kappa["low"] <= policy.min_kappa:
        shown = "undefined" if kappa is None else f"{kappa['value']:.2f} [{kappa['low']:.2f}, {kappa['high']:.2f}]"
        return f"{name} does not agree with people well enough: kappa {shown}, above {policy.min_kappa:g} is needed"
    return None


def _corrected(metric: Metric, values: Sequence[float], record: Json) -> Json | None:
    """Return the Rogan-Gladen rate of verdicts, the prediction-powered mean of scores."""
    estimate: Estimate | None
    if metric.rate:
        estimate = rogan_gladen(round(sum(values)), len(values), Confusion(**record["confusion"]))
    else:
        estimate = ppi_mean(Moments(**record["moments"]), values)
    return None if estimate is None else asdict(estimate)
