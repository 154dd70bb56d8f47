"""Brings a catalogue that an older release wrote up to the schema of this one, in the transaction that opens it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from sqlalchemy import Column, Connection, Index, Table, bindparam, inspect, select, update
from sqlalchemy.schema import CreateColumn

from rag.state.tables import chunks, documents, failures, generations, metadata
from rag.types import indexed_text

_BATCH = 1000


def text_hash(header: str, text: str) -> str:
    """Return 32 hex digits of what is embedded and indexed of a chunk: equal hashes mean equal vectors."""
    return hashlib.sha256(indexed_text(header, text).encode("utf-8")).hexdigest()[:32]


def _to_2(connection: Connection) -> None:
    """Places on pages, parents, hashes of texts, near-duplicate signatures, verdicts of gates."""
    for column in (documents.c.minhash, generations.c.gate, failures.c.uri):
        _add_column(connection, column)
    for column in (chunks.c.boxes, chunks.c.parent_start, chunks.c.parent_end, chunks.c.text_hash):
        _add_column(connection, column)
    for index in chunks.indexes:
        _add_index(connection, chunks, index)
    rows = connection.execute(select(chunks.c.pk, chunks.c.header, chunks.c.text)).partitions(_BATCH)
    hashed = update(chunks).where(chunks.c.pk == bindparam("key")).values(text_hash=bindparam("hash"))
    for batch in rows:
        connection.execute(hashed, [{"key": row.pk, "hash": text_hash(row.header, row.text)} for row in batch])


def _to_3(connection: Connection) -> None:
    """Tables of chunks; those of older chunks stay unknown and are guessed from their texts."""
    _add_column(connection, chunks.c.tables)


def _to_4(connection: Connection) -> None:
    """Documents and failures belong to sources; the table of sources is made by the caller."""
    for column in (documents.c.source, failures.c.source):
        _add_column(connection, column)


def _to_5(_connection: Connection) -> None:
    """The table of places, which is new: the home of an index that has no row is not known yet."""


MIGRATIONS: dict[int, Callable[[Connection], None]] = {1: _to_2, 2: _to_3, 3: _to_4, 4: _to_5}
"""Schema version -> what makes the next version of it."""


def migrate(connection: Connection, version: int, target: int) -> None:
    """Run every step from `version` to `target`; new tables are made by the caller."""
    for step in range(version, target):
        MIGRATIONS[step](connection)
    metadata.create_all(connection)


def _add_column(connection: Connection, column: Column[object]) -> None:
    table = column.table
    assert isinstance(table, Table)
    if column.name not in {known["name"] for known in inspect(connection).get_columns(table.name)}:
        shape = CreateColumn(column).compile(dialect=connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {shape}")


def _add_index(connection: Connection, table: Table, index: Index) -> None:
    if index.name not in {known["name"] for known in inspect(connection).get_indexes(table.name)}:
        index.create(connection)
