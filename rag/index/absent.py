"""A shard that was never made, or is lost: it holds nothing, and asking it makes nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag.conditions import Filter
from rag.index.points import check_dim
from rag.ports import Point
from rag.types import Candidate


class AbsentIndex:
    """`rag.ports.VectorIndex` without points; whoever upserts makes the shard first."""

    def __init__(self, dim: int) -> None:
        self._dim = dim

    def upsert(self, points: Sequence[Point]) -> None:
        """Refuse: this index cannot hold anything."""
        raise TypeError("a shard must be made before it is written to")

    def set_removed(self, pks: Sequence[int], generation: int) -> None:
        """Ignore the pks: all are unknown."""

    def delete(self, pks: Sequence[int]) -> None:
        """Ignore the pks: all are unknown."""

    def search(
        self, vector: NDArray[np.float32], top_k: int, generation: int, filter: Filter, exact: bool = False
    ) -> list[Candidate]:
        """Return nothing."""
        check_dim(vector, self._dim)
        return []

    def count(self, generation: int) -> int:
        """Return 0."""
        return 0

    def get(self, pks: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        """Return nothing."""
        return {}

    def marks(self, after: int, limit: int) -> list[tuple[int, int, int]]:
        """Return nothing."""
        return []

    def compact(self) -> None:
        """Do nothing."""

    def compact_step(self) -> bool:
        """Say that everything is rewritten."""
        return True

    def flush(self) -> None:
        """Do nothing."""
