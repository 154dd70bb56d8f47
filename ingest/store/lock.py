"""One ingest per corpus at a time, in every process and every home that uses its catalogue.

A lock on a file keeps processes of one home apart, an advisory lock of PostgreSQL those of several homes. The system
frees the one when its holder dies, the server the other when its holder's connection ends.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from rag.errors import BusyError, StateError
from rag.state import postgres
from rag.state.engine import translated
from rag.state.home import Home


@contextmanager
def ingest_lock(home: Home, corpus: str, engine: Engine) -> Iterator[None]:
    """Hold the ingest lock of a corpus.

    Raises:
        BusyError: another process holds it.
        StateError: the lock file cannot be written.
    """
    home.create()
    with _file_lock(_lock_file(home, corpus, engine), corpus):
        if engine.dialect.name != "postgresql":
            yield
            return
        with translated(), postgres.advisory_lock(engine, f"ingest {corpus}") as free:
            if not free:
                raise _busy(corpus)
            yield


def _lock_file(home: Home, corpus: str, engine: Engine) -> Path:
    file = engine.url.database if engine.dialect.name == "sqlite" else None
    if file is None or Path(file).resolve() == home.catalogue.resolve():
        return home.ingest_lock(corpus)
    # A SQLite file that lies elsewhere may serve several homes.
    return Path(f"{file}.ingest-{corpus}.lock")


@contextmanager
def _file_lock(path: Path, corpus: str) -> Iterator[None]:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StateError(f"cannot write {path}: {error.strerror}; check the permissions of RAGWRIGHT_HOME") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _busy(corpus) from None
        yield
    finally:
        os.close(descriptor)


def _busy(corpus: str) -> BusyError:
    return BusyError(f"another process is writing to {corpus!r}; run it again when that has finished")
