"""The lexical verifier: words, numbers, names, negation and order, weighed as labelled pairs taught it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from rag.answer.claims import claim_features, is_verbatim, missing_names, missing_numbers, negates
from rag.answer.logistic import Logistic
from rag.answer.rows import row_support
from rag.types import Support

LEXICAL = Logistic(
    -1.387,
    {
        "covered": 2.13,
        "order": 0.319,
        "numbers_missing": -0.831,
        "units_changed": -0.166,
        "names_missing": -0.007,
        "negation_differs": -0.633,
        "opposite": -0.339,
    },
)
"""Fitted by `eval.recipes.fit_verifier`, which also prints how well it does on label sets it has not seen."""

_NOT_IN_EVIDENCE = 0.25


class LexicalVerifier:
    """Judges by words, numbers, names, negation and order; no model. The score is self-reported, not a gold label.

    A claim that stands in its evidence word for word scores 1, as does a table row that is said with the names of its
    columns. One with a number or a name that the evidence lacks, with a value that no row has in that column, or that
    denies the sentences which hold all of its words, scores at most 0.25. The rest is the probability of a logistic
    regression fitted on labelled pairs. It cannot see another contradiction that keeps the words.
    """

    name = "lexical"

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold

    async def verify(self, claims: Sequence[tuple[str, str]]) -> list[Support]:
        """Return one finding for each `(claim, evidence)` pair; supported means a score of the threshold or more."""
        scores = await asyncio.to_thread(lambda: [support_score(claim, evidence) for claim, evidence in claims])
        return [Support(score, score >= self._threshold) for score in scores]


def support_score(claim: str, evidence: str) -> float:
    """Return how well evidence supports a claim, 0..1; 0 when either is empty."""
    if not claim.strip() or not evidence.strip():
        return 0.0
    said, denied = row_support(claim, evidence), negates(claim, evidence)
    if said is not False and (said or (is_verbatim(claim, evidence) and not denied)):
        return 1.0
    score = LEXICAL.probability(claim_features(claim, evidence))
    if said is False or denied or missing_numbers(claim, evidence) or missing_names(claim, evidence):
        return min(score, _NOT_IN_EVIDENCE)
    return score
