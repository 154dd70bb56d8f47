"""Gates: a candidate may replace a baseline if it is not worse by more than a margin. PASS, FAIL or INCONCLUSIVE."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from eval.files import read_yaml
from eval.gate.cases import flip_lines, flipped_cases, undecided_by, undecided_lines
from eval.gate.differs import difference_lines, differences
from eval.gate.required import RequiredSlice, SignOffPolicy, decide_required, missing_sign_off
from eval.judges.trust import JudgePolicy, doubt
from eval.paired import PairedDifference, difference_of_pairs, told
from eval.results import CalibrationRecord, ScoredMetric
from eval.results.compared import Decision, GatedMetric, NoDifference
from eval.saved import SavedRun, check_comparable, paired_values, warnings_of
from eval.stats import (
    Difference,
    NonInferiority,
    Verdict,
    holm,
    mcnemar_exact,
    minimal_detectable_effect,
    non_inferiority,
)
from rag.errors import ConfigError

PASSED, FAILED, INCONCLUSIVE = 0, 100, 101
"""Exit codes of `ragwright gate`."""

_MARGIN_POWER = 0.95
_LARGEST_DERIVED = 0.1
_SHOWN_CASES = 20
_ALPHA = 0.025  # one-sided, so that an A/A comparison fails at most in 2.5 of 100


class MetricPolicy(BaseModel):
    """How one metric is gated. `margin` is in the metric's unit; without one it follows from the MDE, see `decide`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    margin: float | None = Field(default=None, gt=0)
    min_coverage: float | None = Field(default=None, ge=0, le=1)


class GatePolicy(BaseModel):
    """`gates.yaml`. `inconclusive` says what an undecided gate does in CI; `report` gives it an exit code of its own.

    `smallest_margin` keeps a margin that is derived from the MDE from vanishing when two runs hardly differ.
    Every case with a tag of `must_pass_tags` has to come out unbroken in the candidate; `required` says the same of any
    slice, or asks for a share of it. `sign_off` wants a person's approval of the candidate's settings.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    version: Literal[1] = 1
    metrics: Mapping[str, MetricPolicy] = Field(default_factory=dict)
    min_coverage: float = Field(default=0.95, ge=0, le=1)
    min_cases: int = Field(default=20, ge=2)
    smallest_margin: float = Field(default=0.005, gt=0)
    must_pass_tags: tuple[str, ...] = ()
    required: tuple[RequiredSlice, ...] = ()
    sign_off: SignOffPolicy | None = None
    judges: JudgePolicy = JudgePolicy()
    inconclusive: Literal["report", "pass", "fail"] = "report"


def load_policy(path: Path | None) -> GatePolicy:
    """Read a policy file; None gives the default, which gates the set's primary metric at what its cases can detect.

    A sign-off file is looked for beside the policy.

    Raises:
        ConfigError: the file is unreadable, a key is unknown or a value does not fit.
    """
    if path is None:
        return GatePolicy()
    policy = read_yaml(path, GatePolicy, "the gate policy")
    if policy.sign_off is None:
        return policy
    beside = policy.sign_off.model_copy(update={"file": path.parent / policy.sign_off.file})
    return policy.model_copy(update={"sign_off": beside})


def run_gate(
    baseline: SavedRun,
    candidate: SavedRun,
    policy: GatePolicy,
    *,
    others: Sequence[SavedRun] = (),
    seed: int = 0,
    calibrations: Sequence[CalibrationRecord] = (),
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Decision:
    """Decide every gated metric and all together.

    FAIL if one metric fails after Holm's correction or covers too few cases, a case that must pass is broken, or a
    required slice fails; PASS if all pass and whoever must has signed; else INCONCLUSIVE. `metrics[NAME]` holds
    `verdict`, `reason`, `margin`, `mde`, `more_cases`, the paired difference (candidate minus baseline) and its
    interval; `required` the slices, those of other sets in `others`, further runs of the candidate; `unsigned` why a
    sign-off is missing, `undecided` which cases and documents leave a metric INCONCLUSIVE, `flipped` the cases that
    broke or were mended, `differences` how differently the runs were made. A judge's metric decides only with a
    calibration that the policy trusts, of the candidate's or one of `calibrations`.

    Raises:
        ConfigError: the runs cannot be paired, a gated metric is in neither, or the sign-off file is wrong.
    """
    check_comparable(baseline, candidate)

    def doubted(old: ScoredMetric, new: ScoredMetric) -> str | None:
        return doubt(old, new, policy.judges, calibrations, clock())

    decided = _decided_metrics(baseline, candidate, policy, seed, doubted)
    broken = _must_pass_but_broken(candidate, policy)
    required = decide_required(candidate, policy.required, others)
    unsigned = missing_sign_off(candidate, policy.sign_off) if policy.sign_off else None
    verdict = _worst(
        *(item.verdict for item in decided.values()),
        *(item.verdict for item in required),
        "FAIL" if broken else "PASS",
        "INCONCLUSIVE" if unsigned else "PASS",
    )
    flipped = flipped_cases(baseline, candidate)
    worse = sum(item.now_broken for item in flipped)
    return Decision(
        verdict=verdict,
        exit_code=_exit_code(verdict, policy, unsigned),
        metrics=decided,
        must_pass_broken=broken,
        required=required,
        unsigned=unsigned,
        policy=policy,
        set=baseline.results.set,
        warnings=tuple(warnings_of(baseline, candidate, *others)),
        differences=differences(baseline.results, candidate.results),
        flipped=flipped,
        mcnemar_p=mcnemar_exact(worse, len(flipped) - worse),
        undecided={
            name: undecided_by(baseline, candidate, name)
            for name, item in decided.items()
            if item.verdict == "INCONCLUSIVE"
        },
        baseline=baseline.results.settings,
        candidate=candidate.results.settings,
    )


def render_gate(decision: Decision) -> str:
    """Return the decision as lines of text, the verdict first."""
    lines = [f"{decision.verdict}: candidate {decision.candidate} against baseline {decision.baseline}"]
    lines += [f"  warning      {warning}" for warning in decision.warnings]
    lines += [_metric_line(name, item) for name, item in decision.metrics.items()]
    lines += [f"  FAIL         case {case!r} must pass but is broken" for case in decision.must_pass_broken]
    lines += [f"  {item.verdict:<12} required {item.name}: {item.reason}" for item in decision.required]
    lines += [f"  INCONCLUSIVE sign-off: {decision.unsigned}"] * bool(decision.unsigned)
    for name, found in decision.undecided.items():
        lines += undecided_lines(name, found)
    for required in decision.required:
        if required.verdict != "PASS" and required.broken:
            lines.append(f"  broken in {required.name}: {', '.join(required.broken[:_SHOWN_CASES])}")
    lines += flip_lines(decision.flipped, decision.mcnemar_p)
    lines += difference_lines(decision.differences)
    return "\n".join(lines) + "\n"


def _metric_line(name: str, item: GatedMetric) -> str:
    found = item.difference
    bounds = "" if found.low is None else f" [{found.low:+.4f}, {found.high:+.4f}]"
    shown = "" if found.value is None else f" {found.value:+.4f}{bounds} n={found.n}"
    mde = "" if found.mde is None else f", MDE {found.mde:.4f}"
    margin = "" if item.margin is None else f", margin {item.margin:.4f}"
    return f"  {item.verdict:<12} {name}{shown}{margin}{mde}: {item.reason}"


def _decided_metrics(
    baseline: SavedRun,
    candidate: SavedRun,
    policy: GatePolicy,
    seed: int,
    doubted: Callable[[ScoredMetric, ScoredMetric], str | None],
) -> dict[str, GatedMetric]:
    """Return the decision on every gated metric; `doubted` says of its two results why it may not decide."""
    gated = policy.metrics or {baseline.results.primary: MetricPolicy()}
    alone = {}
    for name, rule in gated.items():
        decided = _decide(baseline, candidate, name, rule, policy, seed)
        why = doubted(baseline.results.metrics[name], candidate.results.metrics[name])
        alone[name] = _doubtful(decided, why) if why else decided
    adjusted = holm([item.regression_p for item in alone.values()])
    return {name: _corrected(item, p) for (name, item), p in zip(alone.items(), adjusted, strict=True)}


def _doubtful(item: GatedMetric, why: str) -> GatedMetric:
    return replace(item, verdict="INCONCLUSIVE", reason=why, regression_p=1.0, statistical=False)


def _corrected(item: GatedMetric, p: float) -> GatedMetric:
    """Return the decision with the p-value corrected over all gated metrics, which may spare a chance failure."""
    if item.verdict == "FAIL" and item.statistical and p > _ALPHA:
        reason = "worse on its own, but not after Holm's correction"
        return replace(item, verdict="INCONCLUSIVE", reason=reason, regression_p_holm=p)
    return replace(item, regression_p_holm=p)


def _decide(
    baseline: SavedRun, candidate: SavedRun, name: str, rule: MetricPolicy, policy: GatePolicy, seed: int
) -> GatedMetric:
    theirs, ours = baseline.results.metrics, candidate.results.metrics
    if name not in ours or name not in theirs:
        known = ", ".join(sorted(ours.keys() & theirs.keys()))
        raise ConfigError(f"the gated metric {name!r} is not in both runs; they share: {known}")
    about, pairs = ours[name], paired_values(baseline, candidate, name)
    n = len(pairs.ids)
    floor = policy.min_coverage if rule.min_coverage is None else rule.min_coverage
    coverage = about.coverage or 0.0
    if coverage < floor:
        return _undecided("FAIL", f"the candidate covers {coverage:.1%} of the cases, {floor:.1%} are needed", n)
    if n < policy.min_cases:
        return _undecided("INCONCLUSIVE", f"{n} shared cases; at least {policy.min_cases} are needed", n)
    difference = difference_of_pairs(pairs, about.unit, seed)
    upwards = difference.mirrored() if about.better == "lower" else difference
    return _gated(told(pairs, difference), decide(upwards, rule, policy))


def decide(upwards: Difference, rule: MetricPolicy, policy: GatePolicy) -> NonInferiority:
    """Decide one metric; the difference points up when the candidate is better.

    A policy without a margin gets the effect that this many cases detect 19 times in 20, but no less than
    `smallest_margin` and no more than a tenth of what a case can lose. With eight in ten, two equal systems would pass
    eight times in ten at best, and less often on sets where few cases differ (`eval.gate.error_rates`). Without the
    tenth, 20 cases that agree would pass, although a sixth of all cases may be broken.
    """
    return non_inferiority(upwards, rule.margin or _derived_margin(upwards, policy))


def _derived_margin(upwards: Difference, policy: GatePolicy) -> float:
    if upwards.sample is None:
        return policy.smallest_margin
    largest = _LARGEST_DERIVED * -upwards.sample.limits[0]
    detectable = minimal_detectable_effect(upwards, power=_MARGIN_POWER)
    return max(policy.smallest_margin, min(largest, detectable))


def _gated(difference: PairedDifference, decided: NonInferiority) -> GatedMetric:
    return GatedMetric(
        difference=replace(difference, more_cases=decided.more_cases),
        verdict=decided.verdict,
        reason=_reason(decided),
        margin=decided.margin,
        regression_p=decided.regression_p,
        statistical=True,
    )


def _undecided(verdict: Verdict, reason: str, n: int) -> GatedMetric:
    return GatedMetric(NoDifference(n=n), verdict, reason, margin=None, regression_p=1.0, statistical=False)


def _worst(*verdicts: Verdict) -> Verdict:
    if "FAIL" in verdicts:
        return "FAIL"
    return "INCONCLUSIVE" if "INCONCLUSIVE" in verdicts else "PASS"


def _reason(decision: NonInferiority) -> str:
    if decision.verdict == "PASS":
        return "not worse by the margin"
    if decision.verdict == "FAIL":
        return "worse by more than the margin"
    if decision.more_cases is None:
        return "the difference sits on the margin; no number of cases would decide"
    return f"about {decision.more_cases} more cases would decide"


def _must_pass_but_broken(candidate: SavedRun, policy: GatePolicy) -> tuple[str, ...]:
    wanted = set(policy.must_pass_tags)
    return tuple(row.id for row in candidate.rows if wanted & set(row.tags) and row.broken)


def _exit_code(verdict: Verdict, policy: GatePolicy, unsigned: str | None) -> int:
    if verdict == "INCONCLUSIVE" and unsigned:
        return INCONCLUSIVE  # `inconclusive: pass` is about too few cases, it is nobody's approval
    if verdict == "INCONCLUSIVE":
        return {"report": INCONCLUSIVE, "pass": PASSED, "fail": FAILED}[policy.inconclusive]
    return PASSED if verdict == "PASS" else FAILED
