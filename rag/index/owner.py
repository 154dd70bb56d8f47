"""Who owns the shards of a home: the first process that asks, until it ends; every other one is its client.

qdrant-edge lets one process open a shard. The process that holds the file lock `locks/owner.lock` opens them and
serves a Unix socket; when it ends or is killed, the kernel frees the lock and the next caller takes over. Every call
of the port may be repeated, so a caller whose owner vanished simply asks again.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import socket
import stat
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.conditions import Filter
from rag.errors import IndexUnavailableError, StateError
from rag.index.shards import ClosingError, Shards, ShardServer
from rag.index.wire import CALLS, BrokenFrameError, Frame, raise_failure, receive, send
from rag.ports import Point, VectorIndex
from rag.state.home import Home
from rag.types import Candidate

_RETRY_S = 0.02
_MAX_SOCKET_PATH = 100  # the kernel takes 107 bytes


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
            lambda owned: owned.shards.drop(index_id),
            lambda: self._ask(Frame({"op": "drop", "index": index_id})),
        )

    def close(self) -> None:
        """End ownership (waiting for calls under way, flushing, closing the shards) and every connection."""
        with self._electing:
            self._closed = True
            owned, self._owned = self._owned, None
            if owned is not None:
                owned.close()
        self._hang_up()

    def call(self, index_id: int, dim: int, op: str, *args: Any) -> Any:
        """Run one method of `VectorIndex` at the owner, here or elsewhere, again if the owner changes meanwhile.

        Raises:
            IndexUnavailableError: no owner answered in time; names its process.
        """

        def here(owned: _Ownership) -> Any:
            with owned.shards.index(index_id, dim) as index:
                return getattr(index, op)(*args)

        def there() -> Any:
            address = {"op": op, "index": index_id, "dim": dim}
            reply = Frame({})
            for request in CALLS[op].requests(*args):
                reply = self._ask(Frame(address | request.header, request.body))
            return CALLS[op].result(reply)

        return self._until_answered(here, there)

    def _until_answered(self, here: Callable[[_Ownership], Any], there: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + self._patience_s
        while True:
            if self._closed:
                raise IndexUnavailableError("this process has closed its vector indexes; open them again")
            owned = self._owned
            try:
                return here(owned) if owned is not None else there()
            except (_OwnerGoneError, ClosingError):
                self._hang_up()
            if time.monotonic() > deadline:
                raise IndexUnavailableError(
                    f"process {self._owner_pid()} holds the vector index but does not serve it; end it or try again"
                )
            if not self._elect():
                time.sleep(_RETRY_S)

    # --- election ---

    def _elect(self) -> bool:
        with self._electing:
            if self._closed or self._owned is not None:
                return True
            with _writable(self._home.root):
                self._home.create()
                lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self._owned = self._take_over(lock)
                except BlockingIOError:
                    os.close(lock)
                    return False
                except BaseException:
                    os.close(lock)
                    raise
            return True

    def _take_over(self, lock: int) -> _Ownership:
        path = _socket_path(self._home)
        path.unlink(missing_ok=True)  # of an owner that was killed; the lock says that it is gone
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(str(path))
            listener.listen(128)
        except OSError:
            listener.close()
            raise
        shards = Shards(self._home)
        server = ShardServer(shards, listener)
        server.start()
        note = json.dumps({"pid": os.getpid(), "socket": str(path)}).encode()
        os.ftruncate(lock, 0)
        os.pwrite(lock, note, 0)
        return _Ownership(lock, shards, server, path)

    @property
    def _lock_path(self) -> Path:
        return self._home.root / "locks" / "owner.lock"

    def _owner(self) -> Mapping[str, Any]:
        try:
            note: Mapping[str, Any] = json.loads(self._lock_path.read_bytes())
        except (OSError, ValueError):
            return {}
        return note

    def _owner_pid(self) -> int:
        return int(self._owner().get("pid", 0))

    # --- client ---

    def _ask(self, request: Frame) -> Frame:
        connection = self._connection()
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
        with self._idle_guard:
            self._idle.append(connection)
        raise_failure(reply, self._owner_pid() if "error" in reply.header else 0)
        return reply

    def _connection(self) -> socket.socket:
        with self._idle_guard:
            if self._idle:
                return self._idle.pop()
        path = self._owner().get("socket")
        if path is None:
            raise _OwnerGoneError
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(self._timeout_s)
        try:
            connection.connect(path)
        except OSError as error:
            connection.close()
            raise _OwnerGoneError from error
        return connection

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


def _socket_path(home: Home) -> Path:
    path = home.root / "run" / "owner.sock"
    if len(os.fsencode(path)) > _MAX_SOCKET_PATH:
        digest = hashlib.sha256(os.fsencode(home.root)).hexdigest()[:16]
        path = Path(tempfile.gettempdir()) / f"ragwright-{os.getuid()}-{digest}" / "owner.sock"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    status = path.parent.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise StateError(f"{path.parent} must be a folder that only you can enter (mode 0700); remove it and try again")
    return path


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
    indexes._inherited = (indexes._owned, indexes._idle)  # never freed here: freeing would flush the parent's shard
    indexes._reset()


def _open_below(folder: Path) -> set[int]:
    found = set()
    for name in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else []:
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/self/fd/{name}").startswith(f"{folder}/"):
                found.add(int(name))
    return found
