"""What judges leave in the results of a run: what they used, how far to trust them, and how they were calibrated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BeforeValidator

from eval.stats import Estimate


@dataclass(frozen=True, slots=True)
class Figure:
    """A value with its 95 % interval over `n` items; bounds are None where they are undefined."""

    value: float
    n: int
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Moments:
    """What a labelled sample of `n` items says about human labels and judge scores: means, variances, covariance."""

    n: int
    human: float
    judge: float
    human_variance: float
    judge_variance: float
    covariance: float


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of a labelled sample: how many true items were called true, and how many false ones false."""

    true: int
    called_true: int
    false: int
    called_false: int


@dataclass(frozen=True, slots=True)
class LabelsFile:
    """The file of labels behind a calibration, by its name and digest: no text of it is kept."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a judge's scores and people's labels agree; a label or score of `threshold` or more counts as true.

    `kappa` is that of the verdicts, `alpha` (interval level) that of scores and mean labels, and `human_alpha` that of
    the people among themselves. `base_rate` is the share of true labels. `accuracy` stands beside `constant_accuracy`,
    that of always saying what is more frequent. `position_bias` is what reversing the passages adds to the score, and
    `position_flips` how often it turns the verdict. `length_bias` is the rank correlation of the answer's length with
    how far the score lies above the label. `moments` and `confusion` serve corrections.
    """

    items: int
    n: int
    unmeasured: Mapping[str, int]
    threshold: float
    annotators: int
    kappa: Figure | None
    alpha: float | None
    human_alpha: float | None
    base_rate: Figure | None
    judge_rate: Figure | None
    accuracy: Figure | None
    constant_accuracy: float
    sensitivity: Figure | None
    specificity: Figure | None
    position_bias: Figure | None
    position_flips: Figure | None
    length_bias: Figure | None
    moments: Moments
    confusion: Confusion


@dataclass(frozen=True, slots=True)
class CalibrationRecord:
    """One calibration: who judged what, when, by which labels, and how the two agree."""

    judge: str
    model: str
    metric: str
    fingerprint: str
    at: str
    labels: LabelsFile
    agreement: Agreement = field(metadata={"inline": True})


def nested_agreement(tree: object) -> object:
    """Return a record's JSON, in which the figures stand beside who judged, as the two values it is made of."""
    return tree | {"agreement": tree} if isinstance(tree, dict) else tree


@dataclass(frozen=True, slots=True)
class JudgedBy:
    """Who scored a metric; equal fingerprints mean the same model, asked in the same words.

    `calibration` is the newest one at hand. `corrected` is the mean that people would have given, known only where the
    calibration is of the same model and wording.
    """

    judge: str
    model: str
    metric: str
    fingerprint: str
    calibration: Annotated[CalibrationRecord, BeforeValidator(nested_agreement)] | None = None
    corrected: Estimate | None = None


@dataclass(frozen=True, slots=True)
class JudgeCost:
    """What a judge used in a run (`eval.judges.base.Cost`)."""

    calls: int = 0
    replayed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    usd: float | None = None
    uncounted: int = 0
    failed: Mapping[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JudgeUse:
    """One judge of a run. `spread` is the mean standard deviation of a case's repeats, by metric."""

    model: str
    repeats: int = 1
    spread: Mapping[str, float] = field(default_factory=dict)
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    cost: JudgeCost = JudgeCost()
