"""How a process reads the shards of a home that it cannot write: it owns nothing and keeps nobody waiting for long."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from rag.index.place import Place, lock_path
from rag.index.shards import Shards
from rag.state.home import Home

CANNOT_WRITE = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True, slots=True)
class Quiet:
    """A moment in which nobody owns a home; `written` says whether somebody did since the one before."""

    place: Place | None
    written: bool


class ReaderLock:
    """The lock of a home that cannot be written, shared among readers for the length of a call."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._guard = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None

    @contextlib.contextmanager
    def held(self) -> Iterator[Quiet | None]:
        """Keep owners away; yield None where one lives."""
        try:
            lock = os.open(lock_path(self._home), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            yield Quiet(None, False)  # nobody ever owned it
            return
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
                return
            yield Quiet(Place.of(self._home, lock), self._written(lock))
        finally:
            os.close(lock)

    def place(self) -> Place:
        """Return the place of the home, whoever owns it."""
        with open(lock_path(self._home), "rb") as lock:
            return Place.of(self._home, lock.fileno())

    def _written(self, lock: int) -> bool:
        # Who takes over writes into the file whose lock it takes.
        status = os.fstat(lock)
        stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
        with self._guard:
            known, self._stamp = self._stamp, stamp
        return known is not None and known != stamp


class Reader:
    """What a process reads of a home that it cannot write: copies of its shards, made anew after others wrote."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._guard = threading.Lock()
        self._shards: Shards | None = None
        self.lock = ReaderLock(home)

    @contextlib.contextmanager
    def shards(self) -> Iterator[Shards | None]:
        """Lend the copies while nobody owns the home; None where somebody does."""
        with self.lock.held() as quiet:
            yield None if quiet is None else self._current(quiet)

    def close(self) -> None:
        """Remove the copies."""
        with self._guard:
            if self._shards is not None:
                self._shards.close()

    def _current(self, quiet: Quiet) -> Shards:
        with self._guard:
            if self._shards is not None and quiet.written:
                self._shards.close()
                self._shards = None
            if self._shards is None:
                self._shards = Shards(self._home, quiet.place, read_only=True)
            return self._shards
