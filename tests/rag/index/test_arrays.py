import errno
from pathlib import Path

import numpy as np
import pytest

from rag.errors import StateError
from rag.index.arrays import growing_arrays, read_arrays, remove_folder, write_arrays, writing_to


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    arrays = {"a": np.arange(5), "b": np.zeros((0, 3), np.float32), "c": np.array([2**63], np.uint64)}
    write_arrays(tmp_path / "x", arrays)
    read = read_arrays(tmp_path / "x")
    assert read.keys() == arrays.keys()
    for name, array in arrays.items():
        assert read[name].dtype == array.dtype and np.array_equal(read[name], array)
        assert type(read[name]) is np.ndarray
    with pytest.raises(ValueError, match="read-only"):
        read["a"][0] = 1


def test_a_second_write_replaces_the_first(tmp_path: Path) -> None:
    write_arrays(tmp_path / "x", {"a": np.arange(5), "b": np.arange(2)})
    write_arrays(tmp_path / "x", {"a": np.arange(3)})
    assert list(read_arrays(tmp_path / "x")) == ["a"]


def test_an_interrupted_write_leaves_no_trace(tmp_path: Path) -> None:
    (tmp_path / "x.new").mkdir()
    (tmp_path / "x.new" / "old.npy").write_bytes(b"half")
    write_arrays(tmp_path / "x", {"a": np.arange(3)})
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert list(read_arrays(tmp_path / "x")) == ["a"]


def test_arrays_grow_piece_by_piece_to_any_length(tmp_path: Path) -> None:
    with growing_arrays(tmp_path / "x") as made:
        for start in range(0, 12_000, 1000):  # as long a header for 5 digits as for 1
            made.append("a", np.arange(start, start + 1000))
            made.append("b", np.full((1, 2), start, np.float32))
        made.append("c", np.zeros(0, np.int32))
    read = read_arrays(tmp_path / "x")
    assert np.array_equal(read["a"], np.arange(12_000)) and read["c"].dtype == np.int32
    assert np.array_equal(read["b"], np.repeat(np.arange(0, 12_000, 1000, np.float32), 2).reshape(-1, 2))


def test_arrays_that_were_not_finished_leave_the_old_ones(tmp_path: Path) -> None:
    write_arrays(tmp_path / "x", {"a": np.arange(5)})
    with pytest.raises(ValueError, match="a has int64"), growing_arrays(tmp_path / "x") as made:
        made.append("a", np.arange(3))
        made.append("a", np.arange(3, dtype=np.int32))
    assert read_arrays(tmp_path / "x")["a"].tolist() == [0, 1, 2, 3, 4]
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_removing_what_is_not_there_is_fine(tmp_path: Path) -> None:
    (tmp_path / "x.new").mkdir()
    remove_folder(tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "advice"), [(errno.ENOSPC, "disk is full"), (errno.EROFS, "permissions"), (errno.EACCES, "permissions")]
)
def test_refusals_to_write_say_what_to_do(tmp_path: Path, number: int, advice: str) -> None:
    with pytest.raises(StateError, match=advice), writing_to(tmp_path):
        raise OSError(number, "no")
