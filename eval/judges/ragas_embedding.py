"""Vectors of single texts, for metrics that compare two of them."""

from __future__ import annotations

from collections.abc import Callable

from rag.ports import Embedder
from rag.types import Vectors


def one_at_a_time(embedder: Embedder) -> Callable[[str], Vectors]:
    """Return what embeds one text by itself, `(d,) float32`."""

    def vector(text: str) -> Vectors:
        found: Vectors = embedder.embed([text]).vectors[0]
        return found

    return vector
