"""Term counts and BM25 weights from disk to disk, in memory that does not grow with the entries of the matrices.

A generation's weights are a CSC matrix, and its counts are stored by row: turning one into the other is a sort of
every entry. Entries are weighed in the order in which they are stored and put into buckets, files of some columns
each; then every bucket is sorted in memory, and the buckets stand one behind the other. What grows with the corpus is a
few numbers a chunk and a term.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from rag.errors import StateError
from rag.index.arrays import growing_arrays, read_arrays, writing_to
from rag.index.okapi import Counts, Okapi, blocks, distinct, joined
from rag.settings import Bm25Settings

_BLOCK = 2**19  # entries that are weighed at once
_BUCKET = 2**21  # entries that are sorted at once, if that makes no more than so many buckets:
_MAX_BUCKETS = 256
_Scalar = TypeVar("_Scalar", bound=np.generic)
_ENTRY = np.dtype([("term", "<i4"), ("row", "<i4"), ("value", "<f4")])


def read_counts(path: Path) -> Counts:
    """Map a set of counts.

    Raises:
        StateError: its files are missing, damaged or do not fit.
    """
    try:
        counts = Counts(**read_arrays(path))
    except (FileNotFoundError, TypeError) as error:
        raise StateError(f"{path} is damaged ({error}); mend it with: ragwright doctor --repair") from error
    if not (len(counts.starts) == len(counts.pks) + 1 and counts.starts[-1] == len(counts.terms) == len(counts.counts)):
        raise StateError(f"{path} is damaged (its files do not fit); mend it with: ragwright doctor --repair")
    return counts


def join_counts(parts: Sequence[Path], folder: Path) -> None:
    """Store the rows of all parts, in order, as one durable set under one vocabulary.

    Raises:
        StateError: the disk is full or read-only.
    """
    vocabulary = joined(read_counts(path).vocabulary for path in parts)
    with growing_arrays(folder) as made:
        made.append("vocabulary", vocabulary)
        made.append("starts", np.zeros(1, np.int64))
        entries = 0
        for path in parts:  # mapped one by one: the system maps 65,530 files in a process, and each part has six
            part = read_counts(path)
            made.append("pks", part.pks)
            made.append("lengths", part.lengths)
            made.append("starts", part.starts[1:] + entries)
            made.append("terms", _places(vocabulary, part)[part.terms])
            made.append("counts", part.counts)
            entries += len(part.terms)


def keep_counts(counts: Counts, pks: NDArray[np.int64], folder: Path) -> bool:
    """Store those rows of a set in `folder` whose pk is among `pks`, under the vocabulary that they use.

    Of a pk that was added twice the later row is kept. A set that has to lose nothing is not written; returns whether
    any row is left.
    """
    kept = _later_rows(counts, pks)
    seen = np.zeros(len(counts.vocabulary), np.bool_)
    for entries, rows in _runs(counts):
        seen[counts.terms[entries][_spread(kept, counts, rows)]] = True
    if not kept.any() or (kept.all() and seen.all()):
        return bool(kept.any())
    place = np.cumsum(seen, dtype=np.int32) - 1
    with growing_arrays(folder) as made:
        made.append("vocabulary", counts.vocabulary[seen])
        made.append("pks", counts.pks[kept])
        made.append("lengths", counts.lengths[kept])
        made.append("starts", np.concatenate([[0], np.cumsum(np.diff(counts.starts)[kept])]).astype(np.int64))
        for entries, rows in _runs(counts):
            mask = _spread(kept, counts, rows)
            made.append("terms", place[counts.terms[entries][mask]].astype(np.int32))
            made.append("counts", counts.counts[entries][mask])
        for name in ("terms", "counts"):
            made.append(name, np.zeros(0, np.int32))
    return True


def write_weights(sets: Sequence[Counts], pks: NDArray[np.int64], settings: Bm25Settings, folder: Path) -> None:
    """Store the weights of the chunks `pks`, in their order, as `pks, vocabulary, starts, rows, values`.

    Raises:
        KeyError: no set has a row of the named pk.
        StateError: the disk is full or read-only.
    """
    vocabulary = joined(part.vocabulary for part in sets)
    ranked = zip(sets, _ranks(sets, pks), strict=True)
    shown = [_Shown(part, ranks, _places(vocabulary, part)) for part, ranks in ranked]
    frequency = np.zeros(len(vocabulary), np.int64)
    lengths = np.zeros(len(pks), np.int32)
    for part in shown:
        part.tell(frequency, lengths)
    used = frequency > 0
    column = np.cumsum(used, dtype=np.int32) - 1
    starts = np.concatenate([[0], np.cumsum(frequency[used])])
    okapi = Okapi.of(frequency[used], lengths, settings)
    del frequency, lengths
    with growing_arrays(folder) as made, _Buckets.of(starts, len(pks), made.scratch) as buckets:
        for part in shown:
            for terms, rows, counts in part.entries(column):
                buckets.take(terms, rows, okapi.weights(terms, rows, counts))
        made.append("pks", pks)
        made.append("vocabulary", vocabulary[used])
        made.append("starts", starts)
        for numbers, values in buckets.columns():
            made.append("rows", numbers)
            made.append("values", values)


@dataclass(frozen=True, slots=True)
class _Shown:
    """A set of counts with the row of the result for each of its rows, -1 for none, and its terms' places there."""

    counts: Counts
    ranks: NDArray[np.int32]
    places: NDArray[np.int32]

    def tell(self, frequency: NDArray[np.int64], lengths: NDArray[np.int32]) -> None:
        """Add in how many shown chunks each term is, and put their lengths in place."""
        found = np.zeros(len(self.places), np.int64)
        for entries, rows in _runs(self.counts):
            mask = _spread(self.ranks >= 0, self.counts, rows)
            found += np.bincount(self.counts.terms[entries][mask], minlength=len(found))
        frequency[self.places] += found
        lengths[self.ranks[self.ranks >= 0]] = self.counts.lengths[self.ranks >= 0]

    def entries(
        self, column: NDArray[np.int32]
    ) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]]:
        """Yield the entries of shown rows, some at a time: columns, rows of the result, counts."""
        columns = column[self.places]
        for entries, rows in _runs(self.counts):
            ranks = _spread(self.ranks, self.counts, rows)
            mask = ranks >= 0
            yield columns[self.counts.terms[entries][mask]], ranks[mask], self.counts.counts[entries][mask]


@dataclass(slots=True)
class _Buckets:
    """Entries by ranges of columns, in files; a single range stays in memory. Use it as a context: files go with it.

    `bounds` are the first columns of the ranges and the end of the last, `rows` is how many rows there are.
    """

    bounds: NDArray[np.int64]
    rows: int
    folder: Path
    _single: list[NDArray[np.void]] = field(default_factory=list)
    _files: list[BinaryIO] = field(default_factory=list)
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @classmethod
    def of(cls, starts: NDArray[np.int64], rows: int, folder: Path) -> _Buckets:
        """Return buckets for the columns that start there."""
        size = max(_BUCKET, int(starts[-1]) // _MAX_BUCKETS)
        ranges = list(blocks(starts, size)) or [(0, len(starts) - 1)]
        return cls(np.array([ranges[0][0], *(last for _, last in ranges)]), rows, folder)

    def __enter__(self) -> _Buckets:
        if len(self.bounds) > 2:
            with writing_to(self.folder):
                self.folder.mkdir()
                self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
                for number in range(len(self.bounds) - 1):
                    self._files.append(self._stack.enter_context(open(self.folder / f"{number}", "w+b", buffering=0)))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def take(self, terms: NDArray[np.int32], rows: NDArray[np.int32], values: NDArray[np.float32]) -> None:
        """Put entries into their buckets."""
        entries = np.empty(len(terms), _ENTRY)
        entries["term"], entries["row"], entries["value"] = terms, rows, values
        if not self._files:
            self._single.append(entries)
            return
        bucket = (np.searchsorted(self.bounds, terms, side="right") - 1).astype(np.uint16)
        ordered = entries[np.argsort(bucket, kind="stable")]
        ends = np.cumsum(np.bincount(bucket, minlength=len(self._files)))
        with writing_to(self.folder):
            for file, start, end in zip(self._files, [0, *ends[:-1].tolist()], ends.tolist(), strict=True):
                file.write(ordered[start:end].tobytes())

    def columns(self) -> Iterator[tuple[NDArray[np.int32], NDArray[np.float32]]]:
        """Yield the row numbers and values of all columns, a bucket at a time, rows ascending in each column."""
        for number, first in enumerate(self.bounds[:-1].tolist()):
            entries = self._entries(number)
            width = int(self.bounds[number + 1]) - first
            matrix = sparse.coo_array(
                (entries["value"], (entries["row"], entries["term"] - first)), shape=(self.rows, width)
            )
            del entries
            matrix.has_canonical_format = True  # no entry comes twice; looking for them would sort once more
            sorted_by_row = matrix.tocsr()
            del matrix
            columns = sorted_by_row.tocsc()
            yield columns.indices.astype(np.int32, copy=False), columns.data

    def _entries(self, number: int) -> NDArray[np.void]:
        if not self._files:
            single, self._single = self._single, []
            return np.concatenate([np.zeros(0, _ENTRY), *single])
        self._files[number].seek(0)
        return np.fromfile(self._files[number], _ENTRY)


def _ranks(sets: Sequence[Counts], pks: NDArray[np.int64]) -> list[NDArray[np.int32]]:
    """Return, for every row of every set, which of `pks` it stands for, -1 for none; later rows of a pk count."""
    order = np.argsort(pks)
    ascending = pks[order]
    offsets = np.cumsum([0, *(len(part.pks) for part in sets)])
    owner = np.full(len(pks), -1, np.int64)
    for part, offset in zip(sets, offsets.tolist(), strict=False):
        rows, places = _matches(ascending, part.pks)
        owner[order[places]] = offset + rows
    if (owner < 0).any():
        raise KeyError(int(pks[np.argmax(owner < 0)]))
    found = []
    for first, last in zip(offsets.tolist(), offsets[1:].tolist(), strict=False):
        mine = np.flatnonzero((owner >= first) & (owner < last))
        ranks = np.full(last - first, -1, np.int32)
        ranks[owner[mine] - first] = mine
        found.append(ranks)
    return found


def _later_rows(counts: Counts, pks: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which rows are the last of a pk that is among `pks`."""
    wanted = distinct(np.sort(pks))
    last = np.full(len(wanted), -1, np.int64)
    rows, places = _matches(wanted, counts.pks)
    last[places] = rows
    kept = np.zeros(len(counts.pks), np.bool_)
    kept[last[last >= 0]] = True
    return kept


def _matches(ascending: NDArray[np.int64], pks: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the places in `pks` of those that are in `ascending`, and where they are there."""
    if not len(ascending):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    places = np.searchsorted(ascending, pks).clip(max=len(ascending) - 1)
    rows = np.flatnonzero(ascending[places] == pks)
    return rows, places[rows]


def _places(vocabulary: NDArray[np.uint64], part: Counts) -> NDArray[np.int32]:
    return np.searchsorted(vocabulary, part.vocabulary).astype(np.int32)


def _runs(counts: Counts) -> Iterator[tuple[slice, slice]]:
    """Yield entries and their rows, some at a time."""
    for first, last in blocks(counts.starts, _BLOCK):
        yield counts.entries(first, last), slice(first, last)


def _spread(of_rows: NDArray[_Scalar], counts: Counts, rows: slice) -> NDArray[_Scalar]:
    """Return what is told of rows for each of their entries."""
    return np.repeat(of_rows[rows], np.diff(counts.starts[rows.start : rows.stop + 1]))
