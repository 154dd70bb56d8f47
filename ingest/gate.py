"""The port through which a flip is gated: somebody compares the new generation with the live one before readers see it.

`ingest` never imports the evaluation; the command line hands it in (`eval.gate.flip`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from rag.types import Generation

VerdictName = Literal["PASS", "FAIL", "INCONCLUSIVE"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate decided and why; `details` is kept with the generation as JSON."""

    name: VerdictName
    reason: str
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Say whether the generation may go live."""
        return self.name == "PASS"


class FlipGate(Protocol):
    """Compares a complete, invisible generation with the live one."""

    def __call__(self, live: Generation, candidate: Generation) -> Verdict:
        """Return the verdict; whatever it raises leaves the live generation as it is."""
        ...
