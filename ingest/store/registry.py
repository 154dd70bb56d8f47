"""The sources that a corpus remembers, and how many documents of the live generation each has.

Documents carry the id of their source, so that whose they are is a fact of their generation: a rollback brings back
what was, also a source that was removed meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, and_, delete, func, insert, select, update

from ingest.sources.named import UPLOAD, Source, SourceKey
from ingest.store.catalogue import Clock, utc_now
from rag.state.engine import reading, writing
from rag.state.reader import visible
from rag.state.tables import documents, failures, sources
from rag.types import Generation


@dataclass(frozen=True, slots=True)
class Remembered:
    """A source of a corpus. `documents` counts those of the live generation; `forgotten` ones were removed."""

    id: int
    location: str
    prefix: str
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    added_at: str
    refreshed_at: str
    forgotten: bool
    documents: int

    @property
    def key(self) -> SourceKey:
        """What tells it from others."""
        return SourceKey(self.location, self.prefix)

    @property
    def source(self) -> Source:
        """The source as an ingest names it."""
        return Source(self.key, self.location, self.include, self.exclude)

    @property
    def remembered(self) -> bool:
        """Say whether it is one of the corpus' sources: not removed, or a rollback brought its documents back."""
        return not self.forgotten or self.documents > 0

    @property
    def refreshable(self) -> bool:
        """Say whether an ingest without a source reads it: what is uploaded cannot be read again."""
        return self.remembered and self.location != UPLOAD


class Registry:
    """The sources of one corpus; hold its ingest lock while you change them."""

    def __init__(self, engine: Engine, corpus: str, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._corpus = corpus
        self._clock = clock

    def known(self, live: Generation | None) -> dict[int, Remembered]:
        """Return every source that ever was, by id; only those that are `remembered` are the corpus' now."""
        counts = self.counts(live)
        with reading(self._engine) as connection:
            rows = connection.execute(select(sources).where(sources.c.corpus == self._corpus).order_by(sources.c.id))
            return {
                row.id: Remembered(
                    row.id,
                    row.location,
                    row.prefix,
                    tuple(row.include),
                    tuple(row.exclude),
                    row.added_at,
                    row.refreshed_at,
                    bool(row.forgotten),
                    counts.get(row.id, 0),
                )
                for row in rows
            }

    def counts(self, live: Generation | None) -> dict[int | None, int]:
        """Return how many documents of the live generation each source has; None has those of no source."""
        if live is None:
            return {}
        query = select(documents.c.source, func.count()).where(visible(documents, live.index_id, live.id))
        with reading(self._engine) as connection:
            return {row[0]: row[1] for row in connection.execute(query.group_by(documents.c.source))}

    def remember(self, named: Iterable[Source]) -> dict[SourceKey, int]:
        """Remember sources as they are named now, and return their ids."""
        with writing(self._engine) as connection:
            return {source.key: self._put(connection, source) for source in named}

    def _put(self, connection: Connection, source: Source) -> int:
        place = {"corpus": self._corpus, "location": source.key.location, "prefix": source.key.prefix}
        now = self._clock().isoformat(timespec="seconds")
        values: dict[str, Any] = {"include": list(source.include), "exclude": list(source.exclude)}
        values |= {"refreshed_at": now, "forgotten": 0}
        mine = and_(*(sources.c[name] == value for name, value in place.items()))
        found = connection.scalar(select(sources.c.id).where(mine))
        if found is not None:
            connection.execute(update(sources).where(sources.c.id == found).values(**values))
            return int(found)
        added = insert(sources).values(**place, **values, added_at=now).returning(sources.c.id)
        return int(connection.scalars(added).one())

    def all_among(self, named: Iterable[Source]) -> bool:
        """Say whether every source that was not removed is among these."""
        keys = {source.key for source in named}
        return all(remembered.forgotten or remembered.key in keys for remembered in self.known(None).values())

    def forget(self, ids: Iterable[int]) -> None:
        """Forget sources and their failures; one that has documents in the live generation stays remembered."""
        chosen = list(ids)
        with writing(self._engine) as connection:
            connection.execute(update(sources).where(sources.c.id.in_(chosen)).values(forgotten=1))
            mine = failures.c.corpus == self._corpus
            connection.execute(delete(failures).where(mine, failures.c.source.in_(chosen)))

    def move(self, source: int, key: SourceKey) -> None:
        """Let a source be somewhere else; its documents stay its own."""
        with writing(self._engine) as connection:
            place = {"location": key.location, "prefix": key.prefix}
            connection.execute(update(sources).where(sources.c.id == source).values(**place))


def ids_of(known: Mapping[int, Remembered]) -> dict[SourceKey, int]:
    """Return the id of every source by its key."""
    return {remembered.key: remembered.id for remembered in known.values()}
