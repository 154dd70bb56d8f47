import shutil
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from qdrant_edge import Distance, EdgeConfig, EdgeVectorParams

from rag.errors import BusyError, IndexUnavailableError, StateError
from rag.index import qdrant_edge
from rag.index.qdrant_edge import open_edge_index
from rag.ports import Point
from tests.fakes import equal_to

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
    assert index.search(vector(7), 1, 2, equal_to(a="b"))[0].pk == 7
    index.close()


class Counted:
    """A shard that counts how often it is flushed."""

    def __init__(self, shard) -> None:
        self.shard, self.flushes = shard, 0

    def __getattr__(self, name: str):
        return getattr(self.shard, name)

    def flush(self) -> None:
        self.flushes += 1
        self.shard.flush()


def test_what_is_written_is_flushed_now_and_then_for_the_engine_holds_it_until_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qdrant_edge, "_FLUSHED", 10)
    index = open_edge_index(tmp_path / "shard", DIM)
    index._shard = counted = Counted(index._shard)
    for pk in range(1, 26, 5):
        index.upsert([Point(pk + i, vector(pk + i), 1, 1, {}) for i in range(5)])
    assert counted.flushes == 2
    index.set_removed(list(range(1, 6)), 2)
    assert counted.flushes == 3
    index.delete([1, 2])
    assert counted.flushes == 3
    assert (index.count(1), index.count(2)) == (23, 20)
    index.close()


def test_a_copy_is_flushed_as_it_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qdrant_edge, "_FLUSHED", 10)
    monkeypatch.setattr(qdrant_edge, "_BATCH", 5)
    made = []
    new_shard = qdrant_edge._new_shard
    monkeypatch.setattr(qdrant_edge, "_new_shard", lambda *a: made.append(Counted(new_shard(*a))) or made[-1])
    index = open_edge_index(tmp_path / "shard", DIM)
    index.upsert([Point(pk, vector(pk), 1, 1, {}) for pk in range(1, 28)])
    index.delete([27])
    index.compact()
    assert made[-1].flushes == 2 + 1  # two while it grew, one at its end
    assert index.count(1) == 26
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


def on_disk(folder: Path, text: bytes) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and text in path.read_bytes()]


def test_compacting_leaves_no_byte_of_erased_points(tmp_path: Path) -> None:
    index = open_edge_index(tmp_path / "shard", 8)
    index.upsert([named(pk) for pk in range(1, 21)])
    index.delete([3])
    index.flush()
    assert on_disk(tmp_path, b"secret=word3x")
    index.compact()
    assert not on_disk(tmp_path, b"secret=word3x") and on_disk(tmp_path, b"secret=word4x")
    assert [pk for pk, _, _ in index.marks(0, 50)] == [1, 2, *range(4, 21)]
    index.close()
    again = open_edge_index(tmp_path / "shard", 8)
    assert again.count(1) == 19
    again.close()
    assert [path.name for path in tmp_path.iterdir()] == ["shard"]


def test_a_shard_that_lost_nothing_is_not_rewritten(tmp_path: Path) -> None:
    index = open_edge_index(tmp_path / "shard", 8)
    index.upsert([named(1)])
    before = (tmp_path / "shard").stat().st_ino
    index.compact()
    assert (tmp_path / "shard").stat().st_ino == before
    (tmp_path / "shard" / "ragwright.whole").unlink()  # as in shards of the first release
    index.compact()
    assert (tmp_path / "shard").stat().st_ino != before and index.count(1) == 1
    index.close()


@pytest.mark.parametrize("left", ["copy", "old only", "old and copy", "old and new"])
def test_a_crash_within_a_rewrite_loses_nothing(tmp_path: Path, left: str) -> None:
    index = open_edge_index(tmp_path / "shard", 8)
    index.upsert([named(1), named(2)])
    index.delete([1])
    index.close()
    if left != "copy":
        (tmp_path / "shard").rename(tmp_path / "shard.old")
    if left in ("copy", "old and copy"):
        (tmp_path / "shard.copy" / "segments").mkdir(parents=True)
    if left == "old and new":
        shutil.copytree(tmp_path / "shard.old", tmp_path / "shard")
    again = open_edge_index(tmp_path / "shard", 8)
    assert [pk for pk, _, _ in again.marks(0, 5)] == [2]
    again.compact()
    again.close()
    assert [path.name for path in tmp_path.iterdir()] == ["shard"]


def codes(folder: Path) -> list[Path]:
    return list(folder.rglob("quantized_data/*"))


def test_codes_find_what_exact_search_finds(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    vectors = rng.standard_normal((4000, 64)).astype(np.float32)  # without clusters: the hardest case
    index = open_edge_index(tmp_path / "shard", 64)
    index.upsert([Point(pk, row, 1, 1, {}) for pk, row in enumerate(vectors)])
    assert codes(tmp_path)
    for query in rng.standard_normal((20, 64)).astype(np.float32):
        for top_k in (10, 100):
            assert index.search(query, top_k, 1, ()) == index.search(query, top_k, 1, (), exact=True)
    index.close()


def test_a_shard_without_codes_is_searched_whole_and_gets_them_when_it_is_rewritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = EdgeConfig(vectors={"dense": EdgeVectorParams(size=DIM, distance=Distance.Cosine)})
    with monkeypatch.context() as first_release:
        first_release.setattr(qdrant_edge, "_config", lambda _: plain)
        index = open_edge_index(tmp_path / "shard", DIM)
        index.upsert([named(pk) for pk in range(1, 400)])
        index.close()
    (tmp_path / "shard" / "ragwright.coded").unlink()
    index = open_edge_index(tmp_path / "shard", DIM)
    index.upsert([named(pk) for pk in range(400, 800)])
    before = index.search(named(7).vector, 10, 1, ())
    assert not codes(tmp_path) and before == index.search(named(7).vector, 10, 1, (), exact=True)
    index.compact()
    assert codes(tmp_path) and before == index.search(named(7).vector, 10, 1, ())
    index.close()


def test_a_write_during_a_rewrite_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.index.qdrant_edge._STEP_S", 0.0)  # one batch a step
    index = open_edge_index(tmp_path / "shard", 8)
    index.upsert([named(pk) for pk in range(1, 1500)])
    index.delete([1])
    assert not index.compact_step() and not index.compact_step()
    index.upsert([named(5000)])
    index.delete([2])
    index.compact()
    assert [pk for pk, _, _ in index.marks(0, 5000)] == [*range(3, 1500), 5000]
    index.close()


def named(pk: int) -> Point:
    vector = np.random.default_rng(pk).standard_normal(8).astype(np.float32)
    return Point(pk, vector, 1, pk, {"secret": f"word{pk}x"})


def test_readers_see_no_gap_while_the_shard_is_rewritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.index.qdrant_edge._STEP_S", 0.0)
    index = open_edge_index(tmp_path / "shard", 8)
    index.upsert([named(pk) for pk in range(1, 3001)])
    seen: list[tuple[int, int]] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen.append((index.count(1), len(index.search(named(7).vector, 5, 1, ()))))

    reader = threading.Thread(target=read)
    index.delete([1])
    reader.start()
    index.compact()
    stop.set()
    reader.join()
    assert set(seen) == {(2999, 5)}
    index.close()
