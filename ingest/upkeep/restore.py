"""Brings a backup back: written as a generation that nobody sees, flipped at last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from pydantic import ValidationError
from sqlalchemy import Table, delete, insert

from ingest.pipeline import Runtime, discard_abandoned
from ingest.sources import Source, SourceKey
from ingest.store.catalogue import CatalogueWriter, Clock, batches, utc_now
from ingest.store.lock import ingest_lock
from ingest.store.registry import Registry
from ingest.upkeep.backup import HERE_ONLY, SOURCES, Backup, BackupReport, has_generations, open_backup
from rag.errors import ConfigError
from rag.ports import REMOVED_NEVER, KeywordIndex, Point, TokenVectors, VectorIndex
from rag.settings import Bm25Settings, EmbedderSettings
from rag.state.engine import writing
from rag.state.home import check_corpus_name
from rag.state.tables import chunks, documents, failures, fetches
from rag.types import Generation, indexed_text

_BATCH = 500
_RESTORED = {"added", "changed", "removed", "unchanged", "chunks", "failed"}


class RestoringRuntime(Runtime, Protocol):
    """A runtime that opens the stores of an index without its model."""

    def stores(self, index_id: int, dim: int) -> tuple[VectorIndex, KeywordIndex, TokenVectors]:
        """Return the stores of an index."""
        ...


def restore(
    file: Path, corpus: str, runtime: RestoringRuntime, *, replace: bool = False, clock: Clock = utc_now
) -> BackupReport:
    """Make the backup the live generation of a corpus; vectors are taken over, nothing is embedded.

    With `replace` a corpus that exists gets it as its newest generation, and can be rolled back.

    Raises:
        ConfigError: the file is no whole backup, or the corpus exists; nothing was changed.
        BusyError: an ingest into the corpus is running.
    """
    check_corpus_name(corpus)
    writer = CatalogueWriter(runtime.engine, corpus, clock)
    with open_backup(file) as backup, ingest_lock(runtime.home, corpus, runtime.engine):
        if has_generations(writer) and not replace:
            raise ConfigError(f"there is a corpus {corpus!r} already; restore under another name, or with --replace")
        settings = _settings(backup.manifest["index"]["settings"], runtime, file)
        writer.create_corpus()
        discard_abandoned(writer, runtime)
        counts = _Restore(backup, runtime, writer, corpus).run(settings)
    return BackupReport(corpus, str(file), *counts, file.stat().st_size)


def _settings(stored: Mapping[str, Any], runtime: Runtime, file: Path) -> dict[str, Any]:
    """Return the settings of the index with what belongs to a machine as this one has it."""
    here = runtime.settings.embedder.model_dump(mode="json", include={"cache_dir", "threads"})
    try:
        EmbedderSettings.model_validate(stored["embedder"])
        Bm25Settings.model_validate(stored["bm25"])
        return {**stored, "embedder": {**stored["embedder"], **here}}
    except (KeyError, TypeError, ValidationError) as error:
        raise ConfigError(f"{file}: the settings of its index cannot be read ({error}); nothing was changed") from error


class _Restore:
    """One restore."""

    def __init__(self, backup: Backup, runtime: RestoringRuntime, writer: CatalogueWriter, corpus: str) -> None:
        self._backup = backup
        self._runtime = runtime
        self._writer = writer
        self._corpus = corpus

    def run(self, settings: Mapping[str, Any]) -> tuple[int, int, int]:
        """Write everything and flip; return the generation and the numbers of documents and chunks."""
        manifest = self._backup.manifest
        built = manifest["index"]
        self._index_id = self._writer.create_index(built["fingerprint"], settings, built["embedder"], built["dim"])
        self._runtime.claim(self._index_id)
        live = self._writer.live()
        self._generation = self._writer.begin(self._index_id, manifest["settings"])
        self._stores = self._runtime.stores(self._index_id, built["dim"])
        self._sources = self._remember()
        owners = self._documents()
        count = self._chunks(owners)
        self._seal(manifest["settings"])
        self._tables()
        changes = {**dict.fromkeys(_RESTORED, 0), "added": len(owners), "chunks": count}
        self._writer.publish(self._generation, changes, base=live.id if live else None)
        return self._generation, len(owners), count

    def _remember(self) -> list[int]:
        """Remember the sources of the backup and return their ids in its order; forget those that it does not know."""
        registry = Registry(self._runtime.engine, self._corpus)
        rows = list(self._backup.rows(SOURCES))
        named = [
            Source(SourceKey(x["location"], x["prefix"]), x["location"], tuple(x["include"]), tuple(x["exclude"]))
            for x in rows
        ]
        ids = registry.remember(named)
        gone = [ids[source.key] for source, row in zip(named, rows, strict=True) if row["forgotten"]]
        registry.forget([*gone, *(registry.known(None).keys() - set(ids.values()))])
        return [ids[source.key] for source in named]

    def _owned(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a row that names its source by the id that it has here."""
        line = row.get("source")
        return row if line is None else {**row, "source": self._sources[line]}

    def _documents(self) -> list[tuple[int, Mapping[str, str]]]:
        """Store the documents; return the key and the metadata of each, in the order of the backup."""
        owners: list[tuple[int, Mapping[str, str]]] = []
        for batch in _batched(self._backup.rows("documents.jsonl")):
            keys = self._insert(documents, [{**self._owned(row), **self._place} for row in batch])
            owners += zip(keys, (row["metadata"] for row in batch), strict=True)
        return owners

    def _chunks(self, owners: Sequence[tuple[int, Mapping[str, str]]]) -> int:
        vectors, tokens, count = self._backup.vectors(), self._backup.tokens(), 0
        for batch in _batched(self._backup.rows("chunks.jsonl")):
            found = [owners[row.pop("document")] for row in batch]
            rows = [{**row, **self._place, "doc_pk": key} for row, (key, _) in zip(batch, found, strict=True)]
            pks = self._insert(chunks, rows)
            count += len(pks)
            points, keywords, token_vectors = self._stores
            keyed = list(zip(pks, found, islice(vectors, len(pks)), strict=True))
            points.upsert([Point(pk, vector, self._generation, key, fields) for pk, (key, fields), vector in keyed])
            keywords.add(self._generation, pks, [indexed_text(row["header"], row["text"]) for row in rows])
            token_vectors.add_packed(self._generation, pks, list(islice(tokens, len(pks))))
        return count

    def _seal(self, settings: str) -> None:
        generation = Generation(self._generation, self._corpus, self._index_id, settings)
        vectors, keywords, token_vectors = self._stores
        keywords.publish(self._generation, self._runtime.catalogue.each_visible(generation))
        token_vectors.publish(self._generation)
        vectors.flush()

    def _tables(self) -> None:
        """Replace what is known of failures and fetches."""
        for table in (failures, fetches):
            rows = [{**self._owned(row), "corpus": self._corpus} for row in self._backup.rows(f"{table.name}.jsonl")]
            with writing(self._runtime.engine) as connection:
                connection.execute(delete(table).where(table.c.corpus == self._corpus))
                for batch in batches(rows, _BATCH):
                    connection.execute(insert(table), list(batch))

    @property
    def _place(self) -> dict[str, int]:
        return {"index_id": self._index_id, "added": self._generation, "removed": REMOVED_NEVER}

    def _insert(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> list[int]:
        foreign = {name for row in rows for name in row} - set(table.c.keys())
        if foreign or any(HERE_ONLY[table.name] - {"pk"} - row.keys() for row in rows):
            raise ConfigError(f"the backup has columns that {table.name} does not know: {', '.join(sorted(foreign))}")
        with writing(self._runtime.engine) as connection:
            statement = insert(table).returning(table.c.pk, sort_by_parameter_order=True)
            return list(connection.scalars(statement, list(rows)))


def _batched(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while batch := list(islice(rows, _BATCH)):
        yield batch
