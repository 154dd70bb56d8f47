"""Opens the catalogue and translates the database driver's errors."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select, update
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from rag.errors import BusyError, CatalogueUnavailableError, ConfigError, StateError
from rag.state import postgres, sqlite
from rag.state.home import Home
from rag.state.migrations import migrate
from rag.state.tables import SCHEMA_VERSION, metadata, schema

_POOL_TIMEOUT_S = 10


def open_catalogue(home: Home, database_url: str | None = None) -> Engine:
    """Open the catalogue, creating its tables on first use.

    Raises:
        StateError: it cannot be opened, or another version of Ragwright wrote it.
        ConfigError: `database_url` is malformed or its driver is not installed.
    """
    if database_url is None:
        home.create()
    engine = open_engine(database_url or f"sqlite:///{home.catalogue}")
    try:
        if not _is_up_to_date(engine):
            with writing(engine) as connection:
                _bring_up_to_date(connection)
    except BaseException:
        engine.dispose()
        raise
    return engine


def open_engine(url: str) -> Engine:
    """Open a database for `reading` and `writing`; nothing is connected yet.

    Raises:
        ConfigError: the URL is malformed or its driver is not installed.
    """
    engine = _engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "do_connect", sqlite.connect)
        event.listen(engine, "checkin", sqlite.forget_frozen)
        event.listen(engine, "begin", sqlite.begin)
    elif engine.dialect.name == "postgresql":
        postgres.configure(engine)
    return engine


def _is_up_to_date(engine: Engine) -> bool:
    """Say whether there is nothing to make or migrate, without a write: who only reads may be unable to write."""
    with reading(engine) as connection:
        known = inspect(connection).has_table(schema.name)
        return known and connection.scalar(select(schema.c.version)) == SCHEMA_VERSION


def _bring_up_to_date(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        postgres.lock_schema(connection)
    schema.create(connection, checkfirst=True)
    version = connection.scalar(select(schema.c.version))
    if version is None:
        metadata.create_all(connection)
        connection.execute(insert(schema).values(version=SCHEMA_VERSION, catalogue=uuid.uuid4().hex[:12]))
    elif version > SCHEMA_VERSION:
        raise StateError(
            f"the catalogue has schema {version}, this version reads up to {SCHEMA_VERSION};"
            " run the newer Ragwright that wrote it, or set another RAGWRIGHT_HOME"
        )
    elif version < SCHEMA_VERSION:
        migrate(connection, version, SCHEMA_VERSION)
        connection.execute(update(schema).values(version=SCHEMA_VERSION))


def _engine(url: str) -> Engine:
    try:
        return create_engine(url, pool_timeout=_POOL_TIMEOUT_S)
    except (ArgumentError, NoSuchModuleError) as error:
        raise ConfigError("DATABASE_URL is no database URL; write it as postgresql+psycopg://user@host/name") from error
    except ModuleNotFoundError as error:
        raise ConfigError(f"DATABASE_URL needs the package {error.name!r}; install it into .venv") from error


def claim_home(home: Home, identity: str) -> None:
    """Tie a home to one catalogue: the folders in it are named by that catalogue's index ids.

    Raises:
        StateError: the home belongs to another catalogue.
    """
    marker = home.root / "catalogue.id"
    home.create()
    if not marker.exists():
        scratch = marker.with_suffix(f".{uuid.uuid4().hex}")
        try:
            scratch.write_text(identity, encoding="ascii")
            scratch.replace(marker)
        except OSError:  # read-only or full: whoever writes to it first claims it
            scratch.unlink(missing_ok=True)
            return
    if marker.read_text(encoding="ascii") != identity:
        raise StateError(f"{home.root} holds the indexes of another DATABASE_URL; set RAGWRIGHT_HOME to another folder")


@contextmanager
def translated() -> Iterator[None]:
    """Turn database errors into ours: locked is transient, everything else needs a person."""
    try:
        yield
    except DBAPIError as error:
        raise (sqlite if isinstance(error.orig, sqlite3.Error) else postgres).translate(error) from error
    except PoolTimeoutError as error:
        raise CatalogueUnavailableError("too many calls wait for the catalogue; try again") from error


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One write transaction: committed on exit, rolled back on an error."""
    with translated(), engine.connect().execution_options(writes=True) as connection, connection.begin():
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One read transaction: every statement in it sees the same state."""
    with translated(), engine.connect() as connection, connection.begin():
        yield connection


def reclaim(engine: Engine) -> None:
    """Give erased rows' space back and leave no byte of them in the catalogue's files.

    SQLite's log is emptied too, which waits for readers. PostgreSQL does both by itself, in its own time.

    Raises:
        BusyError: another process kept reading.
        StateError: the disk has no room for the copy that is made.
    """
    if engine.dialect.name != "sqlite":
        return
    with translated(), engine.connect().execution_options(bare=True) as connection:
        connection.exec_driver_sql("VACUUM")
        busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]
    if busy:
        raise BusyError("another process reads the catalogue, so its log keeps what was erased; vacuum again later")
