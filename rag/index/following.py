"""Keyword weights of a corpus that several homes write to: each home counts for itself what the others added.

A catalogue and vectors on servers are shared, and the files of the keyword index lie in every home. What this home
lacks is computed from the catalogue's text when it is first needed, which takes the time of counting words.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import select

from rag.errors import StateError
from rag.index.bm25 import Bm25Index, Weights
from rag.index.postings import read_counts
from rag.settings import Bm25Settings
from rag.state.engine import reading
from rag.state.reader import SqlCatalogue
from rag.state.tables import chunks, generations
from rag.types import Generation

_BATCH = 500


class FollowingBm25Index(Bm25Index):
    """`rag.ports.KeywordIndex` in a folder, for chunks that may have been added from other homes."""

    def __init__(self, folder: Path, settings: Bm25Settings, index_id: int, catalogue: SqlCatalogue) -> None:
        super().__init__(folder, settings)
        self._index_id = index_id
        self._catalogue = catalogue

    def publish(self, generation: int, visible: Iterable[tuple[int, str]]) -> None:
        """Compute and store the weights of a generation, after counting what other homes added to it."""
        seen = list(visible)
        self._settle(generation)
        self._count_missing({pk for pk, _ in seen})
        super().publish(generation, seen)

    def _weights(self, generation: int) -> Weights:
        try:
            return super()._weights(generation)
        except StateError:
            self._follow(generation)
            return super()._weights(generation)

    def _follow(self, generation: int) -> None:
        """Compute the weights of a generation that another home made."""
        complete = generations.c.status.in_(("published", "held")) & (generations.c.index_id == self._index_id)
        with reading(self._catalogue.engine) as connection:
            row = connection.execute(select(generations).where(generations.c.id == generation, complete)).one_or_none()
        if row is None:
            return
        with self._alone():
            if not self._weights_folder(generation).is_dir():  # another process of this home was faster
                seen = Generation(row.id, row.corpus, row.index_id, row.settings)
                self.publish(generation, self._catalogue.each_visible(seen))

    def _count_missing(self, wanted: set[int]) -> None:
        missing = wanted - {pk for path in self._counted() for pk in read_counts(path).pks.tolist()}
        added = self._added(sorted(missing))
        for generation in sorted(set(added.values())):
            pks = self._of_generation(generation)
            self.recount(generation, self._texts(pks))

    def _added(self, pks: Sequence[int]) -> dict[int, int]:
        found: dict[int, int] = {}
        with reading(self._catalogue.engine) as connection:
            for i in range(0, len(pks), _BATCH):
                query = select(chunks.c.pk, chunks.c.added).where(chunks.c.pk.in_(pks[i : i + _BATCH]))
                found |= {row.pk: row.added for row in connection.execute(query)}
        return found

    def _of_generation(self, generation: int) -> list[int]:
        query = select(chunks.c.pk).where(chunks.c.index_id == self._index_id, chunks.c.added == generation)
        with reading(self._catalogue.engine) as connection:
            return list(connection.scalars(query.order_by(chunks.c.pk)))

    def _texts(self, pks: Sequence[int]) -> Iterator[tuple[list[int], list[str]]]:
        for i in range(0, len(pks), _BATCH):
            found = self._catalogue.chunks(pks[i : i + _BATCH])
            yield list(found), [chunk.indexed_text for chunk in found.values()]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._folder / "follow.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)
