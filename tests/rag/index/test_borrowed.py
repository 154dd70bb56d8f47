import os
import tempfile
from pathlib import Path

import numpy as np
import pytest

from rag.errors import StateError
from rag.index import borrowed
from rag.index.borrowed import borrow
from rag.index.qdrant_edge import open_edge_index
from rag.ports import Point

DIM = 8


def point(pk: int) -> Point:
    return Point(pk, np.eye(1, DIM, pk % DIM, dtype=np.float32)[0], 1, 1, {})


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    """Two points on disk, closed."""
    index = open_edge_index(tmp_path / "index" / "shard", DIM)
    index.upsert([point(1), point(2)])
    index.flush()
    index.close()
    return tmp_path / "index" / "shard"


def test_a_copy_answers_and_is_gone_when_it_is_closed(
    shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = tmp_path / "room"
    room.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(room))
    before = {path: path.read_bytes() for path in shard.rglob("*") if path.is_file()}
    copy = borrow(shard, DIM)
    assert [candidate.pk for candidate in copy.search(point(2).vector, 1, 1, ())] == [2]
    assert copy.count(1) == 2 and copy.get([1])[1].tolist() == point(1).vector.tolist()
    assert [pk for pk, _, _ in copy.marks(0, 9)] == [1, 2]
    copy.flush()
    assert list(room.iterdir())
    copy.close()
    assert not list(room.iterdir())
    assert before == {path: path.read_bytes() for path in shard.rglob("*") if path.is_file()}


def test_what_would_write_is_refused_and_what_changes_nothing_is_not(shard: Path) -> None:
    copy = borrow(shard, DIM)
    try:
        for write in (
            lambda: copy.upsert([point(3)]),
            lambda: copy.delete([1]),
            lambda: copy.set_removed([1], 2),
            copy.compact,
            copy.compact_step,
        ):
            with pytest.raises(StateError, match="can only be read"):
                write()
        copy.delete([])
        copy.set_removed([], 2)
        assert copy.count(1) == 2
    finally:
        copy.close()


def test_a_shard_whose_rewrite_was_cut_short_is_copied_from_the_old_one(shard: Path) -> None:
    shard.rename(shard.with_name("shard.old"))
    copy = borrow(shard, DIM)
    assert copy.count(1) == 2
    copy.close()


def test_holes_of_a_file_stay_holes(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    with open(old / "sparse", "wb") as file:
        file.write(b"begin")
        file.seek(64 * 2**20)
        file.write(b"end")
    (old / "empty").touch()
    borrowed._copy_tree(old, tmp_path / "new")
    assert (tmp_path / "new" / "sparse").read_bytes() == (old / "sparse").read_bytes()
    assert os.stat(tmp_path / "new" / "sparse").st_blocks * 512 < 2**20
    assert (tmp_path / "new" / "empty").read_bytes() == b""
