import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rag.errors import IndexUnavailableError, StateError
from rag.index.absent import AbsentIndex
from rag.index.shards import ClosingError, Shards, ShardServer
from rag.index.wire import Frame, receive, send
from rag.ports import Point
from rag.state.home import Home

DIM = 8
POINT = Point(1, np.eye(1, DIM, dtype=np.float32)[0], 1, 1, {})


@pytest.fixture
def shards(tmp_path: Path) -> Iterator[Shards]:
    shards = Shards(Home(tmp_path / "home"), None)
    yield shards
    shards.close()


def fill(shards: Shards) -> None:
    with shards.index(1, DIM, "upsert") as index:
        index.upsert([POINT])


def test_only_an_upsert_makes_a_shard(shards: Shards, tmp_path: Path) -> None:
    with shards.index(1, DIM, "search") as index:
        assert isinstance(index, AbsentIndex) and index.count(1) == 0
    assert not (tmp_path / "home" / "indexes").exists()
    fill(shards)
    with shards.index(1, DIM, "search") as index:
        assert index.count(1) == 1


def test_a_dropped_shard_is_gone_and_dropping_again_is_no_error(shards: Shards, tmp_path: Path) -> None:
    fill(shards)
    shards.drop(1)
    shards.drop(1)
    assert not (tmp_path / "home" / "indexes" / "1" / "shard").exists()


def test_closing_waits_for_who_is_inside_and_refuses_who_comes(shards: Shards) -> None:
    fill(shards)
    inside, closed = threading.Event(), threading.Event()

    def reader() -> None:
        with shards.index(1, DIM, "count"):
            inside.set()
            time.sleep(0.2)
            assert not closed.is_set()

    thread = threading.Thread(target=reader)
    thread.start()
    inside.wait(5)
    shards.close()
    closed.set()
    thread.join()
    with pytest.raises(ClosingError), shards.index(1, DIM, "count"):
        pass


def test_read_only_shards_are_read_from_a_copy_and_cannot_be_dropped(shards: Shards, tmp_path: Path) -> None:
    fill(shards)
    shards.close()
    reading = Shards(Home(tmp_path / "home"), None, read_only=True)
    with reading.index(1, DIM, "count") as index:
        assert index.count(1) == 1
        with pytest.raises(StateError, match="can only be read"):
            index.upsert([POINT])
    with pytest.raises(StateError, match="make it writable"):
        reading.drop(1)
    reading.close()


class Elsewhere:
    """A place that is no longer at its home."""

    def is_at(self, home: Home) -> bool:
        return False

    def as_json(self) -> list[list[int]]:
        return [[1, 2], [3, 4]]


def test_a_home_that_was_moved_is_not_served(tmp_path: Path) -> None:
    shards = Shards(Home(tmp_path / "home"), Elsewhere())  # type: ignore[arg-type]
    with pytest.raises(IndexUnavailableError, match="moved or replaced"), shards.index(1, DIM, "count"):
        pass


@pytest.fixture
def served(shards: Shards, tmp_path: Path) -> Iterator[socket.socket]:
    """A connection to a server of the shards."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s"))
    listener.listen()
    server = ShardServer(shards, listener)
    server.start()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "s"))
        client.settimeout(10)
        yield client
    server.stop_accepting()
    server.hang_up()


def asked(client: socket.socket, **header: object) -> dict[str, object]:
    send(client, Frame(dict(header)))
    answer = receive(client)
    assert answer is not None
    return dict(answer.header)


def test_a_client_that_did_not_greet_is_of_an_older_release(served: socket.socket) -> None:
    assert "older release" in str(asked(served, op="count", index=1, dim=DIM, generation=1))
    assert asked(served, op="hello") == {"place": None}
    assert "error" not in asked(served, op="drop", index=7)


def test_a_call_that_fails_is_answered_and_the_connection_stays(served: socket.socket) -> None:
    asked(served, op="hello")
    failed = asked(served, op="no such call", index=1, dim=DIM)
    assert failed
    assert asked(served, op="hello") == {"place": None}
