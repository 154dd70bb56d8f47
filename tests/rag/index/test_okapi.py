"""Weights are computed block by block, of rows and of entries; where the blocks end makes no difference."""

import numpy as np
import pytest

from rag.index.okapi import Counts, okapi_weights
from rag.settings import Bm25Settings


def counts(chunks: int, vocabulary: int) -> Counts:
    rng = np.random.default_rng(chunks)
    rows = [np.unique(rng.integers(0, vocabulary, 12)).astype(np.int32) for _ in range(chunks)]
    starts = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    terms = np.concatenate([np.zeros(0, np.int32), *rows])
    return Counts(
        pks=np.arange(chunks),
        lengths=rng.integers(1, 40, chunks).astype(np.int32),
        starts=starts,
        terms=terms,
        counts=rng.integers(1, 4, len(terms)).astype(np.int32),
        vocabulary=np.arange(vocabulary, dtype=np.uint64),
    )


@pytest.mark.parametrize("chunks", [0, 1, 60])
@pytest.mark.parametrize("block", [1, 7, 100])
def test_blocks_do_not_change_the_weights(monkeypatch: pytest.MonkeyPatch, chunks: int, block: int) -> None:
    stored = counts(chunks, 30)
    whole = okapi_weights(stored, Bm25Settings())
    monkeypatch.setattr("rag.index.okapi._BLOCK", block)
    cut = okapi_weights(stored, Bm25Settings())
    assert np.array_equal(whole.values, cut.values) and np.array_equal(whole.rows, cut.rows)
    assert len(whole.values) == len(stored.terms) and np.isfinite(whole.values).all()


@pytest.mark.parametrize("block", [1, 7, 100])
def test_chosen_rows_stand_in_their_order_whatever_the_blocks(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    stored = counts(60, 30)
    monkeypatch.setattr("rag.index.okapi._ROWS", block)
    rows = stored.places(np.array([5, 59, 0, 17]))
    starts, numbers, found = stored.columns(rows)
    whole = stored.matrix()[rows].tocsc()
    assert np.array_equal(starts, whole.indptr)
    assert np.array_equal(numbers, whole.indices) and np.array_equal(found, whole.data)
