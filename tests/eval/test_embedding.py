"""Texts embedded while their reader does something else."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import closing

import numpy as np
import pytest

from eval.embedding import EmbeddedAhead
from rag.errors import ModelError
from rag.ports import Embeddings


class Counting:
    """An embedder whose vector of a text is its length, and that remembers what it was asked."""

    name, dim, max_tokens = "counting", 1, 8

    def __init__(self, fails_on: str | None = None, waits_for: threading.Event | None = None) -> None:
        self.asked: list[str] = []
        self._fails_on, self._waits_for = fails_on, waits_for

    def embed(self, texts: Sequence[str], *, with_tokens: bool = False) -> Embeddings:
        if self._waits_for is not None:
            assert self._waits_for.wait(10)
        self.asked += texts
        if self._fails_on in texts:
            raise ModelError("it broke")
        return Embeddings(np.array([[float(len(text))] for text in texts], np.float32))


def test_each_text_is_embedded_once_and_found_by_itself() -> None:
    texts = ["x" * (i % 150) for i in range(300)]
    model = Counting()
    with closing(EmbeddedAhead(model, texts)) as ahead:
        assert [float(ahead.vector(text)[0]) for text in reversed(texts)] == [len(text) for text in reversed(texts)]
        assert float(ahead.vector("never announced")[0]) == 15
    assert sorted(model.asked) == sorted({*texts, "never announced"})


def test_a_failure_is_raised_where_its_vector_is_wanted_and_nowhere_else() -> None:
    texts = [f"{i}" for i in range(200)]
    with closing(EmbeddedAhead(Counting(fails_on="0"), texts)) as ahead:
        with pytest.raises(ModelError, match="it broke"):
            ahead.vector("0")
        assert [ahead.vector(text).tolist() for text in ("1", "63", "64")] == [[1.0], [2.0], [2.0]]


def test_closing_drops_what_has_not_begun() -> None:
    going_on = threading.Event()
    model = Counting(waits_for=going_on)
    with closing(EmbeddedAhead(model, [f"{i}" for i in range(1000)])):
        going_on.set()
    assert len(model.asked) < 1000
