"""The evidence verifier: our trained model, beside what words, numbers, names and negation say."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from functools import cached_property

from rag.answer.claims import claim_features, is_verbatim, missing_names, missing_numbers, negates
from rag.answer.logistic import Logistic
from rag.answer.rows import row_support
from rag.answer.verifiers.lexical import support_score
from rag.models.evidence_model import EvidenceModel, Ids, load_evidence_model
from rag.text import sentences, words
from rag.types import Support, Vectors

ReadTokens = Callable[[Sequence[str]], list[tuple[Ids, Vectors]]]
"""Reads texts with the packaged encoder: the tokens of each by number, and their vectors (L2-normalised)."""

MAX_EVIDENCE_CHARS = 500
"""Characters of evidence that the model reads, a little more than it was trained on; beyond it was of no use."""

WEIGHED = Logistic(
    -4.68,
    {
        "covered": 3.0,
        "said": 3.0,
        "model": 0.3,
        "numbers_missing": -3.6,
        "names_lacking": -3.6,
        "opposite": -1.8,
        "negation_differs": -0.9,
    },
)
"""The words weigh most, so that the score cannot fall behind plain coverage; the model moves it by 0.3 a unit.

Chosen on planted lies of documents that the model never read (their dev half); `rag/models/evidence.md` says how well
it does elsewhere, and what was seen of which set.
"""

_ROW_SAID = re.compile(r"[^:;.]{1,60}: [^;]+(?:; [^:;]{1,60}: [^;]+)+$")
_NOT_IN_EVIDENCE = 0.25
_MOST = 8.0  # of a logit to either side
_SHORTEST_PART = 3  # words


class EvidenceVerifier:
    """Judges by our trained model and by words, numbers, names and negation together; both are loaded on first use.

    The rules of the lexical verifier hold: a claim that stands in its evidence word for word scores 1, one with a
    number or a name that the evidence lacks at most 0.25. The rest is a logistic function of words, numbers, names,
    negation and the model, which never decides alone. The score is self-reported, not a gold label.
    """

    name = "evidence"

    def __init__(self, threshold: float, read: ReadTokens) -> None:
        self._threshold = threshold
        self._read = read

    async def verify(self, claims: Sequence[tuple[str, str]]) -> list[Support]:
        """Return one finding for each `(claim, evidence)` pair; supported means a score of the threshold or more.

        Raises:
            ModelError: weights are missing or altered.
        """
        scores = await asyncio.to_thread(self._scores, claims)
        return [Support(score, score >= self._threshold) for score in scores]

    def _scores(self, claims: Sequence[tuple[str, str]]) -> list[float]:
        scores = [ruled_score(claim, evidence) for claim, evidence in claims]
        open_ones = [i for i, score in enumerate(scores) if score is None]
        for i, logits in zip(open_ones, self.logits([claims[i] for i in open_ones]), strict=True):
            scores[i] = weighed_score(*claims[i], logits)
        return [score or 0.0 for score in scores]

    def logits(self, claims: Sequence[tuple[str, str]]) -> list[list[float]]:
        """Return the model's logit for each sentence of each claim; above 0 its evidence rather supports it."""
        parts = [parts_to_read(claim) for claim, _ in claims]
        texts = list(dict.fromkeys([*(evidence for _, evidence in claims), *(p for claim in parts for p in claim)]))
        read = dict(zip(texts, self._read(texts), strict=True))
        return [
            [self._logit(read[part], read[evidence]) for part in said]
            for said, (_, evidence) in zip(parts, claims, strict=True)
        ]

    def _logit(self, claim: tuple[Ids, Vectors], evidence: tuple[Ids, Vectors]) -> float:
        if not len(claim[0]) or not len(evidence[0]):
            return -_MOST
        found = self._model.logit(claim[1], evidence[1], claim[0], evidence[0])
        return max(-_MOST, min(_MOST, found))

    @cached_property
    def _model(self) -> EvidenceModel:
        return load_evidence_model()


def ruled_score(claim: str, evidence: str) -> float | None:
    """Return the score of a claim that needs no model; None leaves it to the model.

    The lexical verifier judges what the model does not know how to read: evidence that is too long for it, and a row
    that is said with the names of its columns where the evidence does not show these.
    """
    if not claim.strip() or not evidence.strip() or len(evidence) > MAX_EVIDENCE_CHARS:
        return support_score(claim, evidence)
    said = row_support(claim, evidence)
    if said is None and _ROW_SAID.match(claim):
        return support_score(claim, evidence)
    if said is not False and (said or (is_verbatim(claim, evidence) and not negates(claim, evidence))):
        return 1.0
    return None


def weighed_score(claim: str, evidence: str, logits: Sequence[float]) -> float:
    """Return the score of a claim that no rule proves, from the model's logits of its sentences."""
    score = WEIGHED.probability(evidence_features(claim, evidence, logits))
    denied = row_support(claim, evidence) is False or negates(claim, evidence)
    if denied or missing_numbers(claim, evidence) or missing_names(claim, evidence):
        return min(score, _NOT_IN_EVIDENCE)
    return score


def evidence_features(claim: str, evidence: str, logits: Sequence[float]) -> dict[str, float]:
    """Return the features that WEIGHED weighs; `said` is the share of all words, stop words too, that the evidence has.

    A claim of several sentences is as strong as its weakest one.
    """
    ours, theirs = words(claim), frozenset(words(evidence))
    return {
        **claim_features(claim, evidence),
        "said": sum(word in theirs for word in ours) / (len(ours) or 1),
        "names_lacking": float(bool(missing_names(claim, evidence))),
        "model": min(logits),
    }


def parts_to_read(claim: str) -> list[str]:
    """Return the sentences of a claim, very short ones left out if there are others."""
    parts = [claim[span.start : span.end] for span in sentences(claim)]
    return [part for part in parts if len(part.split()) >= _SHORTEST_PART] or [claim]
