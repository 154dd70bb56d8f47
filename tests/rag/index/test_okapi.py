import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rank_bm25 import BM25Okapi

from rag.index.okapi import Counts, Okapi, blocks, distinct, joined
from rag.settings import Bm25Settings


def test_weights_are_those_of_rank_bm25() -> None:
    texts = [["oil", "oil", "pump"], ["oil"], ["oil", "key", "key"], ["ferry", "pump"]]
    terms = ["ferry", "key", "oil", "pump"]
    frequency = np.array([sum(term in text for text in texts) for term in terms])
    okapi = Okapi.of(frequency, np.array([len(text) for text in texts]), Bm25Settings())
    oracle = BM25Okapi(texts)
    for column, term in enumerate(terms):
        expected = oracle.get_scores([term])
        for row, text in enumerate(texts):
            if term in text:
                found = okapi.weights(np.array([column]), np.array([row]), np.array([text.count(term)]))
                assert found[0] == pytest.approx(expected[row], abs=1e-6)


def test_a_generation_without_chunks_has_no_weights() -> None:
    okapi = Okapi.of(np.zeros(0, np.int64), np.zeros(0, np.int64), Bm25Settings())
    assert len(okapi.idf) == len(okapi.penalty) == 0


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.integers(1, 12))
def test_blocks_cover_every_row_once_in_order(sizes: list[int], size: int) -> None:
    starts = np.concatenate([[0], np.cumsum(sizes)])
    if not starts[-1]:
        return
    found = list(blocks(starts, size))
    assert [row for first, last in found for row in range(first, last)] == list(range(found[0][0], len(sizes)))
    assert starts[found[0][0]] == 0
    assert all(starts[last] - starts[first] <= size + max(sizes) for first, last in found)


@given(st.lists(st.lists(st.integers(0, 2**64 - 1), max_size=8), max_size=5))
def test_joined_vocabularies_hold_every_term_once_sorted(vocabularies: list[list[int]]) -> None:
    found = joined([np.array(sorted(set(each)), np.uint64) for each in vocabularies])
    assert [int(term) for term in found] == sorted({term for each in vocabularies for term in each})


def test_distinct_values_of_a_sorted_array() -> None:
    assert distinct(np.array([1, 1, 2, 5, 5])).tolist() == [1, 2, 5]
    assert distinct(np.zeros(0, np.int64)).tolist() == []


def test_counts_name_their_arrays_and_where_rows_stand() -> None:
    counts = Counts(*(np.array(values) for values in ([7, 9], [3, 1], [0, 2, 3], [0, 1, 0], [2, 1, 1], [4, 6])))
    assert list(counts.arrays()) == ["pks", "lengths", "starts", "terms", "counts", "vocabulary"]
    assert counts.entries(0, 1) == slice(0, 2) and counts.entries(1, 2) == slice(2, 3)
