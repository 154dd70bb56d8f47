"""Our evidence model: a small network over the token vectors of the packaged encoder; pure numpy.

Every token of the claim looks for its counterpart in the evidence (soft attention over learned keys, plain cosine,
equal tokens, and equal neighbours). Convolutions read what became of each token beside its neighbours, and of the
tokens of the evidence around the counterparts. `eval.recipes.train_evidence` trains it; `evidence.md` is its card.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rag.errors import ModelError
from rag.models.embedders import PACKAGED
from rag.models.tokenizers import load_tokenizer
from rag.models.weights import packaged_folder
from rag.ports import Embedder
from rag.settings import EmbedderSettings
from rag.types import Vectors

WEIGHTS = Path(__file__).with_name("evidence.safetensors")
READS_WITH = EmbedderSettings()
"""The encoder whose token vectors the weights are trained on, whatever the settings name for the index."""
MAX_CLAIM_TOKENS, MAX_EVIDENCE_TOKENS = 64, 160

_ALONE = 200_000  # multiplications
_AROUND = 3  # tokens to each side that count as around a counterpart

Ids = NDArray[np.int64]


class _Equal(NamedTuple):
    """Which tokens of claim and evidence are equal, `(n, m)`: alone, and together with their neighbours."""

    alone: Vectors
    with_last: Vectors
    with_next: Vectors
    with_both: Vectors


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
        equal = _Equal(same, same * before, same * after, same * before * after)
        cosines = _product(claim, evidence.T)
        keys = _unit(_product(claim, w["key.weight"].T)) @ _unit(_product(evidence, w["key.weight"].T)).T
        attention = _softmax(w["temp"] * (keys + cosines) + w["exact"] * same + w["near"] * (before + after))
        ours, theirs = _product(claim, w["val.weight"].T), _product(evidence, w["val.weight"].T)
        hidden = self._claim_side(ours, attention @ theirs, _claim_looks(attention, cosines, equal, claim_ids))
        around = self._evidence_side(theirs, attention.sum(0), cosines, equal)
        pooled = np.concatenate([hidden.mean(0), hidden.max(0), (hidden * hidden).mean(0), around])
        inner = _relu(w["out1.weight"] @ pooled + w["out1.bias"])
        return float(w["out2.weight"][0] @ inner + w["out2.bias"][0])

    def _claim_side(self, ours: Vectors, found: Vectors, looks: Vectors) -> Vectors:
        """Read what became of each token of the claim, `(n, channels)`."""
        w = self._weights
        told = np.concatenate([ours, found, ours - found, ours * found, looks], axis=1)
        first = _relu(_convolved(told, w["c1.weight"], w["c1.bias"]))
        hidden: Vectors = _relu(_convolved(first, w["c2.weight"], w["c2.bias"])) + first
        return hidden

    def _evidence_side(self, theirs: Vectors, mass: Vectors, cosines: Vectors, equal: _Equal) -> Vectors:
        """Read the evidence around the counterparts of the claim's tokens, `(channels,)`."""
        w = self._weights
        counts = [np.minimum(mass, 2), cosines.max(0), *(kind.max(0) for kind in equal[:3])]
        told = np.concatenate([theirs, np.stack(counts, axis=1)], axis=1)
        size = 2 * _AROUND + 1
        near = np.minimum(np.convolve(np.pad(mass, _AROUND), np.ones(size) / size, "valid"), 0.5) * 2
        read: Vectors = _relu(_convolved(told, w["e1.weight"], w["e1.bias"])) * near[:, None]
        strongest: Vectors = read.max(0)
        return strongest


def _claim_looks(attention: Vectors, cosines: Vectors, equal: _Equal, ids: Ids) -> Vectors:
    """Return what is plainly seen of each token of the claim, `(n, 8)`."""
    return np.stack(
        [
            cosines.max(1),
            (attention * cosines).sum(1),
            equal.alone.max(1),
            (attention * equal.alone).sum(1),
            equal.with_last.max(1),
            equal.with_next.max(1),
            equal.with_both.max(1),
            np.log1p(ids.astype(np.float32)) / 10,
        ],
        axis=1,
    )


class PackagedReader:
    """Reads texts with the packaged encoder in int8, which is opened on first use."""

    def __init__(self, embedder: Callable[[], Embedder]) -> None:
        self._embedder = embedder
        self._tokenizer: Any = None
        self._opening = threading.Lock()

    def __call__(self, texts: Sequence[str]) -> list[tuple[Ids, Vectors]]:
        """Return the tokens of each text: `(t,)` numbers and `(t, d) float32` vectors, special ones left out.

        Raises:
            ModelError: the encoder is missing or altered.
            StateError: its exported form cannot be kept.
        """
        if not texts:
            return []
        embedder = self._embedder()
        with self._opening:
            if self._tokenizer is None:
                folder = packaged_folder(PACKAGED[READS_WITH.model])
                self._tokenizer = load_tokenizer(folder / "tokenizer.json", embedder.max_tokens)
        numbers = [np.array(item.ids[1:-1], np.int64) for item in self._tokenizer.encode_batch_fast(list(texts))]
        return list(zip(numbers, embedder.embed(texts, with_tokens=True).tokens, strict=True))


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
        total = total + _product(padded[i : i + len(rows)], weight[:, :, i].T)
    return total


def _product(left: Vectors, right: Vectors) -> Vectors:
    """Multiply in pieces that BLAS does on one thread each: several wait for each other longer than they work."""
    rows = max(1, _ALONE // right.size)
    whole: Vectors = np.concatenate([left[i : i + rows] @ right for i in range(0, len(left), rows)])
    return whole


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
