"""Our evidence model: a small network over the token vectors of the packaged encoder; pure numpy.

Every token of the claim looks for its counterpart in the evidence (soft attention over learned keys, plain cosine,
equal tokens, and equal neighbours). Convolutions read what became of each token beside its neighbours, and of the
tokens of the evidence around the counterparts. `eval.recipes.train_evidence` trains it; `evidence.md` is its card.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.errors import ModelError
from rag.models.embedders import PACKAGED, make_embedder
from rag.models.tokenizers import load_tokenizer
from rag.models.weights import packaged_folder
from rag.ports import Embedder
from rag.settings import EmbedderSettings
from rag.types import Vectors

WEIGHTS = Path(__file__).with_name("evidence.safetensors")
MAX_CLAIM_TOKENS, MAX_EVIDENCE_TOKENS = 64, 160

_AROUND = 3  # tokens to each side that count as around a counterpart

Ids = NDArray[np.int64]


class EvidenceModel:
    """Scores a claim's token vectors against those of evidence."""

    def __init__(self, weights: Mapping[str, Vectors]) -> None:
        self._weights = weights

    def logit(self, claim: Vectors, evidence: Vectors, claim_ids: Ids, evidence_ids: Ids) -> float:
        """Return how strongly the evidence supports the claim; above 0 it rather does.

        Args:
            claim: `(n, d) float32`, L2-normalised, n >= 1.
            evidence: `(m, d) float32`, L2-normalised, m >= 1.
            claim_ids: the vocabulary's number of each token of the claim, `(n,)`.
            evidence_ids: the same of the evidence, `(m,)`.
        """
        claim, claim_ids = claim[:MAX_CLAIM_TOKENS], claim_ids[:MAX_CLAIM_TOKENS]
        evidence, evidence_ids = evidence[:MAX_EVIDENCE_TOKENS], evidence_ids[:MAX_EVIDENCE_TOKENS]
        w = self._weights
        same = (claim_ids[:, None] == evidence_ids[None, :]).astype(np.float32)
        before, after = np.zeros_like(same), np.zeros_like(same)
        before[1:, 1:], after[:-1, :-1] = same[:-1, :-1], same[1:, 1:]
        cosines = claim @ evidence.T
        keys = _unit(claim @ w["key.weight"].T) @ _unit(evidence @ w["key.weight"].T).T
        attention = _softmax(w["temp"] * (keys + cosines) + w["exact"] * same + w["near"] * (before + after))
        ours, theirs = claim @ w["val.weight"].T, evidence @ w["val.weight"].T
        found = attention @ theirs
        looks = np.stack(
            [
                cosines.max(1),
                (attention * cosines).sum(1),
                same.max(1),
                (attention * same).sum(1),
                (same * before).max(1),
                (same * after).max(1),
                (same * before * after).max(1),
                np.log1p(claim_ids.astype(np.float32)) / 10,
            ],
            axis=1,
        )
        told = np.concatenate([ours, found, ours - found, ours * found, looks], axis=1)
        first = _relu(_convolved(told, w["c1.weight"], w["c1.bias"]))
        hidden = _relu(_convolved(first, w["c2.weight"], w["c2.bias"])) + first
        mass = attention.sum(0)
        near = np.minimum(np.convolve(mass, np.ones(2 * _AROUND + 1), "same") / (2 * _AROUND + 1), 0.5) * 2
        theirs_looks = np.stack(
            [
                np.minimum(mass, 2),
                cosines.max(0),
                same.max(0),
                (same * before).max(0),
                (same * after).max(0),
            ],
            axis=1,
        )
        around = _relu(_convolved(np.concatenate([theirs, theirs_looks], axis=1), w["e1.weight"], w["e1.bias"]))
        pooled = np.concatenate(
            [hidden.mean(0), hidden.max(0), (hidden * hidden).mean(0), (around * near[:, None]).max(0)]
        )
        inner = _relu(w["out1.weight"] @ pooled + w["out1.bias"])
        return float(w["out2.weight"][0] @ inner + w["out2.bias"][0])


class PackagedReader:
    """Reads texts with the packaged encoder in int8; the model is exported into `cache` and opened on first use."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._opening = threading.Lock()
        self._opened: tuple[Embedder, Any] | None = None

    def __call__(self, texts: Sequence[str]) -> list[tuple[Ids, Vectors]]:
        """Return the tokens of each text: `(t,)` numbers and `(t, d) float32` vectors, special ones left out.

        Raises:
            ModelError: the encoder is missing or altered.
            StateError: the cache cannot be written.
        """
        embedder, tokenizer = self._open()
        vectors = embedder.embed(texts, with_tokens=True).tokens
        encodings = tokenizer.encode_batch_fast(list(texts)) if texts else []
        numbers = [np.array(encoding.ids[1:-1], np.int64) for encoding in encodings]
        return list(zip(numbers, vectors, strict=True))

    def _open(self) -> tuple[Embedder, Any]:
        with self._opening:
            if self._opened is None:
                embedder = make_embedder(EmbedderSettings(), self._cache)
                folder = packaged_folder(PACKAGED[EmbedderSettings().model])
                self._opened = embedder, load_tokenizer(folder / "tokenizer.json", embedder.max_tokens)
            return self._opened


def load_evidence_model(path: Path = WEIGHTS) -> EvidenceModel:
    """Read the weights.

    Raises:
        ModelError: the file is missing or unreadable.
    """
    from safetensors.numpy import load_file

    try:
        weights = load_file(str(path))
    except Exception as error:  # safetensors raises its own family
        problem = " ".join(str(error).split())[:200]
        raise ModelError(f"cannot read the evidence model {path} ({problem}); reinstall Ragwright") from error
    return EvidenceModel({name: tensor.astype(np.float32) for name, tensor in weights.items()})


def _convolved(rows: Vectors, weight: Vectors, bias: Vectors) -> Vectors:
    """Return a convolution over the rows `(t, in)` with `weight` `(out, in, width)`, zeros beyond both ends."""
    width = weight.shape[2]
    padded = np.pad(rows, ((width // 2, width // 2), (0, 0)))
    total = np.broadcast_to(bias, (len(rows), len(bias))).astype(np.float32)
    for i in range(width):
        total = total + padded[i : i + len(rows)] @ weight[:, :, i].T
    return total


def _softmax(logits: Vectors) -> Vectors:
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    normal: Vectors = exponents / exponents.sum(axis=1, keepdims=True)
    return normal


def _unit(rows: Vectors) -> Vectors:
    normal: Vectors = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return normal


def _relu(values: Vectors) -> Vectors:
    kept: Vectors = np.maximum(values, 0)
    return kept
