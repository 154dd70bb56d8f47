"""The runtime's own verifier as a judge: no model, no cost. It is what a language model has to beat."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from eval.judges.base import Cost, JudgeMetric, Material, Score
from eval.metrics.base import Value

NAME = "lexical"
SUPPORT = "support"


class LexicalJudge:
    """`eval.judges.base.Judge` that scores how well the passages support an answer as a whole, 0..1."""

    name = NAME
    model = NAME
    concurrency = 1
    repeats = 1

    def __init__(self) -> None:
        meaning = "how well words, numbers and names of the context support the answer"
        self.metrics: Mapping[str, JudgeMetric] = {SUPPORT: JudgeMetric(meaning, ("answer", "contexts"), _support)}
        self.cost = Cost()

    def fingerprint(self, metric: str) -> str:
        """Return 12 hex digits of the fitted coefficients."""
        from rag.answer.verify import LEXICAL

        coefficients = json.dumps(asdict(LEXICAL), sort_keys=True, default=dict)
        return hashlib.sha256(f"{metric} {coefficients}".encode()).hexdigest()[:12]

    async def score(self, metric: str, material: Material, repeat: int = 0) -> Value:
        """Return the score."""
        return await self.metrics[metric].build(None, None)(material)


def _support(llm: Any, embedding: Any) -> Score:
    from rag.answer.verify import support_score

    async def score(material: Material) -> float:
        return support_score(material.answer or "", "\n".join(material.contexts or ()))

    return score
