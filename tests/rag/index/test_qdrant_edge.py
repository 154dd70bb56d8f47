from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from rag.errors import BusyError, IndexUnavailableError, StateError
from rag.index import qdrant_edge
from rag.index.qdrant_edge import open_edge_index
from rag.ports import Point

DIM = 8


def vector(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(DIM).astype(np.float32)


def test_a_closed_shard_opens_again_with_its_points(tmp_path: Path) -> None:
    index = open_edge_index(tmp_path / "shard", DIM)
    index.upsert([Point(pk, vector(pk), 1, 1, {"a": "b"}) for pk in range(1, 11)])
    index.set_removed([3], 2)
    index.close()
    index = open_edge_index(tmp_path / "shard", DIM)
    assert (index.count(1), index.count(2)) == (10, 9)
    assert index.search(vector(7), 1, 2, {"a": "b"})[0].pk == 7
    index.close()


def test_a_second_owner_is_refused(tmp_path: Path) -> None:
    index = open_edge_index(tmp_path / "shard", DIM)
    with pytest.raises(BusyError, match="another process"):
        open_edge_index(tmp_path / "shard", DIM)
    index.close()


def test_another_dimension_is_refused(tmp_path: Path) -> None:
    open_edge_index(tmp_path / "shard", DIM).close()
    with pytest.raises(StateError, match="another embedder"):
        open_edge_index(tmp_path / "shard", DIM + 1)


def test_a_shard_that_a_crash_left_half_made_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "shard.new" / "segments").mkdir(parents=True)
    (tmp_path / "shard.new" / "edge_config.json").write_text("")
    index = open_edge_index(tmp_path / "shard", DIM)
    assert index.count(1) == 0
    index.close()


def test_a_damaged_shard_is_named(tmp_path: Path) -> None:
    open_edge_index(tmp_path / "shard", DIM).close()
    (tmp_path / "shard" / "edge_config.json").write_text("{")
    with pytest.raises(StateError, match="vector index failed"):
        open_edge_index(tmp_path / "shard", DIM)


def test_a_closed_shard_says_so(tmp_path: Path) -> None:
    index = open_edge_index(tmp_path / "shard", DIM)
    index.close()
    with pytest.raises(IndexUnavailableError, match="closed"):
        index.count(1)


def test_a_disk_without_room_is_an_error_before_the_mapped_files_end_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = open_edge_index(tmp_path / "shard", DIM)
    index.upsert([Point(1, vector(1), 1, 1, {})])
    monkeypatch.setattr(qdrant_edge.shutil, "disk_usage", lambda _: SimpleNamespace(free=10 * 2**20))
    with pytest.raises(StateError, match="the disk is full.*64 MB free"):
        index.upsert([Point(2, vector(2), 1, 1, {})])
    assert index.count(1) == 1
    index.close()
    with pytest.raises(StateError, match="the disk is full"):
        open_edge_index(tmp_path / "other", DIM)
