"""A home is its place, not its contents: copies, moves, links and mounts of a home that somebody serves."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from rag.errors import IndexUnavailableError
from rag.index.owner import VectorIndexes
from rag.index.wire import Frame, failure, receive, send
from rag.ports import Point
from rag.state.home import Home

DIM = 8


def point(pk: int) -> Point:
    return Point(pk, np.random.default_rng(pk).standard_normal(DIM).astype(np.float32), 1, pk, {})


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="rw") as folder:
        yield Path(folder)


def copied(source: Path, target: Path) -> None:
    """Copy everything, sockets included, as `cp -a` does."""
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


def copied_files(source: Path, target: Path) -> None:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.sock"))


def linked(source: Path, target: Path) -> None:
    """Copy by hard links: the lock file of the copy is the very file of the original."""
    subprocess.run(["cp", "-al", str(source), str(target)], check=True)


@pytest.mark.parametrize("copy", [copied, copied_files])
@pytest.mark.parametrize("deep", [False, True], ids=["short", "deep"])
def test_a_copy_of_a_served_home_has_its_own_index(
    folder: Path, copy: Callable[[Path, Path], None], deep: bool
) -> None:
    parent = folder.joinpath(*["a-rather-long-folder-name"] * 6) if deep else folder
    parent.mkdir(parents=True, exist_ok=True)
    with VectorIndexes(Home(parent / "original")) as original:
        original.open(1, DIM).upsert([point(pk) for pk in range(1, 6)])
        original.open(1, DIM).flush()
        copy(parent / "original", parent / "copy")
        with VectorIndexes(Home(parent / "copy")) as copied:
            copied.open(1, DIM).delete([1, 2, 3])
            copied.open(1, DIM).upsert([point(9)])
            assert copied.owns and copied.open(1, DIM).count(1) == 3
        assert original.open(1, DIM).count(1) == 5
        with VectorIndexes(Home(parent / "original")) as client:
            assert client.open(1, DIM).count(1) == 5 and not client.owns


def test_a_note_that_names_the_owner_of_another_home_is_not_believed(folder: Path) -> None:
    """The copy's lock is held, and what its file says is still what was copied: the socket of the original."""
    with VectorIndexes(Home(folder / "original")) as original:
        original.open(1, DIM).upsert([point(1)])
        with VectorIndexes(Home(folder / "copy")) as holder:
            holder.open(1, DIM).count(1)
            note = (folder / "original" / "locks" / "owner.lock").read_bytes()
            (folder / "copy" / "locks" / "owner.lock").write_bytes(note)
            (folder / "copy" / "run" / "owner.sock").unlink()
            with VectorIndexes(Home(folder / "copy"), patience_s=0.3) as client:
                with pytest.raises(IndexUnavailableError, match="does not serve it"):
                    client.open(1, DIM).upsert([point(2)])
        assert original.open(1, DIM).count(1) == 1


def test_a_copy_by_hard_links_does_not_reach_the_original(folder: Path) -> None:
    with VectorIndexes(Home(folder / "original")) as original:
        original.open(1, DIM).upsert([point(1)])
        linked(folder / "original", folder / "copy")
        with VectorIndexes(Home(folder / "copy"), patience_s=0.3) as client:
            with pytest.raises(IndexUnavailableError, match="hard links"):
                client.open(1, DIM).upsert([point(2)])
        assert original.open(1, DIM).count(1) == 1


@pytest.mark.parametrize("deep", [False, True], ids=["short", "deep"])
def test_other_names_of_a_home_lead_to_its_owner(folder: Path, deep: bool) -> None:
    home = folder.joinpath(*["a-rather-long-folder-name"] * 6) if deep else folder / "home"
    with VectorIndexes(Home(home)) as owner:
        owner.open(1, DIM).upsert([point(1)])
        (folder / "link").symlink_to(home)
        with VectorIndexes(Home(folder / "link")) as client:
            assert client.open(1, DIM).count(1) == 1 and not client.owns
        with VectorIndexes(Home(folder / "link" / ".." / os.path.relpath(home, folder))) as client:
            assert client.open(1, DIM).count(1) == 1 and not client.owns


def test_the_owner_of_a_home_that_was_moved_writes_to_no_home_that_took_its_place(folder: Path) -> None:
    with VectorIndexes(Home(folder / "old")) as owner:
        owner.open(1, DIM).upsert([point(1)])
        (folder / "old").rename(folder / "new")
        with VectorIndexes(Home(folder / "old")) as stranger:  # another home where the first was
            stranger.open(1, DIM).upsert([point(5), point(6)])
            with VectorIndexes(Home(folder / "new")) as client:
                for indexes in (owner, client):
                    with pytest.raises(IndexUnavailableError, match="was moved or replaced"):
                        indexes.open(1, DIM).count(1)
                    with pytest.raises(IndexUnavailableError, match="was moved or replaced"):
                        indexes.open(2, DIM).upsert([point(7)])
            assert stranger.open(1, DIM).count(1) == 2
            assert not (folder / "old" / "indexes" / "2").exists()


def test_a_home_that_was_replaced_by_a_copy_is_not_written_by_its_old_owner(folder: Path) -> None:
    owner = VectorIndexes(Home(folder / "home"))
    owner.open(1, DIM).upsert([point(1)])
    owner.open(1, DIM).flush()
    copied(folder / "home", folder / "copy")
    shutil.rmtree(folder / "home")
    (folder / "copy").rename(folder / "home")
    with VectorIndexes(Home(folder / "home")) as fresh:
        assert fresh.open(1, DIM).count(1) == 1 and fresh.owns
        with pytest.raises(IndexUnavailableError, match="was moved or replaced"):
            owner.open(1, DIM).upsert([point(2)])
        owner.close()
        assert fresh.open(1, DIM).count(1) == 1
        with VectorIndexes(Home(folder / "home")) as client:  # closing the old one took nothing from the new one
            assert client.open(1, DIM).count(1) == 1 and not client.owns


def test_many_copies_made_and_used_at_once_stay_apart(folder: Path) -> None:
    with VectorIndexes(Home(folder / "original")) as original:
        original.open(1, DIM).upsert([point(1)])
        original.open(1, DIM).flush()
        counts: dict[int, int] = {}

        def use(number: int) -> None:
            copied(folder / "original", folder / f"copy-{number}")
            with VectorIndexes(Home(folder / f"copy-{number}")) as copy:
                copy.open(1, DIM).upsert([point(100 + number), point(200 + number)])
                counts[number] = copy.open(1, DIM).count(1)

        threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert counts == dict.fromkeys(range(4), 3)
        assert original.open(1, DIM).count(1) == 1


def test_the_owner_of_an_older_release_is_named(folder: Path) -> None:
    """It does not know the handshake, so it cannot say whose index it holds."""
    home = Home(folder / "home")
    home.create()
    (home.root / "run").mkdir(mode=0o700)
    with open(home.root / "locks" / "owner.lock", "w") as lock, socket.socket(socket.AF_UNIX) as listener:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(json.dumps({"pid": 4711, "socket": str(home.root / "run" / "owner.sock")}))
        lock.flush()
        listener.bind(str(home.root / "run" / "owner.sock"))
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                assert receive(connection) is not None
                send(connection, failure(KeyError("index")))

        thread = threading.Thread(target=serve)
        thread.start()
        with VectorIndexes(home) as client:
            with pytest.raises(IndexUnavailableError, match="process 4711 .* another release"):
                client.open(1, DIM).count(1)
        thread.join()


def test_a_client_of_an_older_release_is_told(folder: Path) -> None:
    with VectorIndexes(Home(folder)) as owner, socket.socket(socket.AF_UNIX) as client:
        owner.open(1, DIM).upsert([point(1)])
        client.connect(str(folder / "run" / "owner.sock"))
        for _ in range(2):
            send(client, Frame({"op": "delete", "index": 1, "dim": DIM, "pks": [1]}))
            reply = receive(client)
            assert reply is not None and "older release" in reply.header["message"]
        assert owner.open(1, DIM).count(1) == 1
