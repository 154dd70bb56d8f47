"""The values that the statistics return, and the numbers that all of them share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Limits = tuple[float, float]
"""The least and the greatest value that a case can have, whether it was seen or not."""

Unit = Literal["question", "cluster"]
Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE"]

MIN_CLUSTERS = 30
"""Fewer clusters than this are too few to stand for the others, so questions are the units instead."""

CONFIDENCE = 0.95
TAIL = (1 - CONFIDENCE) / 2
"""The share of samples in which one bound of a 95 % interval may miss."""

TWO_SIDED_Z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
"""How many standard errors a 95 % interval of a normal mean reaches to either side."""

SHARE: Limits = (0.0, 1.0)
"""The limits of a share or a score."""

DIFFERENCE: Limits = (-1.0, 1.0)
"""The limits of the difference of two shares."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95 % interval; bounds are None where they are undefined. `method` says how they were made."""

    value: float
    n: int
    low: float | None
    high: float | None
    method: str


@dataclass(frozen=True, slots=True)
class Sample:
    """Equally weighted values of the units that vary: questions, or clusters of them. No value is beyond `limits`."""

    values: Floats
    limits: Limits
    unit: Unit

    def mirrored(self) -> Sample:
        """Return the sample with every sign turned, so that an upper bound becomes a lower one."""
        return replace(self, values=-self.values, limits=(-self.limits[1], -self.limits[0]))


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean of paired differences with its 95 % interval, standard error and two-sided p-value of no difference.

    `standard_error` is never 0: it is at least what it were if one case had moved by half of the limits' distance.
    `sample` is None where the interval is undefined.
    """

    value: float
    n: int
    low: float | None
    high: float | None
    standard_error: float
    p: float
    method: str
    sample: Sample | None

    def mirrored(self) -> Difference:
        """Return the difference of the two runs the other way round."""
        low = None if self.high is None else -self.high
        high = None if self.low is None else -self.low
        sample = None if self.sample is None else self.sample.mirrored()
        return replace(self, value=-self.value, low=low, high=high, sample=sample)


@dataclass(frozen=True, slots=True)
class NonInferiority:
    """A non-inferiority verdict. `more_cases` would decide an inconclusive one in 8 of 10; None: no number does.

    `mde` is the minimal detectable effect, `regression_p` the one-sided p-value of the hypothesis that the true
    difference is at least `-margin`: small says that the candidate is worse by more.
    """

    verdict: Verdict
    margin: float
    mde: float
    more_cases: int | None
    regression_p: float


def floats(values: object) -> Floats:
    """Return values as an array.

    Raises:
        ValueError: there is none.
    """
    data = np.asarray(values, dtype=np.float64)
    if data.size == 0:
        raise ValueError("statistics need at least one value")
    return data
