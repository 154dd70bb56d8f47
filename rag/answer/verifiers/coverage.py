"""The coverage verifier: how many of the claim's words the evidence holds; what every other verifier has to beat."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from rag.answer.claims import is_verbatim
from rag.context.terms import content_terms
from rag.types import Support


class CoverageVerifier:
    """Scores the share of the claim's content words that stand in the evidence, stemmed; order and numbers count not.

    A claim of stop words alone scores 1 when it stands in the evidence word for word, else 0.
    """

    name = "coverage"

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold

    async def verify(self, claims: Sequence[tuple[str, str]]) -> list[Support]:
        """Return one finding for each `(claim, evidence)` pair; supported means a score of the threshold or more."""
        scores = await asyncio.to_thread(lambda: [covered_share(claim, evidence) for claim, evidence in claims])
        return [Support(score, bool(score) and score >= self._threshold) for score in scores]


def covered_share(claim: str, evidence: str) -> float:
    """Return the share of the claim's content words that the evidence holds, 0..1.

    Example:
        >>> covered_share("The kiln reaches 900 degrees.", "At noon the kiln reached 900 C.")
        0.75
    """
    wanted = content_terms(claim)
    if not wanted:
        return float(is_verbatim(claim, evidence))
    held = frozenset(content_terms(evidence))
    return sum(term in held for term in wanted) / len(wanted)
