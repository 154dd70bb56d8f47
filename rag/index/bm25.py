"""BM25 over memory-mapped files: term counts once per chunk, weights once per generation.

`rank_bm25.BM25Okapi` defines the scores (its idf, its floor for negative idf, its average length); here they are
computed for a whole generation at once and stored as a sparse matrix, so that a query only adds up columns.

    bm25/counts/GENERATION/          what a generation added: a CSR matrix of counts, one row per chunk
    bm25/parts/GENERATION/N/         the same, while the generation is being built
    bm25/weights/GENERATION/         what a generation sees: a CSC matrix of weights, rows sorted by chunk_id

Terms are stored as 64-bit hashes. Two of a million terms collide with a probability of 3e-8, and in return a
vocabulary opens at once and is merged and searched by numpy.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections import Counter, OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.errors import StateError
from rag.index.arrays import read_arrays, remove_folder, settle_replaced, write_arrays
from rag.index.okapi import Counts
from rag.index.postings import join_counts, keep_counts, read_counts, write_weights
from rag.index.terms import Analyzer
from rag.settings import Bm25Settings
from rag.types import Candidate

_OPEN_GENERATIONS = 4
_MAX_CACHED_HASHES = 400_000
_BATCH = 10_000


@dataclass(frozen=True, slots=True)
class Weights:
    """The weights of one generation: column `i` holds `values[starts[i]:starts[i + 1]]` at `rows[...]`."""

    pks: NDArray[np.int64]
    vocabulary: NDArray[np.uint64]
    starts: NDArray[np.int64]
    rows: NDArray[np.int32]
    values: NDArray[np.float32]

    def rows_with(self, term: int) -> NDArray[np.int32]:
        """Return the rows that hold a term, by its hash."""
        column = int(np.searchsorted(self.vocabulary, np.uint64(term)))
        if column == len(self.vocabulary) or int(self.vocabulary[column]) != term:
            return self.rows[:0]
        return self.rows[self.starts[column] : self.starts[column + 1]]

    def scores(self, terms: Mapping[int, float]) -> NDArray[np.float64]:
        """Return the score of every row for query terms (hash -> how often the query has it, or another weight)."""
        scores = np.zeros(len(self.pks))
        wanted = np.fromiter(terms, np.uint64, len(terms))
        columns = np.searchsorted(self.vocabulary, wanted)
        for column, (term, times) in zip(columns, terms.items(), strict=True):
            if column < len(self.vocabulary) and int(self.vocabulary[column]) == term:
                part = slice(self.starts[column], self.starts[column + 1])
                scores[self.rows[part]] += times * self.values[part].astype(np.float64)
        return scores


class Bm25Index:
    """`rag.ports.KeywordIndex` in a folder; any number of processes may read while one writes."""

    def __init__(self, folder: Path, settings: Bm25Settings) -> None:
        self._folder = folder
        self._settings = settings
        self._analyzer = Analyzer(settings)
        self._hashes: dict[str, int] = {}
        self._next_part: dict[int, int] = {}
        self._opened: OrderedDict[int, Weights] = OrderedDict()
        self._opening = threading.Lock()

    def add(self, generation: int, pks: Sequence[int], texts: Sequence[str]) -> None:
        """Append the term counts of chunks that the generation adds (several calls add up).

        Raises:
            StateError: the disk is full or read-only.
        """
        if len(pks) != len(texts):
            raise ValueError(f"{len(pks)} pks for {len(texts)} texts")
        if not pks:
            return
        parts = self._folder / "parts" / str(generation)
        if generation not in self._next_part:  # what another process began goes on
            self._next_part[generation] = len(_numbered(parts))
        number = self._next_part[generation]
        write_arrays(parts / str(number), self._count(pks, texts).arrays(), durable=False)
        self._next_part[generation] = number + 1

    def publish(self, generation: int, visible: Iterable[tuple[int, str]]) -> None:
        """Compute and store the weights of a generation. `visible` is every `(pk, chunk_id)` it sees.

        Raises:
            StateError: a visible chunk was never added, or the disk is full or read-only.
        """
        settle_replaced(self._folder / "counts")
        self._settle(generation)
        pks = _by_chunk_id(visible)
        try:
            write_weights(self._all_counts(), pks, self._settings, self._weights_folder(generation))
        except KeyError as error:
            raise StateError(
                f"the keyword index has no terms of chunk {error.args[0]}; mend it with: ragwright doctor --repair"
            ) from error
        with self._opening:
            self._opened.pop(generation, None)

    def search(
        self,
        text: str,
        top_k: int,
        generation: int,
        allowed: frozenset[int] | None = None,
        extra: Mapping[str, float] | None = None,
    ) -> list[Candidate]:
        """Return up to `top_k` chunks with a score above 0, best first, ties by chunk_id.

        Raises:
            StateError: the generation's weights are missing or damaged.
        """
        weights = self._weights(generation)
        wanted: dict[int, float] = dict(Counter(self._hash(term) for term in self.terms(text)))
        for term, weight in (extra or {}).items():
            wanted[self._hash(term)] = wanted.get(self._hash(term), 0.0) + weight
        scores = weights.scores(wanted)
        if allowed is not None:
            permitted = np.fromiter(allowed, np.int64, len(allowed))
            scores[~np.isin(weights.pks, permitted)] = 0.0
        return [Candidate(int(weights.pks[row]), float(scores[row])) for row in best_rows(scores, top_k)]

    def terms(self, text: str) -> list[str]:
        """Return the terms of a text as they are indexed, in reading order, repeated as often as they occur."""
        return self._analyzer.terms(text)

    def held(self, terms: Collection[str], generation: int, allowed: frozenset[int] | None = None) -> frozenset[str]:
        """Return those of the terms that any chunk holds, of those with a pk in `allowed` if that is given.

        A score does not tell: a term that half of the chunks hold, or one of two, may weigh 0 or less.

        Raises:
            StateError: the generation's weights are missing or damaged.
        """
        weights = self._weights(generation)
        rows = {term: weights.rows_with(self._hash(term)) for term in terms}
        if allowed is None:
            return frozenset(term for term, found in rows.items() if len(found))
        permitted = np.fromiter(allowed, np.int64, len(allowed))
        return frozenset(term for term, found in rows.items() if np.isin(weights.pks[found], permitted).any())

    def count(self, generation: int) -> int:
        """Return how many chunks the generation's weights cover."""
        return len(self._weights(generation).pks)

    def discard(self, generation: int) -> None:
        """Remove what `add` and `publish` stored for a generation."""
        self.retire(generation)
        self._remove_parts(generation)
        remove_folder(self._folder / "counts" / str(generation))

    def retire(self, generation: int) -> None:
        """Remove the weights of a generation that nobody reads any more; the counts of its chunks stay."""
        with self._opening:
            self._opened.pop(generation, None)
        remove_folder(self._weights_folder(generation))

    def pks(self, generation: int) -> frozenset[int]:
        """Return the chunks that the generation's weights cover.

        Raises:
            StateError: the weights are missing or damaged.
        """
        with self._opening:  # what is open may be older than what is stored
            self._opened.pop(generation, None)
        return frozenset(self._weights(generation).pks.tolist())

    def recount(self, generation: int, rows: Iterable[tuple[Sequence[int], Sequence[str]]]) -> None:
        """Count the terms of all chunks that the generation added anew, in place of what is stored.

        Raises:
            StateError: the disk is full or read-only.
        """
        self._remove_parts(generation)
        for pks, texts in rows:
            self.add(generation, pks, texts)
        self._settle(generation)

    def compact(self, generations: Collection[int], pks: Collection[int]) -> None:
        """Rewrite what is stored without the weights of other generations and the counts of other chunks.

        Raises:
            StateError: the disk is full or read-only.
        """
        for name in ("counts", "weights"):
            settle_replaced(self._folder / name)
            for unfinished in (self._folder / name).glob("*.new"):
                shutil.rmtree(unfinished, ignore_errors=True)
        remove_folder(self._folder / "parts")
        self._next_part.clear()
        for path in _numbered(self._folder / "weights"):
            if int(path.name) not in generations:
                self.retire(int(path.name))
        kept = np.fromiter(pks, np.int64, len(pks))
        for path in _numbered(self._folder / "counts"):
            _keep_only(path, kept)

    def _count(self, pks: Sequence[int], texts: Sequence[str]) -> Counts:
        known = self._hashes
        rows = [Counter([known.get(term) or self._hash(term) for term in self._analyzer.terms(text)]) for text in texts]
        starts = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(row) for row in rows], out=starts[1:])
        hashes = np.fromiter((term for row in rows for term in row), np.uint64, starts[-1])
        vocabulary, terms = np.unique(hashes, return_inverse=True)
        return Counts(
            pks=np.fromiter(pks, np.int64, len(rows)),
            lengths=np.fromiter((row.total() for row in rows), np.int32, len(rows)),
            starts=starts,
            terms=terms.astype(np.int32),
            counts=np.fromiter((count for row in rows for count in row.values()), np.int32, starts[-1]),
            vocabulary=vocabulary,
        )

    def _hash(self, term: str) -> int:
        known = self._hashes.get(term)
        if known is None:
            known = int.from_bytes(hashlib.blake2b(term.encode(), digest_size=8).digest(), "little")
            if len(self._hashes) >= _MAX_CACHED_HASHES:
                self._hashes.clear()
            self._hashes[term] = known
        return known

    def _settle(self, generation: int) -> None:
        """Turn the parts of a generation into its one durable set of counts."""
        folder = self._folder / "parts" / str(generation)
        parts = _numbered(folder)
        if parts:
            join_counts(parts, self._folder / "counts" / str(generation))
            self._remove_parts(generation)

    def _remove_parts(self, generation: int) -> None:
        remove_folder(self._folder / "parts" / str(generation))
        self._next_part.pop(generation, None)

    def _counted(self) -> list[Path]:
        return _numbered(self._folder / "counts")

    def _all_counts(self) -> list[Counts]:
        return [read_counts(path) for path in self._counted()]

    def _weights(self, generation: int) -> Weights:
        with self._opening:
            if generation in self._opened:
                self._opened.move_to_end(generation)
                return self._opened[generation]
            try:
                weights = Weights(**read_arrays(self._weights_folder(generation)))
            except (FileNotFoundError, TypeError) as error:
                raise StateError(
                    f"the keyword index has no weights of generation {generation};"
                    " mend it with: ragwright doctor --repair"
                ) from error
            self._opened[generation] = weights
            if len(self._opened) > _OPEN_GENERATIONS:
                self._opened.popitem(last=False)
            return weights

    def _weights_folder(self, generation: int) -> Path:
        return self._folder / "weights" / str(generation)


def best_rows(scores: NDArray[np.float64], top_k: int) -> NDArray[np.int64]:
    """Return the `top_k` rows with the highest scores above 0, best first; equal scores come by row."""
    rows = np.flatnonzero(scores > 0)
    if len(rows) > top_k:
        # Everything above the last score that gets in, then the first rows that have exactly it.
        last = np.partition(scores[rows], len(rows) - top_k)[len(rows) - top_k]
        above = rows[scores[rows] > last]
        rows = np.concatenate([above, rows[scores[rows] == last][: top_k - len(above)]])
    return rows[np.lexsort((rows, -scores[rows]))]


def _keep_only(path: Path, pks: NDArray[np.int64]) -> None:
    try:
        kept = keep_counts(read_counts(path), pks, path)
    except StateError:
        kept = False
    if not kept:
        remove_folder(path)


def _by_chunk_id(visible: Iterable[tuple[int, str]]) -> NDArray[np.int64]:
    """Return the pks by chunk_id, and by themselves where that is the same; 24 bytes a chunk are held."""
    pks, ids, rows = [np.zeros(0, np.int64)], [np.zeros(0, "S1")], iter(visible)
    while batch := list(islice(rows, _BATCH)):
        pks.append(np.array([pk for pk, _ in batch], np.int64))
        ids.append(np.array([chunk_id.encode("utf-8") for _, chunk_id in batch]))
    found = np.concatenate(pks)
    return found[np.lexsort((found, np.concatenate(ids)))]


def _numbered(folder: Path) -> list[Path]:
    """Return the sub-folders named by a number, in that order."""

    def finished() -> Iterator[Path]:
        if folder.is_dir():
            yield from (path for path in folder.iterdir() if path.name.isdigit())

    return sorted(finished(), key=lambda path: int(path.name))
