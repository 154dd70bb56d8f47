"""What a catalogue on PostgreSQL needs beyond SQL: bounded waits, locks, and errors that name no server.

A server that is down, frozen or cut off must not hold its callers: connecting and every single answer are bounded on
this side, for a frozen server keeps no time limit of its own. The only file that imports psycopg.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event, func, select
from sqlalchemy.exc import DBAPIError

from rag.errors import BusyError, CatalogueUnavailableError, RagwrightError, StateError

CONNECT_S = 5
READ_S = 15.0
WRITE_S = 300.0
_LOCK_S = 60
_SESSION = {
    "statement_timeout": int(WRITE_S * 1000),
    "lock_timeout": _LOCK_S * 1000,
    # The server notices within two minutes that a machine is gone, and frees the locks it held.
    "tcp_keepalives_idle": 60,
    "tcp_keepalives_interval": 15,
    "tcp_keepalives_count": 4,
}
_UNAVAILABLE = ("08", "57P", "53300", "57014")
_BUSY = ("55P03", "40001", "40P01")
_REFUSED_LOGIN = ("authentication failed", "no pg_hba.conf entry", "does not exist", "no password supplied")
_PERMANENT = {
    "25006": "the database is read-only; DATABASE_URL must name one that can be written",
    "42501": "the user of DATABASE_URL has too few rights in the database; grant it the rights to make and use tables",
    "53100": "the disk of the database server is full; free some space and run it again",
    "28": "the database refused the login; check DATABASE_URL",
    "3D": "the database does not exist on its server; create it, or check DATABASE_URL",
}

_logger = logging.getLogger(__name__)


def configure(engine: Engine) -> None:
    """Bound every wait of an engine."""
    event.listen(engine, "do_connect", _connect)
    event.listen(engine, "connect", _set_limits)
    event.listen(engine, "begin", _set_patience)


def lock_schema(connection: Connection) -> None:
    """Wait until no other process makes or migrates tables; the lock ends with the transaction."""
    connection.execute(select(func.pg_advisory_xact_lock(_key("schema"))))


@contextmanager
def advisory_lock(engine: Engine, name: str) -> Iterator[bool]:
    """Try to take a lock that every user of the database sees; yield whether it was free.

    The lock belongs to a connection of its own, so that the server frees it when the process or its machine dies.
    """
    with engine.connect() as pooled:
        connection = pooled.execution_options(isolation_level="AUTOCOMMIT")
        connection.detach()  # closing it, not giving it back, is what frees the lock
        yield bool(connection.scalar(select(func.pg_try_advisory_lock(_key(name)))))


def translate(error: DBAPIError) -> RagwrightError:
    """Return our error for one of the driver's; the server's own words, which may quote anything, go to the log."""
    code = str(getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None) or "")
    text = " ".join(str(error.orig).split())
    if code.startswith(_BUSY):
        return BusyError("the catalogue is locked by another process; try again when it has finished")
    for prefix, message in _PERMANENT.items():
        if code.startswith(prefix):
            _logger.warning("the database refused: %s", text)
            return StateError(message)
    if code.startswith(_UNAVAILABLE) or error.connection_invalidated or not code:
        _logger.warning("the database does not answer: %s", text)
        if any(words in text for words in _REFUSED_LOGIN):
            return StateError(_PERMANENT["28"])
        return CatalogueUnavailableError(
            "the database does not answer; check its server and DATABASE_URL, then try again"
        )
    _logger.error("the database refused a statement: %s", text)
    return StateError(f"the database refused a statement (SQLSTATE {code}); the log says which")


def _key(name: str) -> int:
    """Return the 64-bit number by which PostgreSQL knows a lock."""
    digest = hashlib.sha256(f"ragwright {name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _connect(dialect: Any, _record: object, arguments: list[Any], parameters: dict[str, Any]) -> object:
    parameters.setdefault("connect_timeout", CONNECT_S)
    if dialect.driver != "psycopg":
        return None
    import psycopg

    class BoundedConnection(psycopg.Connection[Any]):
        """A connection that waits so long for each answer, and is closed when none comes."""

        patience_s = WRITE_S

        def wait(self, gen: Any, *args: Any, **options: Any) -> Any:
            deadline = time.monotonic() + self.patience_s
            try:
                return super().wait(_until(gen, deadline), *args, **options)
            except _TooLateError:
                self.close()
                raise psycopg.OperationalError(f"no answer within {self.patience_s:g} s") from None

    return BoundedConnection.connect(*arguments, **parameters)


class _TooLateError(Exception):
    """An answer did not come in time."""


def _until(waiting: Generator[Any, Any, Any], deadline: float) -> Generator[Any, Any, Any]:
    """Run the driver's generator, which is resumed at short intervals, until a deadline."""
    ready = None
    while True:
        try:
            wanted = waiting.send(ready)
        except StopIteration as done:
            return done.value
        ready = yield wanted
        if not ready and time.monotonic() > deadline:
            raise _TooLateError


def _set_limits(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        for name, value in _SESSION.items():
            cursor.execute(f"SET {name} = {value}")
    connection.commit()


def _set_patience(connection: Connection) -> None:
    driver: Any = connection.connection.dbapi_connection
    if hasattr(driver, "patience_s"):
        driver.patience_s = WRITE_S if connection.get_execution_options().get("writes", False) else READ_S
