"""Opens the catalogue and translates the database driver's errors."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select, update
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from rag.errors import BusyError, CatalogueUnavailableError, ConfigError, RagwrightError, StateError
from rag.state import postgres
from rag.state.home import Home
from rag.state.migrations import migrate
from rag.state.tables import SCHEMA_VERSION, metadata, schema

_BUSY_TIMEOUT_MS = 30_000
_POOL_TIMEOUT_S = 10


def open_catalogue(home: Home, database_url: str | None = None) -> Engine:
    """Open the catalogue, creating its tables on first use.

    Raises:
        StateError: it cannot be opened, or another version of Ragwright wrote it.
        ConfigError: `database_url` is malformed or its driver is not installed.
    """
    if database_url is None:
        home.create()
    engine = _engine(database_url or f"sqlite:///{home.catalogue}")
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    elif engine.dialect.name == "postgresql":
        postgres.configure(engine)
    try:
        if not _is_up_to_date(engine):
            with writing(engine) as connection:
                _bring_up_to_date(connection)
    except BaseException:
        engine.dispose()
        raise
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
        scratch.write_text(identity, encoding="ascii")
        scratch.replace(marker)
    if marker.read_text(encoding="ascii") != identity:
        raise StateError(f"{home.root} holds the indexes of another DATABASE_URL; set RAGWRIGHT_HOME to another folder")


@contextmanager
def translated() -> Iterator[None]:
    """Turn database errors into ours: locked is transient, everything else needs a person."""
    try:
        yield
    except DBAPIError as error:
        raise (_translate(error) if isinstance(error.orig, sqlite3.Error) else postgres.translate(error)) from error
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


def _configure_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own handling delays BEGIN until the first write; `_begin_sqlite` decides instead.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten, not only forgotten
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if not options.get("bare", False):
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes", False) else "BEGIN")


def _translate(error: DBAPIError) -> RagwrightError:
    text = str(error.orig)
    if isinstance(error, OperationalError) and "locked" in text:
        return BusyError("the catalogue is locked by another process; try again when it has finished")
    if "full" in text:
        return StateError("the disk is full: the catalogue could not be written; free some space and run it again")
    if "readonly" in text or "unable to open" in text:
        return StateError(f"the catalogue cannot be written ({text}); check the permissions of RAGWRIGHT_HOME")
    if "disk I/O" in text:
        return StateError(f"the catalogue cannot be read or written ({text}); check that the disk is not full")
    return StateError(f"the catalogue failed: {text}")
