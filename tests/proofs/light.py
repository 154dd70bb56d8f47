"""An embedder that costs nothing: every word has a fixed direction. Registered in place of the default model.

It imports little, because worker processes load this module for its tokenizer.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

DIM = 32
_TOKEN = re.compile(r"\w+|[^\w\s]")


class LightTokenizer:
    """A token is a run of word characters or one other mark."""

    name = "light-words"

    def count(self, text: str) -> int:
        return len(_TOKEN.findall(text))

    def offsets(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in _TOKEN.finditer(text)]


class LightEmbedder:
    """A text's vector is the normalised sum of its words' directions; `crash_at` makes the n-th next call raise."""

    name, dim, max_tokens = "light", DIM, 256

    def __init__(self) -> None:
        self.tokenizer = LightTokenizer()
        self._known: dict[str, NDArray[np.float32]] = {}

    def embed(self, texts: Sequence[str], *, with_tokens: bool = False) -> Any:
        from rag.ports import Embeddings

        tokens = [self._tokens(text) for text in texts]
        vectors = np.array([_unit(rows.sum(0)) for rows in tokens], np.float32).reshape(len(texts), DIM)
        return Embeddings(vectors, tuple(tokens) if with_tokens else ())

    def _tokens(self, text: str) -> NDArray[np.float32]:
        rows = [self._direction(word.lower()) for word in _TOKEN.findall(text)[: self.max_tokens]]
        return np.array(rows, np.float32).reshape(len(rows), DIM)

    def _direction(self, word: str) -> NDArray[np.float32]:
        if word not in self._known:
            digest = hashlib.blake2b(word.encode(), digest_size=DIM).digest()
            self._known[word] = _unit(np.frombuffer(digest, np.uint8).astype(np.float32) - 127.5)
        return self._known[word]


def use_light_embedder(embedders: MutableMapping[str, Any]) -> None:
    """Put it where the default embedder stands in `rag.models.embedders.EMBEDDERS`."""

    def make(settings: object, cache: Path) -> LightEmbedder:
        return LightEmbedder()

    embedders["onnx-int8"] = make


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    norm = float(np.linalg.norm(vector))
    return vector / norm if norm else np.full(DIM, DIM**-0.5, np.float32)
