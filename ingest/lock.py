"""One ingest per corpus at a time: a lock on a file that the system releases when its holder dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from rag.errors import BusyError, StateError
from rag.state.home import Home


@contextmanager
def ingest_lock(home: Home, corpus: str) -> Iterator[None]:
    """Hold the ingest lock of a corpus.

    Raises:
        BusyError: another process holds it.
        StateError: the lock file cannot be written.
    """
    home.create()
    path = home.ingest_lock(corpus)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StateError(f"cannot write {path}: {error.strerror}; check the permissions of RAGWRIGHT_HOME") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(f"another process is writing to {corpus!r}; run it again when that has finished") from None
        yield
    finally:
        os.close(descriptor)
