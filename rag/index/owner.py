"""Who owns the shards of a home: the first process that asks, until it ends; every other one is its client.

qdrant-edge lets one process open a shard. The process that holds the file lock `locks/owner.lock` opens them and
serves a Unix socket; when it ends or is killed, the kernel frees the lock and the next caller takes over. Every call
of the port may be repeated, so a caller whose owner vanished simply asks again.

A caller tries the lock of its own home first. Only where somebody holds it does it look for a socket, and whoever
answers there must own this very place: what the lock file says is copied with the home.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.conditions import Filter
from rag.errors import IndexUnavailableError, StateError
from rag.index.place import Place, lock_path, made_socket_path, owner_note, socket_paths, write_note
from rag.index.reading import CANNOT_WRITE, Reader
from rag.index.shards import ClosingError, Shards, ShardServer
from rag.index.wire import CALLS, BrokenFrameError, Frame, raise_failure, receive, send
from rag.ports import Point, VectorIndex
from rag.state.home import Home
from rag.types import Candidate

_RETRY_S = 0.02


class _OwnerGoneError(Exception):
    """Nobody answers at the socket (yet, or any more)."""


@dataclass(slots=True)
class _Ownership:
    """What the owner holds; the lock is freed last."""

    lock: int
    shards: Shards
    server: ShardServer
    socket_path: Path

    def close(self) -> None:
        self.server.stop_accepting()
        if self.shards.in_place():
            self.socket_path.unlink(missing_ok=True)
        try:
            self.shards.close()
        finally:
            self.server.hang_up()
            os.close(self.lock)


class VectorIndexes:
    """The vector indexes of one home, opened by id; use one per process and close it at the end.

    `timeout_s` bounds the wait for one answer of a living owner, `patience_s` the wait for an owner to appear.
    """

    def __init__(self, home: Home, timeout_s: float = 60.0, patience_s: float = 30.0) -> None:
        self._home = Home(Path(os.path.abspath(home.root)))
        self._timeout_s = timeout_s
        self._patience_s = patience_s
        self._reset()
        self._inherited: object = None
        this = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _forget_inherited(this))

    def _reset(self) -> None:
        self._owned: _Ownership | None = None
        self._reader: Reader | None = None
        self._closed = False
        self._electing = threading.Lock()
        self._idle: list[socket.socket] = []
        self._idle_guard = threading.Lock()

    def __enter__(self) -> VectorIndexes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def owns(self) -> bool:
        """Say whether this process owns the shards."""
        return self._owned is not None

    def open(self, index_id: int, dim: int) -> VectorIndex:
        """Return the index; nothing is opened or elected before its first call."""
        return _SharedIndex(self, index_id, dim)

    def drop(self, index_id: int) -> None:
        """Delete the shard of an index that nobody reads any more."""
        self._until_answered(
            lambda shards: shards.drop(index_id),
            lambda: self._ask(Frame({"op": "drop", "index": index_id})),
        )

    def close(self) -> None:
        """End ownership (waiting for calls under way, flushing, closing the shards) and every connection."""
        with self._electing:
            self._closed = True
            owned, self._owned = self._owned, None
            if owned is not None:
                owned.close()
            if self._reader is not None:
                self._reader.close()
        self._hang_up()

    def call(self, index_id: int, dim: int, op: str, *args: Any) -> Any:
        """Run one method of `VectorIndex` at the owner, here or elsewhere, again if the owner changes meanwhile.

        Raises:
            IndexUnavailableError: no owner answered in time; names its process.
        """

        def here(shards: Shards) -> Any:
            with shards.index(index_id, dim, op) as index:
                return getattr(index, op)(*args)

        def there() -> Any:
            address = {"op": op, "index": index_id, "dim": dim}
            reply = Frame({})
            for request in CALLS[op].requests(*args):
                reply = self._ask(Frame(address | request.header, request.body))
            return CALLS[op].result(reply)

        return self._until_answered(here, there)

    def _until_answered(self, here: Callable[[Shards], Any], there: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + self._patience_s
        while True:
            if self._closed:
                raise IndexUnavailableError("this process has closed its vector indexes; open them again")
            try:
                with self._shards() as shards:
                    return here(shards) if shards is not None else there()
            except (_OwnerGoneError, ClosingError):
                self._hang_up()
            if time.monotonic() > deadline:
                raise IndexUnavailableError(
                    f"process {self._owner_pid()} holds the vector index but does not serve it; end it or try again"
                )
            if self._owned is None and self._reader is None:
                time.sleep(_RETRY_S)

    @contextlib.contextmanager
    def _shards(self) -> Iterator[Shards | None]:
        """Lend the shards that this process has open, None where it must ask the owner."""
        if self._owned is not None or self._reader is None:
            yield self._owned.shards if self._owned is not None else None
            return
        with self._reader.shards() as shards:
            yield shards

    # --- election ---

    def _elect(self) -> Place | None:
        """Become the owner if nobody is; return the place of this home if another process owns it."""
        with self._electing:
            if self._closed or self._owned is not None:
                return None
            if self._reader is not None:
                return self._reader.lock.place()
            with _writable(self._home.root):
                self._home.create()
                try:
                    lock = os.open(lock_path(self._home), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                except OSError as error:
                    if error.errno not in CANNOT_WRITE or not (self._home.root / "indexes").is_dir():
                        raise
                    self._reader = Reader(self._home)
                    return None
                try:
                    place = Place.of(self._home, lock)
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self._owned = self._take_over(lock, place)
                except BlockingIOError:
                    os.close(lock)
                    return place
                except BaseException:
                    os.close(lock)
                    raise
            return None

    def _take_over(self, lock: int, place: Place) -> _Ownership:
        path = made_socket_path(self._home)
        path.unlink(missing_ok=True)  # of an owner that was killed; the lock says that it is gone
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(str(path))
            listener.listen(128)
        except BaseException:
            listener.close()
            raise
        shards = Shards(self._home, place)
        server = ShardServer(shards, listener)
        server.start()
        write_note(lock, path)
        return _Ownership(lock, shards, server, path)

    def _owner_pid(self) -> int:
        return int(owner_note(self._home).get("pid", 0))

    # --- client ---

    def _ask(self, request: Frame) -> Frame:
        connection = self._connection()
        reply = self._exchanged(connection, request)
        with self._idle_guard:
            self._idle.append(connection)
        raise_failure(reply, self._owner_pid() if "error" in reply.header else 0)
        return reply

    def _exchanged(self, connection: socket.socket, request: Frame) -> Frame:
        """Return the answer to a request; a connection that gives none is closed."""
        try:
            send(connection, request)
            reply = receive(connection)
        except TimeoutError as error:
            connection.close()
            raise IndexUnavailableError(
                f"process {self._owner_pid()} owns the vector index and did not answer within"
                f" {self._timeout_s:g} s; end it or try again"
            ) from error
        except (BrokenFrameError, OSError) as error:
            connection.close()
            raise _OwnerGoneError from error
        if reply is None:
            connection.close()
            raise _OwnerGoneError
        return reply

    def _connection(self) -> socket.socket:
        """Return a connection to the owner of this home.

        Raises:
            _OwnerGoneError: nobody who owns this home answers, or this process has just become its owner.
        """
        with self._idle_guard:
            if self._idle:
                return self._idle.pop()
        place = self._elect()
        if place is not None:
            for path in socket_paths(self._home):
                connection = self._connected(path)
                if connection is not None and self._greets(connection, place):
                    return connection
        raise _OwnerGoneError

    def _connected(self, path: str) -> socket.socket | None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(self._timeout_s)
        try:
            connection.connect(path)
        except OSError:
            connection.close()
            return None
        return connection

    def _greets(self, connection: socket.socket, place: Place) -> bool:
        """Ask the owner which home it owns; the connection is closed if it is not this one."""
        greeted = False
        try:
            reply = self._exchanged(connection, Frame({"op": "hello"}))
            greeted = self._is_of(reply, place)
        except _OwnerGoneError:
            return False
        finally:
            if not greeted:
                connection.close()
        return greeted

    def _is_of(self, reply: Frame, place: Place) -> bool:
        theirs = Place.from_json(reply.header.get("place"))
        if theirs is None:
            raise IndexUnavailableError(
                f"process {self._owner_pid()} serves the vector index with another release of Ragwright; restart it"
            )
        if theirs != place and theirs.lock == place.lock:
            raise IndexUnavailableError(
                f"{self._home.root} shares its files with another home by hard links, and process {self._owner_pid()}"
                " uses that one; copy the home without hard links"
            )
        return theirs == place

    def _hang_up(self) -> None:
        with self._idle_guard:
            while self._idle:
                self._idle.pop().close()

    # --- fork ---

    def _held_sockets(self) -> list[socket.socket]:
        return [*self._idle, *(self._owned.server.sockets() if self._owned else [])]


class _SharedIndex:
    """`rag.ports.VectorIndex` that runs every call at the owner."""

    def __init__(self, indexes: VectorIndexes, index_id: int, dim: int) -> None:
        self._indexes = indexes
        self._id = index_id
        self._dim = dim

    def upsert(self, points: Sequence[Point]) -> None:
        self._call("upsert", points)

    def set_removed(self, pks: Sequence[int], generation: int) -> None:
        self._call("set_removed", pks, generation)

    def delete(self, pks: Sequence[int]) -> None:
        self._call("delete", pks)

    def search(
        self, vector: NDArray[np.float32], top_k: int, generation: int, filter: Filter, exact: bool = False
    ) -> list[Candidate]:
        found: list[Candidate] = self._call("search", vector, top_k, generation, filter, exact)
        return found

    def count(self, generation: int) -> int:
        return int(self._call("count", generation))

    def get(self, pks: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        found: dict[int, NDArray[np.float32]] = self._call("get", list(pks))
        return found

    def marks(self, after: int, limit: int) -> list[tuple[int, int, int]]:
        found: list[tuple[int, int, int]] = self._call("marks", after, limit)
        return found

    def compact(self) -> None:
        while not self._call("compact_step"):
            pass

    def flush(self) -> None:
        self._call("flush")

    def _call(self, op: str, *args: Any) -> Any:
        return self._indexes.call(self._id, self._dim, op, *args)


@contextlib.contextmanager
def _writable(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StateError(
            f"cannot serve the vector index from {root}: {error.strerror or error};"
            " set RAGWRIGHT_HOME to a folder you can write"
        ) from error


def _forget_inherited(ref: weakref.ref[VectorIndexes]) -> None:
    """In a forked child: give up every lock and socket of the parent, and start as a stranger.

    A forked child shares the parent's open files, and a file lock lives as long as any process has the file open, so
    the child would keep the parent's ownership alive after its death. The descriptors are pointed at /dev/null
    instead of closed, because the shard's native code still believes in their numbers.
    """
    indexes = ref()
    if indexes is None:
        return
    held = {connection.fileno() for connection in indexes._held_sockets()}
    if indexes._owned is not None:
        held |= {indexes._owned.lock, *_open_below(indexes._home.root / "indexes")}
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for descriptor in held - {-1}:
        os.dup2(null, descriptor, inheritable=False)
    os.close(null)
    indexes._inherited = (
        indexes._owned,
        indexes._reader,
        indexes._idle,
    )  # never freed here: freeing would flush the parent's shard
    indexes._reset()


def _open_below(folder: Path) -> set[int]:
    found = set()
    for name in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else []:
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/self/fd/{name}").startswith(f"{folder}/"):
                found.add(int(name))
    return found
