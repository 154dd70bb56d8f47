"""What a catalogue in a SQLite file needs beyond SQL: its log, its locks, and a home that cannot be written."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from rag.errors import BusyError, RagwrightError, StateError

_BUSY_TIMEOUT_MS = 30_000
_FROZEN = "frozen"
_CANNOT_WRITE = ("readonly", "unable to open", "disk I/O", "full")


def connect(_dialect: object, record: Any, arguments: list[Any], parameters: dict[str, Any]) -> sqlite3.Connection:
    """Open a connection.

    SQLite needs files beside the database even to read it. Where they cannot be made, because the folder is read-only
    or the disk is full, the file is read as it stands, which is safe as long as nobody can write it either.
    """
    connection: sqlite3.Connection = sqlite3.connect(*arguments, **parameters)
    try:
        _configure(connection)
        return connection
    except sqlite3.OperationalError as error:
        connection.close()
        if not any(words in str(error) for words in _CANNOT_WRITE) or not _is_whole(Path(arguments[0])):
            raise
    record.info[_FROZEN] = True
    frozen: sqlite3.Connection = sqlite3.connect(
        f"file:{quote(str(arguments[0]))}?mode=ro&immutable=1", uri=True, **parameters
    )
    frozen.isolation_level = None
    return frozen


def forget_frozen(_connection: object, record: Any) -> None:
    """Read a file that was taken as it stands no longer than one transaction: others may be able to write it."""
    if record.info.pop(_FROZEN, False):
        record.invalidate()


def begin(connection: Connection) -> None:
    """Begin a transaction, at once with the right to write where it will be needed."""
    options = connection.get_execution_options()
    if not options.get("bare", False):
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes", False) else "BEGIN")


def translate(error: DBAPIError) -> RagwrightError:
    """Return our error for one of SQLite's: locked is transient, everything else needs a person."""
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


def _configure(connection: sqlite3.Connection) -> None:
    # The driver's own handling delays BEGIN until the first write; `begin` decides instead.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten, not only forgotten
    cursor.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()  # finds out whether it can be read this way
    cursor.close()


def _is_whole(file: Path) -> bool:
    """Say whether everything that was committed is in the file itself, and not partly in a log beside it."""
    log = file.with_name(f"{file.name}-wal")
    return file.is_file() and not (log.exists() and log.stat().st_size)
