"""BM25 Okapi arithmetic on sparse matrices of term counts. Pure: arrays in, arrays out.

Scores are those of `rank_bm25.BM25Okapi` (https://github.com/dorianbrown/rank_bm25), the ATIRE variant of
Trotman et al., "Improvements to BM25 and Language Models Examined" (2014).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from rag.index.arrays import Arrays
from rag.settings import Bm25Settings

_BLOCK = 2**18  # entries, and rows below: what is computed at once, beside what is stored
_ROWS = 2**13


@dataclass(frozen=True, slots=True)
class Counts:
    """Term counts of chunks, a CSR matrix: row `i` has `terms[starts[i]:starts[i + 1]]`, positions in `vocabulary`.

    `lengths[i]` is the number of terms of the chunk, repeats included; `vocabulary` is sorted.
    """

    pks: NDArray[np.int64]
    lengths: NDArray[np.int32]
    starts: NDArray[np.int64]
    terms: NDArray[np.int32]
    counts: NDArray[np.int32]
    vocabulary: NDArray[np.uint64]

    def arrays(self) -> Arrays:
        """Return the fields by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def matrix(self) -> sparse.csr_array:
        """Return the `(chunks, vocabulary)` matrix of counts."""
        shape = (len(self.pks), len(self.vocabulary))
        # scipy computes with the wider of the two index types, at half the speed for 64 bits.
        starts = self.starts if self.starts[-1] > np.iinfo(np.int32).max else self.starts.astype(np.int32)
        return sparse.csr_array((self.counts, self.terms, starts), shape=shape)

    def places(self, pks: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the row number of each of `pks`; of a pk that was added twice the later row counts.

        Raises:
            KeyError: there is no row of the named pk.
        """
        order = np.argsort(self.pks, kind="stable")
        place = np.searchsorted(self.pks[order], pks, side="right") - 1
        rows: NDArray[np.int64] = order[place] if len(order) else np.zeros(0, np.int64)
        missing = pks[(place < 0) | (self.pks[rows] != pks)] if len(order) else pks
        if len(missing):
            raise KeyError(int(missing[0]))
        return rows

    def columns(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
        """Return the matrix of the chosen rows, in their order, as a CSC matrix: starts, row numbers and counts.

        It is filled from a few rows at a time, so that there is never a second copy of it.
        """
        matrix = self.matrix()
        blocks = [rows[first : first + _ROWS] for first in range(0, len(rows), _ROWS)]
        frequency = np.zeros(len(self.vocabulary), np.int64)
        for block in blocks:
            frequency += np.bincount(matrix[block].indices, minlength=len(frequency))
        starts = np.concatenate([[0], np.cumsum(frequency)])
        numbers, counts = np.empty(starts[-1], np.int32), np.empty(starts[-1], np.int32)
        free = starts[:-1].copy()  # where each column goes on
        for number, block in enumerate(blocks):
            part = matrix[block].tocsc()
            sizes = np.diff(part.indptr)
            places = np.repeat(free - part.indptr[:-1], sizes) + np.arange(part.nnz)
            numbers[places], counts[places] = part.indices + number * _ROWS, part.data
            free += sizes
        return starts, numbers, counts

    def only(self, pks: NDArray[np.int64]) -> Counts:
        """Return the rows of those of `pks` that are here, once each, under the vocabulary that they use."""
        wanted = np.unique(self.pks[np.isin(self.pks, pks)])
        rows = self.places(wanted)
        kept = self.matrix()[rows]
        used, terms = np.unique(kept.indices, return_inverse=True)
        return Counts(
            pks=wanted,
            lengths=self.lengths[rows],
            starts=kept.indptr.astype(np.int64),
            terms=terms.astype(np.int32),
            counts=kept.data,
            vocabulary=np.asarray(self.vocabulary)[used],
        )


@dataclass(frozen=True, slots=True)
class Weights:
    """BM25 weights, a CSC matrix over the sorted `vocabulary` of the terms that occur."""

    vocabulary: NDArray[np.uint64]
    starts: NDArray[np.int64]
    rows: NDArray[np.int32]
    values: NDArray[np.float32]


def merge(sets: Sequence[Counts]) -> Counts:
    """Return the rows of all sets under one vocabulary, in order."""
    if len(sets) == 1:
        return sets[0]
    vocabulary = np.unique(np.concatenate([np.zeros(0, np.uint64), *(part.vocabulary for part in sets)]))
    offsets = np.cumsum([0, *(len(part.terms) for part in sets)])
    shifted = [part.starts[1:] + offset for part, offset in zip(sets, offsets, strict=False)]
    return Counts(
        pks=_joined(np.int64, [part.pks for part in sets]),
        lengths=_joined(np.int32, [part.lengths for part in sets]),
        starts=_joined(np.int64, [np.zeros(1, np.int64), *shifted]),
        terms=_joined(np.int32, [np.searchsorted(vocabulary, p.vocabulary).astype(np.int32)[p.terms] for p in sets]),
        counts=_joined(np.int32, [part.counts for part in sets]),
        vocabulary=vocabulary,
    )


def _joined(kind: type[Any], parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate([np.zeros(0, kind), *parts])


def okapi_weights(counts: Counts, settings: Bm25Settings, rows: NDArray[np.int64] | None = None) -> Weights:
    """Return what each term adds to each chunk's score: `idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * len / avg))`.

    `rows` are the chunks that exist, in the order of the result; None stands for all.
    """
    rows = np.arange(len(counts.pks)) if rows is None else rows
    starts, numbers, found = counts.columns(rows)
    lengths, chunks = counts.lengths[rows], len(rows)
    frequency = np.diff(starts)
    used = frequency > 0
    average = lengths.sum() / chunks if chunks else 0.0
    idf = np.zeros(len(used))
    idf[used] = _idf(frequency[used], chunks, settings.epsilon)
    penalty = settings.k1 * (1 - settings.b + settings.b * lengths / max(average, 1e-12))
    values = found.view(np.float32)  # in the place of the counts, which are read before they are written over
    for first, last in _column_blocks(starts):
        part = slice(starts[first], starts[last])
        tf = found[part].astype(np.float64)
        denominator = penalty[numbers[part]] + tf
        values[part] = np.repeat(idf[first:last] * (settings.k1 + 1), frequency[first:last]) * tf / denominator
    return Weights(counts.vocabulary[used], np.concatenate([[0], np.cumsum(frequency[used])]), numbers, values)


def _column_blocks(indptr: NDArray[np.integer]) -> Iterator[tuple[int, int]]:
    """Yield ranges of columns of about `_BLOCK` entries: all at once, doubles would take twice what is stored."""
    bounds = np.unique(np.searchsorted(indptr, np.arange(0, indptr[-1], _BLOCK)))
    yield from pairwise([*bounds.tolist(), len(indptr) - 1])


def _idf(frequency: NDArray[np.integer], chunks: int, epsilon: float) -> NDArray[np.float64]:
    # A term in more than half of the chunks has a negative idf; rank_bm25 gives it a share of the average instead.
    idf: NDArray[np.float64] = np.log(chunks - frequency + 0.5) - np.log(frequency + 0.5)
    if len(idf):
        idf[idf < 0] = epsilon * idf.mean()
    return idf
