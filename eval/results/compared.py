"""A comparison of two runs and a gate's decision as values: what `comparison.json` and `gate.json` hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel

from eval.paired import PairedDifference
from eval.results.run import Provenance, SetInfo
from eval.stats import Verdict


@dataclass(frozen=True, slots=True)
class Origin:
    """Which run stands on one side of a comparison."""

    settings: str | None
    generation: int | None
    corpus: str | None
    provenance: Provenance
    ended_at: str


@dataclass(frozen=True, slots=True)
class Differing:
    """Something of how two runs were made that is not the same; None where a run does not know it."""

    key: str
    baseline: object
    candidate: object


@dataclass(frozen=True, slots=True)
class MadeDifferently:
    """In what two runs were made differently. `same` names what is equal, in few words.

    `unknown` says why settings cannot be compared, None where they can.
    """

    differ: tuple[Differing, ...]
    same: tuple[str, ...]
    unknown: str | None


@dataclass(frozen=True, slots=True)
class Side:
    """What one run did with a case."""

    broken: str | None
    answer: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Flip:
    """A case that went from well to broken (`now_broken`) or back."""

    id: str
    question: str
    now_broken: bool
    baseline: Side
    candidate: Side


@dataclass(frozen=True, slots=True)
class MetricDifference:
    """A metric that both runs measured."""

    difference: PairedDifference = field(metadata={"inline": True})
    unit: str
    better: str
    family: str


@dataclass(frozen=True, slots=True)
class SliceDifference:
    """A metric on the cases of one slice; `p_adjusted` is corrected over all slices (Benjamini-Hochberg)."""

    dimension: str
    name: str
    metric: str
    difference: PairedDifference = field(metadata={"inline": True})
    p_adjusted: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Candidate minus baseline for every metric that both runs measured.

    `slices` are the primary metric and the share of unbroken cases by kind, answerability, split and tag. `flipped` are
    the cases that went from well to broken or back, and `mcnemar_p` is the p-value that they did so by chance.
    """

    baseline: Origin
    candidate: Origin
    set: SetInfo
    differences: MadeDifferently
    warnings: tuple[str, ...]
    cases: int
    primary: str
    metrics: Mapping[str, MetricDifference]
    slices: tuple[SliceDifference, ...]
    flipped: tuple[Flip, ...]
    mcnemar_p: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NoDifference:
    """In place of a difference where too few cases are shared or measured to look for one: `n` is how many are."""

    baseline: None = None
    candidate: None = None
    value: None = None
    low: None = None
    high: None = None
    p: None = None
    mde: None = None
    more_cases: None = None
    method: None = None
    n: int


@dataclass(frozen=True, slots=True)
class GatedMetric:
    """What a gate decided on one metric. `more_cases` of its difference would decide an inconclusive one.

    `regression_p` is the one-sided p-value that the candidate is not worse by `margin` or more, `regression_p_holm` the
    same corrected over all gated metrics. With `statistical` False no test decided, so none is corrected.
    """

    difference: PairedDifference | NoDifference = field(metadata={"inline": True})
    verdict: Verdict
    reason: str
    margin: float | None
    regression_p: float
    statistical: bool
    regression_p_holm: float = 1.0


@dataclass(frozen=True, slots=True)
class RequiredResult:
    """What a gate decided on one required slice; the bounds are exact and one-sided (95 %)."""

    name: str
    set: str | None
    where: Mapping[str, str | bool]
    verdict: Verdict
    reason: str
    pass_rate: float
    n: int
    passed: int
    low: float | None
    high: float | None
    broken: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MovedCase:
    """A case in which a metric differs between two runs, and its gold documents."""

    id: str
    question: str
    baseline: float
    candidate: float
    documents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Undecided:
    """What leaves a metric undecided: cases in which it differs, most first, and cases that one run did not measure.

    `documents` counts, for every gold document, how many of these cases ask about it. `unit` is the metric's.
    """

    cases: tuple[MovedCase, ...]
    unmeasured: tuple[str, ...]
    documents: Mapping[str, int]
    unit: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What a gate decided, metric by metric and all together; `exit_code` is what the policy makes of the verdict.

    `must_pass_broken` are cases that had to come out well and did not, `unsigned` says why nobody approved the
    candidate. `undecided` says which cases leave a metric inconclusive.
    """

    verdict: Verdict
    exit_code: int
    metrics: Mapping[str, GatedMetric]
    must_pass_broken: tuple[str, ...]
    required: tuple[RequiredResult, ...]
    unsigned: str | None
    policy: BaseModel
    set: SetInfo
    warnings: tuple[str, ...]
    differences: MadeDifferently
    flipped: tuple[Flip, ...]
    mcnemar_p: float
    undecided: Mapping[str, Undecided]
    baseline: str | None
    candidate: str | None
