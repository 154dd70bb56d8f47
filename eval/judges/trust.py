"""What a judge's figure is worth: its calibration, the estimate that this corrects, and whether it may decide."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from eval.judges.calibration import Judging, judging_by, latest_record
from eval.judges.corrected import ppi_mean, rogan_gladen
from eval.judges.scoring import PREFIX, JudgeReport
from eval.metrics.base import Metric
from eval.results import CalibrationRecord, Figure, JudgeCost, JudgedBy, JudgeUse, ScoredMetric
from eval.stats import Estimate


class JudgePolicy(BaseModel):
    """Which judges may decide a gate: calibrated not too long ago, with a kappa that is surely above `min_kappa`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    max_age_days: float = Field(default=90, gt=0)
    min_kappa: float = Field(default=0.2, ge=-1, le=1)


def judge_use(report: JudgeReport) -> JudgeUse:
    """Return what the results say about one judge."""
    cost = report.cost
    used = JudgeCost(
        calls=cost.calls,
        replayed=cost.replayed,
        input_tokens=cost.input_tokens,
        output_tokens=cost.output_tokens,
        seconds=cost.seconds,
        usd=cost.usd,
        uncounted=cost.uncounted,
        failed=dict(cost.failed),
        missing=tuple(cost.missing),
    )
    return JudgeUse(report.model, report.repeats, dict(report.spread), dict(report.fingerprints), used)


def judged_by(
    metric: Metric, values: Sequence[float], report: JudgeReport, records: Iterable[CalibrationRecord]
) -> JudgedBy:
    """Return who scored a metric, the calibration at hand, and the mean that people would have given.

    `corrected` is there only where the calibration is of the same model and wording.
    """
    judging = judging_of(metric.name, report)
    record = latest_record(records, judging)
    fits = record is not None and record.fingerprint == judging.fingerprint
    corrected = _corrected(metric, values, record) if record is not None and fits and values else None
    return JudgedBy(judging.judge, judging.model, judging.metric, judging.fingerprint, record, corrected)


def judging_of(metric_name: str, report: JudgeReport) -> Judging:
    """Return who judged a metric of a run."""
    metric = metric_name.removeprefix(PREFIX).removesuffix(f"@{report.name}")
    return Judging(report.name, report.model, metric, report.fingerprints[metric_name])


def doubt(
    baseline: ScoredMetric,
    candidate: ScoredMetric,
    policy: JudgePolicy,
    records: Iterable[CalibrationRecord],
    now: datetime,
) -> str | None:
    """Return why a judge's metric cannot decide between two runs, or None where no judge scored it.

    The arguments are the metric's results in the two runs; the newest calibration counts, theirs or one of
    `records`.
    """
    judged, before = candidate.judge, baseline.judge
    if judged is None:
        return None
    if before is None or before.fingerprint != judged.fingerprint:
        return "the two runs were judged by different models or wordings"
    judging = judging_by(judged)
    held = [record for record in (judged.calibration, *records) if record is not None]
    record = latest_record(held, judging)
    name = f"judge {judging.judge!r}"
    if record is None:
        return f"{name} is not calibrated for {judging.metric}; see: ragwright judge calibrate --help"
    if record.fingerprint != judging.fingerprint:
        return f"{name} was calibrated as another model or wording ({record.model}); calibrate it again"
    age = (now - datetime.fromisoformat(record.at)).days
    if age > policy.max_age_days:
        return f"the calibration of {name} is {age} days old, at most {policy.max_age_days:g} are trusted"
    kappa = record.agreement.kappa
    if kappa is None or kappa.low is None or kappa.low <= policy.min_kappa:
        shown = "undefined" if kappa is None else _shown(kappa)
        return f"{name} does not agree with people well enough: kappa {shown}, above {policy.min_kappa:g} is needed"
    return None


def _shown(figure: Figure) -> str:
    bounds = "" if figure.low is None else f" [{figure.low:.2f}, {figure.high:.2f}]"
    return f"{figure.value:.2f}{bounds}"


def _corrected(metric: Metric, values: Sequence[float], record: CalibrationRecord) -> Estimate | None:
    """Return the Rogan-Gladen rate of verdicts, the prediction-powered mean of scores."""
    if metric.rate:
        return rogan_gladen(round(sum(values)), len(values), record.agreement.confusion)
    return ppi_mean(record.agreement.moments, values)
