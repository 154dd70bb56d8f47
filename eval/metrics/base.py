"""A metric as a value object: its name holds its parameters, its value is a number or the reason why there is none."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from eval.observation import Observation

Unit = Literal["share", "score", "chars", "tokens", "ms", "usd"]
BOUNDED_UNITS = ("share", "score")
"""Units of values between 0 and 1; nothing is known of how far the others go."""

Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """No value, and why. With `applicable` False the question does not arise for the case, so it costs no coverage."""

    reason: str
    applicable: bool = True


Value = float | Unmeasured


@dataclass(frozen=True, slots=True)
class Metric:
    """One per-case measurement. `rate` means that every value is 0 or 1, so that its mean is a proportion.

    `self_reported` marks scores that come from the runtime's own verifier rather than from gold labels, `judge` names
    who scored where that is a model.
    """

    name: str
    family: str
    meaning: str
    compute: Callable[[Observation], Value]
    unit: Unit = "share"
    better: Better = "higher"
    rate: bool = False
    self_reported: bool = False
    judge: str | None = None

    def __call__(self, seen: Observation) -> Value:
        """Return the case's value; a failed case and a value that is no number are unmeasured."""
        if seen.status == "error":
            return Unmeasured(f"the case failed: {seen.error}")
        value = self.compute(seen)
        if isinstance(value, float) and not math.isfinite(value):
            return Unmeasured(f"the metric returned {value}")
        return value


def not_applicable(reason: str) -> Unmeasured:
    """Return the value of a metric that has no meaning for a case."""
    return Unmeasured(reason, applicable=False)
