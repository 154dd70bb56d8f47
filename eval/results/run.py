"""The results of one run as values: each field is the key of the same name in `results.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from eval.files import JsonTree
from eval.metrics.baselines import Abstention
from eval.results.judged import JudgedBy, JudgeUse
from eval.stats import Estimate

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class MetricResult:
    """One metric's mean over rows. `value` (= `mean`) is over the `n` measured cases, with its 95 % interval.

    `coverage` is `n` / `applicable` cases. `missing_as_zero` is the mean with unmeasured cases as 0, for shares and
    scores; `unmeasured` counts the reasons. `value`, `mean` and the bounds are None where nothing was measured.
    """

    value: float | None = None
    n: int = 0
    low: float | None = None
    high: float | None = None
    method: str | None = None
    mean: float | None = None
    applicable: int = 0
    coverage: float | None = None
    missing_as_zero: float | None = None
    unmeasured: Mapping[str, int] = field(default_factory=dict)
    unit: str = "share"
    better: str = "higher"
    family: str = ""
    meaning: str = ""
    self_reported: bool = False


@dataclass(frozen=True, slots=True)
class ScoredMetric(MetricResult):
    """A metric of a whole run; `judge` says who scored it where that was a model."""

    judge: JudgedBy | None = None


@dataclass(frozen=True, slots=True)
class SetInfo:
    """The golden set that was asked, and what was selected from it."""

    name: str
    sha256: str
    split: str | None = None
    where: Mapping[str, str] = field(default_factory=dict)
    synthetic: int = 0


@dataclass(frozen=True, slots=True)
class Provenance:
    """Every prompt, model and release that took part, normally one of each."""

    prompts: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    releases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Anchors:
    """How many gold passages are in their labelled place, elsewhere, or gone."""

    kept: int = 0
    moved: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds of one stage."""

    p50: Estimate
    p95: Estimate


@dataclass(frozen=True, slots=True)
class Slice:
    """The metrics of a part of the cases."""

    cases: int
    metrics: Mapping[str, MetricResult]


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The predictions in `[from_, to)`: their mean and the share observed, with its Wilson interval."""

    from_: Annotated[float, Field(alias="from")]
    to: float
    n: int
    predicted: float
    observed: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class RefusalPoint:
    """What refusing below a threshold does: the shares of unanswerable and of answerable questions refused."""

    threshold: float
    abstention_recall: float | None
    false_abstention: float | None


@dataclass(frozen=True, slots=True)
class Reliability:
    """How predicted probabilities (0..1) agree with what was observed; Brier score and ECE are better low.

    `brier_constant` is the score of always predicting the base rate.
    """

    n: int
    base_rate: float
    brier: float
    brier_constant: float
    ece: float
    bins: tuple[ReliabilityBin, ...]
    curve: tuple[RefusalPoint, ...] | None = field(default=None, metadata={"optional": True})


@dataclass(frozen=True, slots=True)
class GoldStep:
    """How many cases still have their gold after a step of the flow; `lost` counts those lost there by stage."""

    step: str
    left: int
    lost: Mapping[str, int]
    share: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What a run showed, over all of its cases.

    `generation` and `settings` are None where the rows were made with several. `effective_settings` and `options` say
    how the run was made; they are open trees, since every version has other settings. `primary` names the metric that
    decides on this set. `failures` counts the first broken stages. `more` holds what another version wrote.
    """

    schema: int = SCHEMA_VERSION
    set: SetInfo
    warnings: tuple[str, ...] = ()
    corpus: str | None = None
    generation: int | None = None
    generations: tuple[int, ...] = ()
    settings: str | None = None
    effective_settings: JsonTree | None = None
    provenance: Provenance = Provenance()
    started_at: str = ""
    ended_at: str = ""
    options: JsonTree = field(default_factory=dict)
    primary: str
    cases: int = 0
    status: Mapping[str, int] = field(default_factory=dict)
    anchors: Anchors = Anchors()
    failures: Mapping[str, int] = field(default_factory=dict)
    metrics: Mapping[str, ScoredMetric]
    judges: Mapping[str, JudgeUse] = field(default_factory=dict)
    abstention: Mapping[str, Abstention] = field(default_factory=dict)
    latency_ms: Mapping[str, Latency] = field(default_factory=dict)
    slices: Mapping[str, Mapping[str, Slice]] = field(default_factory=dict)
    calibration: Mapping[str, Reliability] = field(default_factory=dict)
    survival: tuple[GoldStep, ...] = ()
    more: JsonTree = field(default_factory=dict, metadata={"inline": True})
