"""The cross-encoder verifier: any model that reads evidence and claim together, by folder or hub id."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rag.errors import ModelError
from rag.models.cross_encoder import OnnxCrossEncoder, load_cross_encoder
from rag.types import Support

SETTING = "answer.verifier_model"


class CrossEncoderVerifier:
    """Asks a natural-language-inference model for the probability of entailment; loaded on first use.

    A model with one output gives its sigmoid. One with several must call one of them `entailment` or `supported`.
    """

    name = "cross-encoder"

    def __init__(self, model: str, threshold: float) -> None:
        self._model = model
        self._threshold = threshold
        self._loaded: Any = None
        self._lock = threading.Lock()

    async def verify(self, claims: Sequence[tuple[str, str]]) -> list[Support]:
        """Return one finding for each `(claim, evidence)` pair; supported means a score of the threshold or more.

        Raises:
            ModelError: the model cannot be loaded, or none of its outputs says that the evidence supports the claim.
        """
        scores = await asyncio.to_thread(self._scores, claims)
        return [Support(score, bool(score) and score >= self._threshold) for score in scores]

    def _scores(self, claims: Sequence[tuple[str, str]]) -> list[float]:
        asked = [i for i, (claim, evidence) in enumerate(claims) if claim.strip() and evidence.strip()]
        scores = [0.0] * len(claims)
        if not asked:
            return scores
        with self._lock:
            if self._loaded is None:
                self._loaded = load_cross_encoder(self._model, SETTING)
            outputs = self._outputs([claims[i][::-1] for i in asked])
        for i, score in zip(asked, self._probabilities(np.asarray(outputs, np.float64)), strict=True):
            scores[i] = score
        return scores

    def _outputs(self, pairs: Sequence[tuple[str, str]]) -> Any:
        """Return the model's raw outputs for `(evidence, claim)` pairs."""
        if isinstance(self._loaded, OnnxCrossEncoder):
            return self._loaded.predict(pairs)
        import torch

        return self._loaded.predict(pairs, activation_fn=torch.nn.Identity(), show_progress_bar=False)

    def _probabilities(self, outputs: Any) -> list[float]:
        if outputs.ndim == 1 or outputs.shape[1] == 1:
            return [float(value) for value in 1 / (1 + np.exp(-outputs.reshape(-1)))]
        column = _supporting(self._labels(), self._model)
        exponents = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return [float(value) for value in exponents[:, column] / exponents.sum(axis=1)]

    def _labels(self) -> Mapping[int, str]:
        labels: Mapping[int, str] = self._loaded.config.id2label
        return labels


def _supporting(labels: Mapping[int, str], model: str) -> int:
    for place, label in labels.items():
        word = label.lower().replace("_", " ").replace("-", " ")
        if word in {"entailment", "entails", "supported", "supports", "support", "consistent"}:
            return int(place)
    names = ", ".join(labels.values())
    raise ModelError(
        f"the outputs of {model!r} ({SETTING}) are {names}: none is called entailment or supported; name another model"
    )
