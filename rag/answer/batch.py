"""Claims to verify in batch: rows `{id, claim, evidence}` -> a score for each, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag.ports import Verifier


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """A claim and its evidence under an id of the caller's."""

    id: str | int
    claim: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """How well a row's evidence supports its claim, 0..1; `method` is the verifier that said so."""

    id: str | int
    score: float
    supported: bool
    method: str


async def verify_rows(rows: Sequence[ClaimRow], verifier: Verifier) -> list[Verdict]:
    """Return one verdict for each row, in order; the errors are the verifier's."""
    found = await verifier.verify([(row.claim, row.evidence) for row in rows])
    return [Verdict(row.id, item.score, item.supported, verifier.name) for row, item in zip(rows, found, strict=True)]
