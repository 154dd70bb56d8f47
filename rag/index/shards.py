"""The owner's side of decision 1: the open shards of one home, and the socket that serves them to other processes."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from rag.errors import BusyError, IndexUnavailableError, RagwrightError, StateError
from rag.index.absent import AbsentIndex
from rag.index.borrowed import BorrowedIndex, borrow, lacks_room
from rag.index.place import Place
from rag.index.qdrant_edge import EdgeVectorIndex, edge_index_exists, erase_edge_index, open_edge_index
from rag.index.wire import CALLS, BrokenFrameError, Frame, failure, receive, send
from rag.ports import VectorIndex
from rag.state.home import Home

_BUSY_WAIT_S = 10.0
_DRAIN_S = 30.0
_LEFT: list[dict[int, EdgeVectorIndex | BorrowedIndex]] = []
"""Shards of homes that are gone; freeing one would flush it."""


class Shards:
    """Every shard that this process owns, opened at its first use; counts who is inside so that closing can drain."""

    def __init__(self, home: Home, place: Place | None, read_only: bool = False) -> None:
        self._home = home
        self.place = place
        self._read_only = read_only
        self._open: dict[int, EdgeVectorIndex | BorrowedIndex] = {}
        self._opening = threading.Lock()
        self._changed = threading.Condition()
        self._inside = 0
        self._closing = False

    @contextlib.contextmanager
    def index(self, index_id: int, dim: int, op: str) -> Iterator[VectorIndex]:
        """Lend an open index for one call of `op`. Only an upsert makes a shard: one that is lost must not look new.

        Raises:
            IndexUnavailableError: the shards are being closed.
        """
        with self._entered():
            with self._opening:
                index = self._opened(index_id, dim, making=op == "upsert")
            yield index

    def _opened(self, index_id: int, dim: int, making: bool) -> VectorIndex:
        folder, known = self._folder(index_id), self._open.get(index_id)
        if isinstance(known, BorrowedIndex) and self._can_write(folder):
            self._open.pop(index_id)
            known.close()
            known = None
        if known is None:
            if not making and not self._exists(folder):
                return AbsentIndex(dim)
            known = _open_patiently(folder, dim) if self._can_write(folder) else borrow(folder, dim)
            self._open[index_id] = known
        return known

    def _can_write(self, folder: Path) -> bool:
        return not self._read_only and not lacks_room(folder)

    def _exists(self, folder: Path) -> bool:
        if self._read_only:
            return folder.exists() or folder.with_name(f"{folder.name}.old").exists()
        return edge_index_exists(folder)

    def drop(self, index_id: int) -> None:
        """Close a shard and delete its folder; one that does not exist is no error."""
        if self._read_only:
            raise StateError(f"{self._home.root} cannot be written; make it writable and run it again")
        with self._entered(), self._opening:
            index = self._open.pop(index_id, None)
            if index is not None:
                index.close()
            erase_edge_index(self._folder(index_id))

    def in_place(self) -> bool:
        """Say whether the home is still where its shards were opened."""
        return self.place is None or self.place.is_at(self._home)

    def close(self) -> None:
        """Refuse new calls, wait for those inside, then flush and close every shard.

        The shards of a home that was moved or replaced are left as a killed process leaves them: the engine opens
        files by their names when it flushes, and those names lead to another home by now.
        """
        with self._changed:
            self._closing = True
            self._changed.wait_for(lambda: self._inside == 0, timeout=_DRAIN_S)
        with self._opening:
            if not self.in_place():
                _LEFT.append(self._open)
                return
            while self._open:
                self._open.popitem()[1].close()

    @contextlib.contextmanager
    def _entered(self) -> Iterator[None]:
        with self._changed:
            if self._closing:
                raise ClosingError("this process is closing its vector indexes; open them again")
            if not self.in_place():
                raise IndexUnavailableError(
                    f"{self._home.root} was moved or replaced while process {os.getpid()} served its vector index;"
                    " restart that process"
                )
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    def _folder(self, index_id: int) -> Path:
        return self._home.index(index_id) / "shard"


class ClosingError(IndexUnavailableError):
    """The owner is on its way out: ask the next one."""


def _open_patiently(folder: Path, dim: int) -> EdgeVectorIndex:
    # The kernel frees the locks of a killed owner in any order: ours may be free before the shard's own.
    deadline = time.monotonic() + _BUSY_WAIT_S
    while True:
        try:
            return open_edge_index(folder, dim)
        except BusyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


_UNASKED = IndexUnavailableError(
    "this process runs an older release of Ragwright than the owner of the vector index; restart it"
)


class ShardServer:
    """Serves `Shards` on a listening Unix socket from daemon threads, one per connection."""

    def __init__(self, shards: Shards, listener: socket.socket) -> None:
        self._shards = shards
        self._listener = listener
        self._connections: set[socket.socket] = set()
        self._guard = threading.Lock()

    def start(self) -> None:
        """Begin to accept."""
        threading.Thread(target=self._accept, name="shard-server", daemon=True).start()

    def stop_accepting(self) -> None:
        """Close the listening socket; connections stay."""
        # shutdown() wakes the accepting thread, which close() alone does not.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def hang_up(self) -> None:
        """End every connection, so that clients look for the next owner."""
        with self._guard:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def sockets(self) -> list[socket.socket]:
        """Return every socket the server holds; takes no lock, because a forked child may inherit it locked."""
        return [self._listener, *self._connections]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), name="shard-client", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with self._guard:
            self._connections.add(connection)
        greeted = False
        try:
            while (frame := receive(connection)) is not None:
                greeted = greeted or frame.header.get("op") == "hello"
                send(connection, self._answer(frame) if greeted else failure(_UNASKED))
        except (ClosingError, BrokenFrameError, OSError):
            return  # the client sees the connection end and repeats its call elsewhere
        finally:
            with self._guard:
                self._connections.discard(connection)
            connection.close()

    def _answer(self, frame: Frame) -> Frame:
        try:
            return self._run(frame)
        except ClosingError:
            raise
        except (RagwrightError, KeyError, ValueError, TypeError, OSError) as error:
            return failure(error)

    def _run(self, frame: Frame) -> Frame:
        header = frame.header
        if header["op"] == "hello":
            return Frame({"place": self._shards.place.as_json() if self._shards.place else None})
        if header["op"] == "drop":
            self._shards.drop(header["index"])
            return Frame({})
        with self._shards.index(header["index"], header["dim"], header["op"]) as index:
            return CALLS[header["op"]].run(index, frame)
