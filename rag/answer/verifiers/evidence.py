"""The evidence verifier: our trained model, beside what words, numbers, names and negation say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import cached_property

from rag.answer.claims import claim_features, is_verbatim, missing_names, missing_numbers, negates
from rag.answer.logistic import Logistic
from rag.answer.rows import row_support
from rag.context.terms import content_terms
from rag.models.evidence_model import EvidenceModel, Ids, load_evidence_model
from rag.text import sentences
from rag.types import Support, Vectors


ReadTokens = Callable[[Sequence[str]], list[tuple[Ids, Vectors]]]
"""Reads texts with the packaged encoder: the tokens of each by number, and their vectors (L2-normalised)."""

MAX_EVIDENCE_CHARS = 700
"""Longer evidence is cut down to the sentences that say most of the claim."""

WEIGHED = Logistic(0.0, {"model": 1.0})
"""Fitted by `eval.recipes.fit_verifier`, which also prints how well it does on label sets it has not seen."""

_NOT_IN_EVIDENCE = 0.25
_MOST = 8.0  # of a logit to either side
_SHORTEST_PART = 3  # words
_USUAL_CHARS = 80


class EvidenceVerifier:
    """Judges by our trained model and by words, numbers, names and negation together; both are loaded on first use.

    The rules of the lexical verifier hold: a claim that stands in its evidence word for word scores 1, one with a
    number that the evidence lacks at most 0.25. The rest is the probability of a logistic regression over the model's
    logit and the lexical features, so the model never decides alone. The score is self-reported, not a gold label.
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
        pairs = [parts_to_read(claim, evidence) for claim, evidence in claims]
        texts = list(dict.fromkeys(text for parts in pairs for pair in parts for text in pair))
        read = dict(zip(texts, self._read(texts), strict=True))
        return [[self._logit(read[part], read[evidence]) for part, evidence in parts] for parts in pairs]

    def _logit(self, claim: tuple[Ids, Vectors], evidence: tuple[Ids, Vectors]) -> float:
        if not len(claim[0]) or not len(evidence[0]):
            return -_MOST
        found = self._model.logit(claim[1], evidence[1], claim[0], evidence[0])
        return max(-_MOST, min(_MOST, found))

    @cached_property
    def _model(self) -> EvidenceModel:
        return load_evidence_model()


def ruled_score(claim: str, evidence: str) -> float | None:
    """Return the score of a claim that rules alone decide; None leaves it to the model."""
    if not claim.strip() or not evidence.strip():
        return 0.0
    said = row_support(claim, evidence)
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
    """Return the lexical features and what the model says of the claim's weakest sentence, and on average."""
    model = {"model": min(logits), "model_mean": sum(logits) / len(logits)}
    return {**claim_features(claim, evidence), **model}


def parts_to_read(claim: str, evidence: str) -> list[tuple[str, str]]:
    """Return each sentence of a claim with the sentences of the evidence that say most of it, in their order."""
    parts = _sentences(evidence)
    terms = [frozenset(content_terms(part)) for part in parts] if len(evidence) > MAX_EVIDENCE_CHARS else []
    said = [part for part in _sentences(claim) if len(part.split()) >= _SHORTEST_PART] or [claim]
    return [(part, _nearest(part, parts, terms) if terms else evidence) for part in said]


def _sentences(text: str) -> list[str]:
    return [text[span.start : span.end] for span in sentences(text)]


def _nearest(claim: str, parts: Sequence[str], terms: Sequence[frozenset[str]]) -> str:
    wanted = frozenset(content_terms(claim))
    holders = {term: sum(term in held for held in terms) for term in wanted}
    scores = [
        sum(1 / holders[term] for term in wanted & held) / (len(part) + _USUAL_CHARS) ** 0.5
        for part, held in zip(parts, terms, strict=True)
    ]
    chosen: list[int] = []
    size = 0
    for i in sorted(range(len(parts)), key=lambda i: -scores[i]):
        if chosen and scores[i] <= 0:
            break
        if not chosen or size + len(parts[i]) <= MAX_EVIDENCE_CHARS:
            chosen.append(i)
            size += len(parts[i]) + 1
    return " ".join(parts[i] for i in sorted(chosen))
