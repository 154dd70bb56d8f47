"""BM25 Okapi arithmetic on sparse matrices of term counts. Pure: arrays in, arrays out.

Scores are those of `rank_bm25.BM25Okapi` (https://github.com/dorianbrown/rank_bm25), the ATIRE variant of
Trotman et al., "Improvements to BM25 and Language Models Examined" (2014).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from rag.index.arrays import Arrays
from rag.settings import Bm25Settings

_Number = TypeVar("_Number", bound=np.integer)
_JOINED = 2**21  # terms that are sorted at once


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

    def entries(self, first: int, last: int) -> slice:
        """Return where the entries of the rows `[first, last)` stand in `terms` and `counts`."""
        return slice(int(self.starts[first]), int(self.starts[last]))


@dataclass(frozen=True, slots=True)
class Okapi:
    """What weighs the counts of a generation: `idf` of its terms times `k1 + 1`, and `penalty` of its chunks."""

    idf: NDArray[np.float64]
    penalty: NDArray[np.float64]

    @classmethod
    def of(cls, frequency: NDArray[np.integer], lengths: NDArray[np.integer], settings: Bm25Settings) -> Okapi:
        """Return it for terms that occur in `frequency` chunks each, one or more, and chunks of `lengths` terms."""
        chunks = len(lengths)
        average = lengths.sum() / chunks if chunks else 0.0
        penalty = settings.k1 * (1 - settings.b + settings.b * lengths / max(average, 1e-12))
        return cls(_idf(frequency, chunks, settings.epsilon) * (settings.k1 + 1), penalty)

    def weights(
        self, terms: NDArray[np.integer], rows: NDArray[np.integer], counts: NDArray[np.integer]
    ) -> NDArray[np.float32]:
        """Return what each term adds to its chunk's score: `idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * l / avg))`.

        `terms` and `rows` are places in `idf` and `penalty`, `counts` how often the chunk has the term.
        """
        tf = counts.astype(np.float64)
        weights: NDArray[np.float64] = self.idf[terms] * tf / (self.penalty[rows] + tf)
        return weights.astype(np.float32)


def blocks(starts: NDArray[np.integer], size: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of rows, or columns, of about `size` entries: all at once would take several times their memory."""
    bounds = distinct(np.searchsorted(starts, np.arange(0, starts[-1], size)))
    yield from pairwise([*bounds.tolist(), len(starts) - 1])


def joined(vocabularies: Iterable[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    """Return the terms of all vocabularies, sorted, each once."""
    known, waiting, size = np.zeros(0, np.uint64), list[NDArray[np.uint64]](), 0
    for vocabulary in vocabularies:
        waiting.append(np.array(vocabulary))
        size += len(vocabulary)
        if size > _JOINED:
            known, waiting, size = distinct(np.sort(np.concatenate([known, *waiting]))), [], 0
    return distinct(np.sort(np.concatenate([known, *waiting])))


def distinct(ascending: NDArray[_Number]) -> NDArray[_Number]:
    """Return each of the sorted values once; `np.unique` hashes them first, which takes ten times as long."""
    first = np.ones(len(ascending), np.bool_)
    np.not_equal(ascending[1:], ascending[:-1], out=first[1:])
    return ascending[first]


def _idf(frequency: NDArray[np.integer], chunks: int, epsilon: float) -> NDArray[np.float64]:
    # A term in more than half of the chunks has a negative idf; rank_bm25 gives it a share of the average instead.
    idf: NDArray[np.float64] = np.log(chunks - frequency + 0.5) - np.log(frequency + 0.5)
    if len(idf):
        idf[idf < 0] = epsilon * idf.mean()
    return idf
