"""Embeddings that are stored already: a chunk of the same text under the same model gives its vectors away.

Any index of the catalogue may be the donor, whichever corpus it belongs to and whether a reader sees the chunk or not:
an older version, a duplicate, another chunker's index, or what a run wrote before it was killed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.errors import RagwrightError
from rag.ports import Index
from rag.state.reader import SqlCatalogue

_OTHER_INDEXES = 8
_NORM_SLACK = 1e-2

Place = tuple[int, int]
"""Where a chunk is stored: index id and pk."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The vectors of a text: its own `(d,) float32` and its tokens' as `TokenVectors.packed` returns them."""

    vector: NDArray[np.float32]
    tokens: NDArray[np.uint8]


class StoredEmbeddings:
    """Looks up donors for the chunks of one index; an index that cannot be read is asked no more in this run."""

    def __init__(
        self,
        catalogue: SqlCatalogue,
        indexes: Callable[[int], Index],
        dim: int,
        target: int | None,
        others: Iterable[int] = (),
    ) -> None:
        """`others` are the ids of further indexes that the target's model embedded, the best donors first.

        `target` is None where a run is only tried and its index is not there yet. The vectors have `dim` numbers.
        """
        self._catalogue = catalogue
        self._open = indexes
        self._dim = dim
        own = [] if target is None else [target]
        self._donors = [*own, *[x for x in others if x != target][:_OTHER_INDEXES]]

    def places(self, hashes: Sequence[str]) -> dict[str, list[Place]]:
        """Return where chunks with these text hashes are stored, the likeliest donors first."""
        found = self._catalogue.same_texts(self._donors, hashes)
        rank = {index_id: i for i, index_id in enumerate(self._donors)}
        return {text: sorted(places, key=lambda place: rank[place[0]]) for text, places in found.items()}

    def fetch(self, places: Mapping[str, Sequence[Place]]) -> dict[str, Stored]:
        """Return the vectors of each text whose donors hold both kinds, whole."""
        found: dict[str, Stored] = {}
        for i in range(max((len(options) for options in places.values()), default=0)):
            wanted: dict[int, dict[str, int]] = {}
            for text, options in places.items():
                if text not in found and i < len(options):
                    wanted.setdefault(options[i][0], {})[text] = options[i][1]
            for index_id, pks in wanted.items():
                found |= self._read(index_id, pks)
        return found

    def _read(self, index_id: int, wanted: Mapping[str, int]) -> dict[str, Stored]:
        if index_id not in self._donors:
            return {}
        try:
            index = self._open(index_id)
            vectors = index.vectors.get(list(wanted.values()))
            tokens = index.token_vectors.packed(list(vectors))
        except (RagwrightError, OSError):
            # Another corpus may be vacuumed meanwhile, and embedding the text again is always right.
            self._donors.remove(index_id)
            return {}
        pairs = {text: Stored(vectors[pk], tokens[pk]) for text, pk in wanted.items() if pk in vectors and pk in tokens}
        return {text: stored for text, stored in pairs.items() if _whole(stored, self._dim)}


def _whole(stored: Stored, dim: int) -> bool:
    """Say whether vectors are what was written, not what a crash of the machine left: holes in a file read as zeros."""
    if stored.vector.shape != (dim,) or not abs(float(stored.vector @ stored.vector) - 1.0) < _NORM_SLACK:
        return False
    return len(stored.tokens) > 0 and bool(stored.tokens.any(axis=1).all())
