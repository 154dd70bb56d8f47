"""What was fetched into a corpus, by address: what the next run asks with, so that the unchanged costs no body."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property

from sqlalchemy import Engine, delete, insert, select

from ingest.sources.items import Known
from ingest.store.catalogue import Clock, batches
from rag.state.engine import reading, writing
from rag.state.tables import corpora, fetches

_BATCH = 500


class Fetches:
    """The memory of one corpus; what is recorded is written by `flush`.

    A record is never trusted alone: its hash must be that of the document which readers have.
    """

    def __init__(self, engine: Engine, corpus: str, clock: Clock) -> None:
        self._engine = engine
        self._corpus = corpus
        self._clock = clock
        self._new: dict[str, Known] = {}

    def get(self, uri: str) -> Known | None:
        """Return what is remembered of an address."""
        return self._new.get(uri) or self._stored.get(uri)

    def record(self, uri: str, known: Known) -> None:
        """Remember what was fetched from an address."""
        self._new[uri] = known

    def flush(self) -> None:
        """Write what was recorded; a corpus that does not exist yet has no memory."""
        changed = {uri: known for uri, known in self._new.items() if self._stored.get(uri) != known}
        now = self._clock().isoformat(timespec="seconds")
        with writing(self._engine) as connection:
            if connection.scalar(select(corpora.c.name).where(corpora.c.name == self._corpus)) is None:
                return
            for batch in batches(list(changed), _BATCH):
                connection.execute(delete(fetches).where(fetches.c.corpus == self._corpus, fetches.c.uri.in_(batch)))
                connection.execute(insert(fetches), [self._row(uri, changed[uri], now) for uri in batch])
        self._stored.update(changed)
        self._new.clear()

    def forget_others(self, uris: Collection[str]) -> None:
        """Forget every address but these."""
        gone = sorted(self._stored.keys() - set(uris))
        if not gone:
            return
        with writing(self._engine) as connection:
            for batch in batches(gone, _BATCH):
                connection.execute(delete(fetches).where(fetches.c.corpus == self._corpus, fetches.c.uri.in_(batch)))
        self._stored = {uri: known for uri, known in self._stored.items() if uri in uris}

    @cached_property
    def _stored(self) -> dict[str, Known]:
        query = select(fetches).where(fetches.c.corpus == self._corpus)
        with reading(self._engine) as connection:
            return {row.uri: Known(row.etag, row.last_modified, row.source_hash) for row in connection.execute(query)}

    def _row(self, uri: str, known: Known, now: str) -> dict[str, str]:
        marks = {"etag": known.etag, "last_modified": known.last_modified, "source_hash": known.source_hash}
        return {"corpus": self._corpus, "uri": uri, "fetched_at": now, **marks}
