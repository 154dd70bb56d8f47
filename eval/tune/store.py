"""What workers of a sweep share: the scores of questions, and who is at which piece of work.

Scores are kept by what decides them, so a sweep that was ended half-way, a second worker and a later sweep over the
same questions find them. A piece of work belongs to one worker at a time. One whose worker gives no sign of life is
taken over, so a worker that is killed loses no more than its piece.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Column, Connection, Engine, Float, Integer, MetaData, String, Table, Text, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from rag.errors import StateError
from rag.state import postgres
from rag.state.engine import open_engine, reading, writing

STALE_S = 30.0
"""A worker that gave no sign of life for so long is taken for dead."""

_MOST_ROWS = 1_000_000
_BATCH = 500

_tables = MetaData()
_rows = Table(
    "tune_rows",
    _tables,
    Column("key", String(64), primary_key=True),
    Column("row", Text, nullable=False),
    Column("used_at", Float, nullable=False, index=True),
    Column("evaluated", Integer, nullable=False),
)
_claims = Table(
    "tune_claims",
    _tables,
    Column("sweep", String(64), primary_key=True),
    Column("piece", String(64), primary_key=True),
    Column("worker", String(64), nullable=False),
    Column("seen_at", Float, nullable=False),
    Column("done", Integer, nullable=False),
)
_notes = Table(
    "tune_notes",
    _tables,
    Column("sweep", String(64), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Row:
    """The scores of one question under one point: a value per metric, None where it is unmeasured.

    `seconds` is what it took, `usd` what language models cost, `error` why the question failed.
    """

    values: Mapping[str, float | None]
    seconds: float = 0.0
    usd: float = 0.0
    error: str | None = None

    def json(self) -> str:
        """Return the row as JSON."""
        return json.dumps([dict(self.values), self.seconds, self.usd, self.error])

    @staticmethod
    def of(text: str) -> Row:
        """Return the row that `json` wrote."""
        return Row(*json.loads(text))

    def value(self, metric: str) -> float:
        """Return a metric's value, NaN where it is unmeasured."""
        found = self.values.get(metric)
        return math.nan if found is None else found


class Store:
    """Rows, claims and notes in one database, SQLite on one machine or PostgreSQL for many; safe to share."""

    def __init__(self, engine: Engine, now: Callable[[], float] = time.time) -> None:
        """`now` returns seconds that all workers agree on."""
        self._engine = engine
        self._now = now

    def rows(self, keys: Sequence[str]) -> dict[str, Row]:
        """Return the rows that are there, by key."""
        found: dict[str, Row] = {}
        with reading(self._engine) as connection:
            for batch in _batches(keys):
                chosen = select(_rows.c.key, _rows.c.row).where(_rows.c.key.in_(batch))
                found |= {item.key: Row.of(item.row) for item in connection.execute(chosen)}
        return found

    def put(self, rows: Mapping[str, Row]) -> None:
        """Keep rows; how often a key was put is counted."""
        if not rows:
            return
        now = self._now()
        values = [{"key": key, "row": row.json(), "used_at": now, "evaluated": 1} for key, row in rows.items()]
        with writing(self._engine) as connection:
            insert = _insert(connection)(_rows).values(values)
            again = {"row": insert.excluded.row, "used_at": now, "evaluated": _rows.c.evaluated + 1}
            connection.execute(insert.on_conflict_do_update(index_elements=["key"], set_=again))

    def evaluations(self, keys: Sequence[str]) -> int:
        """Return how often the rows of these keys were worked out, all together."""
        with reading(self._engine) as connection:
            counts = (
                connection.scalar(select(func.sum(_rows.c.evaluated)).where(_rows.c.key.in_(batch))) or 0
                for batch in _batches(keys)
            )
            return sum(counts)

    def claim(self, sweep: str, piece: str, worker: str) -> bool:
        """Take a piece of work whose rows are not there; say whether it is ours now.

        It is free if nobody has it, or if who has it gave no sign of life.
        """
        now = self._now()
        with writing(self._engine) as connection:
            insert = _insert(connection)(_claims).values(sweep=sweep, piece=piece, worker=worker, seen_at=now, done=0)
            stale = _claims.c.seen_at < now - STALE_S
            taken = insert.on_conflict_do_update(
                index_elements=["sweep", "piece"], set_={"worker": worker, "seen_at": now, "done": 0}, where=stale
            )
            return connection.scalar(taken.returning(_claims.c.worker)) is not None

    def beat(self, sweep: str, worker: str) -> None:
        """Give a sign of life for all pieces that a worker has."""
        with writing(self._engine) as connection:
            mine = (_claims.c.sweep == sweep) & (_claims.c.worker == worker) & (_claims.c.done == 0)
            connection.execute(_claims.update().where(mine).values(seen_at=self._now()))

    def finish(self, sweep: str, piece: str) -> None:
        """Say that a piece is done."""
        with writing(self._engine) as connection:
            mine = (_claims.c.sweep == sweep) & (_claims.c.piece == piece)
            connection.execute(_claims.update().where(mine).values(done=1))

    def release(self, sweep: str, worker: str) -> None:
        """Give back what a worker has not done, so that others need not wait until it counts as dead."""
        with writing(self._engine) as connection:
            mine = (_claims.c.sweep == sweep) & (_claims.c.worker == worker) & (_claims.c.done == 0)
            connection.execute(delete(_claims).where(mine))

    def forget(self, sweep: str, is_dead: Callable[[str], bool]) -> None:
        """Give back the pieces of workers that are known to be dead."""
        open_ones = (_claims.c.sweep == sweep) & (_claims.c.done == 0)
        with reading(self._engine) as connection:
            workers = set(connection.scalars(select(_claims.c.worker).where(open_ones).distinct()))
        for worker in workers:
            if is_dead(worker):
                self.release(sweep, worker)

    def note(self, sweep: str, name: str, value: str) -> str:
        """Keep a note of the sweep and return it; who comes later gets the first one's."""
        with writing(self._engine) as connection:
            insert = _insert(connection)(_notes).values(sweep=sweep, name=name, value=value)
            connection.execute(insert.on_conflict_do_nothing(index_elements=["sweep", "name"]))
            chosen = select(_notes.c.value).where((_notes.c.sweep == sweep) & (_notes.c.name == name))
            return str(connection.scalar(chosen))

    def notes(self, name: str) -> list[str]:
        """Return the notes of that name of all sweeps."""
        with reading(self._engine) as connection:
            return list(
                connection.scalars(select(_notes.c.value).where(_notes.c.name == name).order_by(_notes.c.sweep))
            )

    def trim(self, most: int = _MOST_ROWS) -> int:
        """Forget the rows used longest ago beyond so many; return how many went."""
        with writing(self._engine) as connection:
            count = connection.scalar(select(func.count()).select_from(_rows)) or 0
            if count <= most:
                return 0
            oldest = select(_rows.c.key).order_by(_rows.c.used_at).limit(count - most)
            connection.execute(delete(_rows).where(_rows.c.key.in_(oldest)))
            return count - most

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()


def open_store(folder: Path, database_url: str | None = None) -> Store:
    """Open the store of a home's sweeps, `tune.db` in the folder, or in a PostgreSQL database for many machines.

    Raises:
        StateError: it cannot be opened or written.
    """
    if database_url is None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StateError(
                f"cannot write to {folder}: {error.strerror}; set RAGWRIGHT_HOME to another folder"
            ) from error
    engine = open_engine(database_url or f"sqlite:///{folder / 'tune.db'}")
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            postgres.lock_schema(connection)
        _tables.create_all(connection)
    return Store(engine)


def _insert(connection: Connection) -> Callable[[Table], sqlite.Insert] | Callable[[Table], postgresql.Insert]:
    return postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert


def _batches(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    return (keys[i : i + _BATCH] for i in range(0, len(keys), _BATCH))
