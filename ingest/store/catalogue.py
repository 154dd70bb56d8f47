"""The writer of the catalogue: generations, documents with their chunks, failures. Every method is one transaction.

A change set is written under a `building` generation id that no reader sees; `publish` makes it the live one in a
single transaction. What an abandoned change set left behind is found by its id and erased.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from ingest.store import fence
from ingest.store.rows import MadeDocument, chunk_row, document_row
from rag.errors import BusyError, StateError
from rag.ports import REMOVED_NEVER
from rag.state.engine import reading, writing
from rag.state.reader import visible
from rag.state.tables import chunks, corpora, documents, failures, generations, indexes
from rag.types import Chunk, Generation

Clock = Callable[[], datetime]
_BATCH = 500
_COMPLETE = ("published", "held")


def utc_now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Failure:
    """A document that could not be ingested. `transient` failures (time, memory) may succeed when tried again.

    `attempts` counts the runs that tried it and failed, the last one at `failed_at` (ISO 8601, empty until stored).
    `uri` says where it was read from, empty where that is not known; `source` is the id of its source.
    """

    doc_id: str
    reason: str
    source_hash: str = ""
    transient: bool = False
    attempts: int = 1
    failed_at: str = ""
    uri: str = ""
    source: int | None = None


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document's key, its id, the hash of its bytes, its address, and the id of the source that has it.

    `source` is None for what was ingested before sources were remembered, until a source adopts it.
    """

    pk: int
    doc_id: str
    source_hash: str
    uri: str = ""
    source: int | None = None


@dataclass(frozen=True, slots=True)
class GenerationRow:
    """A generation as `ragwright generations list` shows it; `changes` counts what it added, changed and removed.

    `gate` is the verdict of the gate that it had to pass, if there was one.
    """

    id: int
    index_id: int
    status: str
    settings: str
    started_at: str
    published_at: str | None
    changes: Mapping[str, int]
    gate: Mapping[str, Any] | None = None


class CatalogueWriter:
    """Writes one corpus; hold its ingest lock while you do."""

    def __init__(self, engine: Engine, corpus: str, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._corpus = corpus
        self._clock = clock

    # --- corpus, indexes, generations ---------------------------------------------------------------------------------

    def live(self) -> Generation | None:
        """Return the live generation, None before the first."""
        query = select(generations).join(corpora, corpora.c.live == generations.c.id)
        with reading(self._engine) as connection:
            row = connection.execute(query.where(corpora.c.name == self._corpus)).one_or_none()
        return Generation(row.id, row.corpus, row.index_id, row.settings, row.published_at) if row else None

    def create_corpus(self) -> None:
        """Register the corpus if it is new."""
        with writing(self._engine) as connection:
            known = connection.scalar(select(corpora.c.name).where(corpora.c.name == self._corpus))
            if known is None:
                connection.execute(insert(corpora).values(name=self._corpus, live=None, created_at=self._now()))

    def find_index(self, fingerprint: str) -> int | None:
        """Return the newest index of the corpus with that fingerprint."""
        query = select(func.max(indexes.c.id)).where(
            indexes.c.corpus == self._corpus, indexes.c.fingerprint == fingerprint
        )
        with reading(self._engine) as connection:
            found: int | None = connection.scalar(query)
        return found

    def index_ids(self) -> list[int]:
        """Return the indexes of the corpus, oldest first."""
        with reading(self._engine) as connection:
            query = select(indexes.c.id).where(indexes.c.corpus == self._corpus)
            return list(connection.scalars(query.order_by(indexes.c.id)))

    def index_settings(self, index_id: int) -> dict[str, Any]:
        """Return the settings that an index was built with."""
        with reading(self._engine) as connection:
            stored = connection.scalar(select(indexes.c.settings).where(indexes.c.id == index_id))
        return dict(stored or {})

    def create_index(self, fingerprint: str, settings: Mapping[str, Any], embedder: str, dim: int) -> int:
        """Add an index and return its id."""
        row = {"fingerprint": fingerprint, "settings": dict(settings), "embedder": embedder, "dim": dim}
        with writing(self._engine) as connection:
            return _key(connection.execute(insert(indexes).values(corpus=self._corpus, **row)))

    def begin(self, index_id: int, settings: str) -> int:
        """Start a generation that nobody sees, and return its id."""
        row = {"corpus": self._corpus, "index_id": index_id, "status": "building", "settings": settings}
        with writing(self._engine) as connection:
            return _key(connection.execute(insert(generations).values(started_at=self._now(), **row)))

    def publish(self, generation: int, changes: Mapping[str, int], base: int | None) -> None:
        """Make a generation the live one in place of `base`: from here on every new reader sees it, whole.

        Raises:
            BusyError: another run gave it up, or another generation than `base` is live by now.
        """
        with writing(self._engine) as connection:
            fence.check_base(fence.locked(connection, self._corpus), base, generation)
            self._publish(connection, generation, changes)

    def _publish(self, connection: Connection, generation: int, changes: Mapping[str, int]) -> None:
        row = {"status": "published", "published_at": self._now(), "changes": dict(changes)}
        fence.advance(connection, generation, ("building", "held"), **row)
        self._set_live(connection, generation)

    def _set_live(self, connection: Connection, generation: int) -> None:
        connection.execute(update(corpora).where(corpora.c.name == self._corpus).values(live=generation))

    def hold(self, generation: int, changes: Mapping[str, int]) -> None:
        """Mark a generation as complete but not to be seen until a gate, or a person, lets it pass.

        Raises:
            BusyError: another run gave it up.
        """
        with writing(self._engine) as connection:
            fence.advance(connection, generation, ("building",), status="held", changes=dict(changes))

    def record_verdict(self, generation: int, verdict: Mapping[str, Any]) -> None:
        """Keep what a gate decided about a generation."""
        with writing(self._engine) as connection:
            connection.execute(update(generations).where(generations.c.id == generation).values(gate=dict(verdict)))

    def promote(self, generation: int) -> None:
        """Make an older or newer complete generation the live one: a published one, or one that a gate held.

        Raises:
            StateError: the corpus has no such generation.
        """
        known = [row.id for row in self.generations() if row.status in _COMPLETE]
        complete = select(generations).where(generations.c.id == generation, generations.c.status.in_(_COMPLETE))
        with writing(self._engine) as connection:
            fence.locked(connection, self._corpus)
            row = connection.execute(complete.where(generations.c.corpus == self._corpus)).one_or_none()
            if row is None:
                raise StateError(f"{self._corpus!r} has no complete generation {generation}; it has: {known}")
            if row.status == "held":
                self._publish(connection, generation, row.changes or {})
            self._set_live(connection, generation)

    def generations(self) -> list[GenerationRow]:
        """Return the generations of the corpus, oldest first, discarded ones left out."""
        query = select(generations).where(generations.c.corpus == self._corpus, generations.c.status != "discarded")
        with reading(self._engine) as connection:
            return [
                GenerationRow(
                    row.id,
                    row.index_id,
                    row.status,
                    row.settings,
                    row.started_at,
                    row.published_at,
                    row.changes or {},
                    row.gate,
                )
                for row in connection.execute(query.order_by(generations.c.id))
            ]

    def abandoned(self) -> list[GenerationRow]:
        """Return the generations newer than the live one, newest first: crashed, or rolled back from."""
        live = self.live()
        return [row for row in reversed(self.generations()) if live is None or row.id > live.id]

    def disown(self, generation: GenerationRow) -> None:
        """Mark a generation as abandoned: from here on nobody can promote it, and it may be taken apart.

        Raises:
            BusyError: it is live by now.
        """
        with writing(self._engine) as connection:
            live = fence.locked(connection, self._corpus)
            if live is not None and live >= generation.id:
                raise BusyError(f"another process made generation {live} live meanwhile; run it again")
            chosen = generations.c.id == generation.id
            connection.execute(update(generations).where(chosen).values(status="abandoned"))

    def touched(self, generation: GenerationRow) -> tuple[list[int], list[int]]:
        """Return the pks of the chunks that a generation added, and of those that it removed."""
        mine = chunks.c.index_id == generation.index_id
        with reading(self._engine) as connection:
            added = connection.scalars(select(chunks.c.pk).where(mine, chunks.c.added == generation.id))
            removed = connection.scalars(select(chunks.c.pk).where(mine, chunks.c.removed == generation.id))
            return list(added), list(removed)

    def restore(self, generation: GenerationRow) -> None:
        """Bring back what a generation removed; what it added stays."""
        with writing(self._engine) as connection:
            self._restore(connection, generation)

    def discard(self, generation: GenerationRow) -> None:
        """Erase what a generation added, bring back what it removed."""
        with writing(self._engine) as connection:
            for table in (chunks, documents):
                mine = (table.c.index_id == generation.index_id) & (table.c.added == generation.id)
                connection.execute(delete(table).where(mine))
            self._restore(connection, generation)
            self._mark_discarded(connection, [generation.id])

    # --- documents and chunks -----------------------------------------------------------------------------------------

    def stored(self, index_id: int, generation: int) -> dict[str, StoredDocument]:
        """Return the documents of an index that a generation sees, by doc_id."""
        columns = ("pk", "doc_id", "source_hash", "uri", "source")
        query = select(*(documents.c[name] for name in columns)).where(visible(documents, index_id, generation))
        with reading(self._engine) as connection:
            return {row.doc_id: StoredDocument(*row) for row in connection.execute(query)}

    def own(self, source: int, doc_pks: Sequence[int]) -> None:
        """Say whose documents are, in every generation that sees them."""
        with writing(self._engine) as connection:
            for batch in batches(doc_pks, _BATCH):
                connection.execute(update(documents).where(documents.c.pk.in_(batch)).values(source=source))

    def signatures(self, index_id: int, generation: int) -> dict[str, bytes]:
        """Return the signatures of the documents that a generation sees, by doc_id; those without one are left out."""
        query = select(documents.c.doc_id, documents.c.minhash).where(visible(documents, index_id, generation))
        with reading(self._engine) as connection:
            return {row.doc_id: row.minhash for row in connection.execute(query) if row.minhash}

    def add(self, index_id: int, generation: int, batch: Sequence[MadeDocument]) -> Iterator[tuple[int, list[Chunk]]]:
        """Store documents with their chunks; yield each document's pk and its chunks with their pks, in order."""
        if not batch:
            return
        place = {"index_id": index_id, "added": generation, "removed": REMOVED_NEVER}
        with writing(self._engine) as connection:
            fence.check_building(connection, generation)
            doc_pks = _insert(connection, documents, [{**document_row(made), **place} for made in batch])
            rows = [
                {**chunk_row(chunk), "doc_pk": doc_pk, **place}
                for doc_pk, made in zip(doc_pks, batch, strict=True)
                for chunk in made.chunks
            ]
            chunk_pks = iter(_insert(connection, chunks, rows))
        for doc_pk, made in zip(doc_pks, batch, strict=True):
            yield doc_pk, [replace(chunk, pk=next(chunk_pks)) for chunk in made.chunks]

    def retire(self, generation: int, doc_pks: Sequence[int]) -> list[int]:
        """Remove documents, by pk, and their chunks from a generation on; return the chunks' pks."""
        retired: list[int] = []
        with writing(self._engine) as connection:
            fence.check_building(connection, generation)
            for batch in batches(doc_pks, _BATCH):
                retired += connection.scalars(select(chunks.c.pk).where(chunks.c.doc_pk.in_(batch)))
                for table, column in ((documents, documents.c.pk), (chunks, chunks.c.doc_pk)):
                    connection.execute(update(table).where(column.in_(batch)).values(removed=generation))
        return retired

    def counts(self, generation: Generation) -> tuple[int, int]:
        """Return how many documents and how many chunks a generation sees."""
        with reading(self._engine) as connection:
            numbers = [
                connection.scalar(
                    select(func.count()).select_from(table).where(visible(table, generation.index_id, generation.id))
                )
                for table in (documents, chunks)
            ]
        return numbers[0] or 0, numbers[1] or 0

    def languages(self, generation: Generation) -> dict[str, int]:
        """Return how many documents of each language a generation sees, the most frequent first; "" is not known."""
        code = func.coalesce(documents.c.metadata["language"].as_string(), "")
        query = select(code, func.count()).where(visible(documents, generation.index_id, generation.id)).group_by(code)
        with reading(self._engine) as connection:
            return {row[0]: row[1] for row in connection.execute(query.order_by(func.count().desc(), code))}

    # --- failures -----------------------------------------------------------------------------------------------------

    def failures(self) -> list[Failure]:
        """Return the documents that failed and have not succeeded since, by doc_id."""
        query = select(failures).where(failures.c.corpus == self._corpus).order_by(failures.c.doc_id)
        with reading(self._engine) as connection:
            return [
                Failure(
                    row.doc_id,
                    row.reason,
                    row.source_hash,
                    bool(row.transient),
                    row.attempts,
                    row.failed_at,
                    row.uri,
                    row.source,
                )
                for row in connection.execute(query)
            ]

    def record_failures(self, failed: Sequence[Failure]) -> list[Failure]:
        """Store failures, counting the attempts of those that failed before; return them so counted."""
        if not failed:
            return []
        attempts = {failure.doc_id: failure.attempts for failure in self.failures()}
        now = self._now()
        counted = [replace(x, attempts=attempts.get(x.doc_id, 0) + 1, failed_at=now) for x in failed]
        # The first reason counts: what failed after it, such as a second attempt in another way, follows from it.
        firsts = {failure.doc_id: failure for failure in reversed(counted)}
        rows = [{**asdict(x), "transient": int(x.transient), "corpus": self._corpus} for x in firsts.values()]
        with writing(self._engine) as connection:
            self._clear(connection, list(firsts))
            connection.execute(insert(failures), rows)
        return counted

    def clear_failures(self, doc_ids: Iterable[str]) -> None:
        """Forget the failures of documents."""
        with writing(self._engine) as connection:
            self._clear(connection, list(doc_ids))

    # --- vacuum -------------------------------------------------------------------------------------------------------

    def forget_generations(self, generation_ids: Sequence[int]) -> None:
        """Mark generations as gone, so that they are listed and promoted no more."""
        with writing(self._engine) as connection:
            self._mark_discarded(connection, generation_ids)

    def unseen(self, index_id: int, oldest_kept: int) -> list[int]:
        """Return the pks of chunks that no generation from `oldest_kept` on sees."""
        query = select(chunks.c.pk).where(chunks.c.index_id == index_id, chunks.c.removed <= oldest_kept)
        with reading(self._engine) as connection:
            return list(connection.scalars(query))

    def erase_unseen(self, index_id: int, oldest_kept: int) -> None:
        """Delete the documents and chunks that no generation from `oldest_kept` on sees."""
        with writing(self._engine) as connection:
            for table in (chunks, documents):
                connection.execute(delete(table).where(table.c.index_id == index_id, table.c.removed <= oldest_kept))

    def retire_index(self, index_id: int) -> None:
        """Let an index that no generation uses be found no more; its row stays for those once listed with it."""
        with writing(self._engine) as connection:
            connection.execute(update(indexes).where(indexes.c.id == index_id).values(fingerprint=""))

    def erase_index(self, index_id: int) -> int:
        """Delete every document and chunk of a retired index; return how many chunks went."""
        with writing(self._engine) as connection:
            count = connection.execute(delete(chunks).where(chunks.c.index_id == index_id)).rowcount
            connection.execute(delete(documents).where(documents.c.index_id == index_id))
        return count

    def _clear(self, connection: Connection, doc_ids: Sequence[str]) -> None:
        for batch in batches(doc_ids, _BATCH):
            mine = failures.c.corpus == self._corpus
            connection.execute(delete(failures).where(mine, failures.c.doc_id.in_(batch)))

    def _restore(self, connection: Connection, generation: GenerationRow) -> None:
        for table in (chunks, documents):
            mine = (table.c.index_id == generation.index_id) & (table.c.removed == generation.id)
            connection.execute(update(table).where(mine).values(removed=REMOVED_NEVER))

    def _mark_discarded(self, connection: Connection, generation_ids: Sequence[int]) -> None:
        chosen = generations.c.id.in_(generation_ids)
        connection.execute(update(generations).where(chosen).values(status="discarded"))

    def _now(self) -> str:
        return self._clock().isoformat(timespec="seconds")


def batches(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """Yield consecutive slices of at most `size` items."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _insert(connection: Connection, table: Any, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    if not rows:
        return []
    statement = insert(table).returning(table.c.pk, sort_by_parameter_order=True)
    return list(connection.scalars(statement, list(rows)))


def _key(result: Any) -> int:
    return int(result.inserted_primary_key[0])
