"""Ownership of the shards, with real processes that are really killed."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rag.errors import IndexUnavailableError, StateError
from rag.index.owner import VectorIndexes
from rag.ports import REMOVED_NEVER, Point
from rag.state.home import Home

DIM = 8
ROOT = Path(__file__).parents[3]

PEER = """
import json, sys
from pathlib import Path
import numpy as np
from rag.index.owner import VectorIndexes
from rag.ports import Point
from rag.state.home import Home

home, role = Path(sys.argv[1]), sys.argv[2]
indexes = VectorIndexes(Home(home), patience_s=20)
index = indexes.open(1, 8)

def say(**message):
    print(json.dumps(message), flush=True)

def vector(pk):
    return np.random.default_rng(pk).standard_normal(8).astype(np.float32)

if role == "own":
    say(count=index.count(1), owns=indexes.owns)
    sys.stdin.readline()
    indexes.close()
    say(closed=True)
elif role == "write":
    first = int(sys.argv[3])
    for pk in range(first, first + 100_000):
        index.upsert([Point(pk, vector(pk), 1, pk, {"writer": str(first)})])
        if pk % 5 == 0:
            index.flush()
        say(done=pk)
elif role == "read":
    while True:
        seen = index.count(1)
        found = index.search(vector(1), 5, 1, ())
        assert len(found) >= min(5, seen), (len(found), seen)
        say(seen=seen)
"""


def vector(pk: int) -> np.ndarray:
    return np.random.default_rng(pk).standard_normal(DIM).astype(np.float32)


def point(pk: int) -> Point:
    return Point(pk, vector(pk), 1, pk, {})


class Peer:
    """Another process at the same home."""

    def __init__(self, home: Path, *args: str, role: str = "") -> None:
        self.role = role
        self.process = subprocess.Popen(
            [sys.executable, "-c", PEER, str(home), *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self.lines: list[dict[str, Any]] = []
        self.thread = threading.Thread(target=self._collect, daemon=True)
        self.thread.start()

    def _collect(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith("\n"):
                self.lines.append(json.loads(line))

    def wait_for_lines(self, count: int, timeout_s: float = 30) -> None:
        deadline = time.monotonic() + timeout_s
        while len(self.lines) < count:
            assert time.monotonic() < deadline, f"{len(self.lines)} of {count} lines; {self.problem()}"
            time.sleep(0.01)

    def problem(self) -> str:
        return self.end() if self.process.poll() is not None else "still running"

    def finish(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self) -> str:
        """Kill the process and return what it wrote to standard error."""
        self.process.kill()
        self.process.wait()
        self.thread.join()
        assert self.process.stderr is not None and self.process.stdin is not None and self.process.stdout is not None
        errors = "" if self.process.stderr.closed else self.process.stderr.read()
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.stderr.close()
        return errors


@pytest.fixture
def peers() -> Iterator[list[Peer]]:
    started: list[Peer] = []
    yield started
    for peer in started:
        peer.end()


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="rw") as folder:
        yield Path(folder)


def owner_pid(home: Path) -> int:
    return int(json.loads((home / "locks" / "owner.lock").read_text())["pid"])


def test_nothing_acknowledged_is_lost_when_owners_are_killed(home: Path, peers: list[Peer]) -> None:
    killed: list[Peer] = []
    for round_number in range(4):
        for role in {"write-0", "write-1", "read"} - {peer.role for peer in peers}:
            first = 1 + 1_000_000 * (2 * round_number + role.endswith("1"))
            peers.append(Peer(home, *role.split("-")[:1], str(first), role=role))
        marks = [len(peer.lines) for peer in peers]
        for peer, mark in zip(peers, marks, strict=True):
            peer.wait_for_lines(mark + 10)
        [victim] = [peer for peer in peers if peer.process.pid == owner_pid(home)]
        victim.process.kill()
        peers.remove(victim)
        killed.append(victim)
        for peer, mark in zip(peers, [len(peer.lines) for peer in peers], strict=True):
            peer.wait_for_lines(mark + 2, timeout_s=10)  # the line under way may not need the next owner
    survivors = list(peers)
    assert [peer.process.poll() for peer in survivors] == [None, None]
    assert all(peer.end() == "" for peer in [*survivors, *killed])
    acknowledged = sorted(line["done"] for peer in [*survivors, *killed] for line in peer.lines if "done" in line)
    peers.clear()
    with VectorIndexes(Home(home)) as indexes:
        index = indexes.open(1, DIM)
        assert len(acknowledged) > 30
        assert index.count(1) >= len(acknowledged)
        for pk in acknowledged:
            best = index.search(vector(pk), 1, 1, ())[0]
            assert best.pk == pk and best.score == pytest.approx(1.0, abs=1e-5)


def test_clients_go_on_when_the_owner_ends_cleanly(home: Path, peers: list[Peer]) -> None:
    owner = Peer(home, "own")
    peers.append(owner)
    owner.wait_for_lines(1)
    assert owner.lines[0]["owns"]
    with VectorIndexes(Home(home)) as indexes:
        index = indexes.open(1, DIM)
        written = 0
        stop = threading.Event()
        failures: list[BaseException] = []

        def write() -> None:
            nonlocal written
            try:
                while not stop.is_set():
                    index.upsert([point(written + 1)])
                    written += 1
            except BaseException as error:
                failures.append(error)

        writer = threading.Thread(target=write)
        writer.start()
        while written < 20:
            time.sleep(0.01)
        assert not indexes.owns
        owner.finish()
        owner.wait_for_lines(2)
        before = written
        deadline = time.monotonic() + 10
        while written < before + 20 and time.monotonic() < deadline:
            time.sleep(0.01)
        stop.set()
        writer.join()
        assert failures == []
        assert indexes.owns
        assert index.count(1) == written >= before + 20
    assert owner.process.wait(10) == 0


def test_a_stale_socket_file_is_replaced(home: Path) -> None:
    (home / "run").mkdir(mode=0o700)
    (home / "locks").mkdir()
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(home / "run" / "owner.sock"))
    stale.close()
    (home / "locks" / "owner.lock").write_text(json.dumps({"pid": 999_999, "socket": str(home / "run" / "owner.sock")}))
    with VectorIndexes(Home(home)) as first, VectorIndexes(Home(home)) as second:
        assert first.open(1, DIM).count(1) == 0
        assert second.open(1, DIM).count(1) == 0
        assert first.owns and not second.owns


def test_a_torn_lock_file_is_ignored(home: Path) -> None:
    (home / "locks").mkdir()
    (home / "locks" / "owner.lock").write_text('{"pid": 12')
    with VectorIndexes(Home(home)) as indexes:
        assert indexes.open(1, DIM).count(1) == 0


def test_a_long_home_path_works(home: Path) -> None:
    deep = home.joinpath(*["a-rather-long-folder-name"] * 6)
    with VectorIndexes(Home(deep)) as first, VectorIndexes(Home(deep)) as second:
        first.open(1, DIM).upsert([point(1)])
        assert second.open(1, DIM).count(1) == 1
        path = Path(json.loads((deep / "locks" / "owner.lock").read_text())["socket"])
        assert len(str(path)) < 108
        assert path.parent.stat().st_mode & 0o777 == 0o700
    assert not path.exists()
    path.parent.rmdir()


def test_the_socket_lies_in_a_folder_only_the_user_can_enter(home: Path) -> None:
    with VectorIndexes(Home(home)) as indexes:
        indexes.open(1, DIM).count(1)
        assert (home / "run").stat().st_mode & 0o777 == 0o700
    (home / "run").chmod(0o755)
    with VectorIndexes(Home(home)) as indexes, pytest.raises(StateError, match="mode 0700"):
        indexes.open(1, DIM).count(1)


def test_threads_that_elect_at_once_agree(home: Path) -> None:
    for _ in range(5):
        start = threading.Barrier(8)
        several = [VectorIndexes(Home(home)) for _ in range(4)]

        def use(indexes: VectorIndexes, pk: int, start: threading.Barrier = start) -> int:
            start.wait()
            indexes.open(1, DIM).upsert([point(pk)])
            return indexes.open(1, DIM).count(1)

        with ThreadPoolExecutor(8) as pool:
            counts = list(pool.map(use, several * 2, range(1, 9)))
        assert max(counts) == 8
        assert sum(indexes.owns for indexes in several) == 1
        for indexes in several:
            indexes.close()


def test_many_threads_read_while_one_writes(home: Path) -> None:
    with VectorIndexes(Home(home)) as owner, VectorIndexes(Home(home)) as client:
        owner.open(1, DIM).upsert([point(pk) for pk in range(1, 101)])

        def read(indexes: VectorIndexes) -> int:
            return min(len(indexes.open(1, DIM).search(vector(3), 10, 1, ())) for _ in range(40))

        with ThreadPoolExecutor(9) as pool:
            writing = pool.submit(lambda: [client.open(1, DIM).upsert([point(pk)]) for pk in range(101, 301)])
            assert list(pool.map(read, [owner, client] * 4)) == [10] * 8
            writing.result()
        assert owner.open(1, DIM).count(1) == 300


def test_a_stopped_owner_is_named(home: Path, peers: list[Peer]) -> None:
    owner = Peer(home, "own")
    peers.append(owner)
    owner.wait_for_lines(1)
    owner.process.send_signal(signal.SIGSTOP)
    with VectorIndexes(Home(home), timeout_s=0.3) as indexes:
        with pytest.raises(IndexUnavailableError, match=f"process {owner.process.pid} owns .* did not answer"):
            indexes.open(1, DIM).count(1)
        owner.process.send_signal(signal.SIGCONT)
        time.sleep(0.1)
        assert indexes.open(1, DIM).count(1) == 0


def test_an_owner_that_does_not_serve_is_named(home: Path) -> None:
    with VectorIndexes(Home(home)) as owner:
        owner.open(1, DIM).count(1)
        (home / "run" / "owner.sock").unlink()
        with VectorIndexes(Home(home), patience_s=0.2) as client:
            with pytest.raises(IndexUnavailableError, match=f"process {os.getpid()} holds"):
                client.open(1, DIM).count(1)


def test_a_forked_child_does_not_keep_the_ownership_alive(home: Path) -> None:
    indexes = VectorIndexes(Home(home))
    index = indexes.open(1, DIM)
    index.upsert([point(1)])
    ready, go = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.read(go[0], 1)  # stays alive while the parent gives up
        os._exit(0)
    indexes.close()
    with VectorIndexes(Home(home), patience_s=2) as following:
        assert following.open(1, DIM).count(1) == 1
        assert following.owns
    os.write(go[1], b"x")
    assert os.waitpid(child, 0)[1] == 0
    for descriptor in (*ready, *go):
        os.close(descriptor)


def test_a_forked_child_is_a_client(home: Path) -> None:
    with VectorIndexes(Home(home)) as indexes:
        index = indexes.open(1, DIM)
        index.upsert([point(1)])
        child = os.fork()
        if child == 0:
            try:
                index.upsert([point(2)])
                os._exit(0 if not indexes.owns and index.count(1) == 2 else 1)
            except BaseException:
                os._exit(2)
        assert os.waitpid(child, 0)[1] == 0
        assert indexes.owns
        assert index.count(1) == 2


def test_errors_travel_to_the_client(home: Path) -> None:
    with VectorIndexes(Home(home)) as owner, VectorIndexes(Home(home)) as client:
        owner.open(1, DIM).count(1)
        with pytest.raises(StateError, match="built with another embedder"):
            with VectorIndexes(Home(home)) as other:
                owner.drop(2)
                client.open(2, DIM).upsert([point(1)])
                owner.close()
                other.open(2, DIM + 1).count(1)


def test_a_large_upsert_travels_in_pieces(home: Path) -> None:
    with VectorIndexes(Home(home)) as owner, VectorIndexes(Home(home)) as client:
        owner.open(1, DIM).count(1)
        client.open(1, DIM).upsert([point(pk) for pk in range(1, 5001)])
        client.open(1, DIM).set_removed(range(1, 4901), 2)
        client.open(1, DIM).set_removed(range(1, 2), REMOVED_NEVER)
        assert owner.open(1, DIM).count(2) == 101


def test_indexes_are_kept_apart_and_dropped(home: Path) -> None:
    with VectorIndexes(Home(home)) as owner, VectorIndexes(Home(home)) as client:
        owner.open(1, DIM).upsert([point(1)])
        client.open(2, DIM * 2).upsert([Point(1, np.ones(DIM * 2, np.float32), 1, 1, {})])
        assert client.open(1, DIM).count(1) == owner.open(2, DIM * 2).count(1) == 1
        client.drop(1)
        client.drop(77)
        assert not (home / "indexes" / "1" / "shard").exists()
        assert owner.open(1, DIM).count(1) == 0


def test_a_closed_object_says_so(home: Path) -> None:
    indexes = VectorIndexes(Home(home))
    index = indexes.open(1, DIM)
    index.count(1)
    indexes.close()
    indexes.close()
    with pytest.raises(IndexUnavailableError, match="has closed"):
        index.count(1)


def test_nothing_happens_before_the_first_call(home: Path) -> None:
    VectorIndexes(Home(home / "new")).open(1, DIM)
    assert not (home / "new").exists()


def test_a_home_that_cannot_be_made_is_named(home: Path) -> None:
    (home / "file").write_text("")
    with VectorIndexes(Home(home / "file")) as indexes, pytest.raises(StateError, match="RAGWRIGHT_HOME"):
        indexes.open(1, DIM).count(1)


def test_strangers_on_the_socket_do_no_harm(home: Path) -> None:
    with VectorIndexes(Home(home)) as owner:
        owner.open(1, DIM).count(1)
        for garbage in (
            b"GET / HTTP/1.1\r\n\r\n",
            b"RGW1\x00\x00\x00\x02\x00\x00\x00\x00{}",
            b"RGW1\x00\x00\x00\x02\x00\x00\x00\x00{!",
        ):
            stranger = socket.socket(socket.AF_UNIX)
            stranger.connect(str(home / "run" / "owner.sock"))
            stranger.sendall(garbage)
            stranger.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                while stranger.recv(4096):
                    pass
            stranger.close()
        assert owner.open(1, DIM).count(1) == 0
