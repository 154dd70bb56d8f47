"""Shards that are read from a copy, because their own folder cannot be written: it is read-only, or the disk is full.

The engine writes to a shard when it opens it. In a read-only folder that fails, and on a full disk the kernel kills the
process at the first page that finds no room. A copy lies where there is room, and is removed when it is closed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.conditions import Filter
from rag.errors import StateError
from rag.index.qdrant_edge import RESERVE_BYTES, EdgeVectorIndex, open_edge_index
from rag.ports import Point
from rag.types import Candidate

_MEMORY = Path("/dev/shm")
_BLOCK = 2**20
_COPY_BYTES = 64 * 2**20  # what the engine may write to a copy


class BorrowedIndex:
    """`rag.ports.VectorIndex` over a copy of a shard; it can be read only."""

    def __init__(self, index: EdgeVectorIndex, original: Path, copy: Path) -> None:
        self._index = index
        self._original = original
        self._copy = copy

    def upsert(self, points: Sequence[Point]) -> None:
        """Refuse."""
        raise self._refusal()

    def set_removed(self, pks: Sequence[int], generation: int) -> None:
        """Refuse, unless there is nothing to do."""
        if pks:
            raise self._refusal()

    def delete(self, pks: Sequence[int]) -> None:
        """Refuse, unless there is nothing to do."""
        if pks:
            raise self._refusal()

    def search(
        self, vector: NDArray[np.float32], top_k: int, generation: int, filter: Filter, exact: bool = False
    ) -> list[Candidate]:
        """Return up to `top_k` visible chunks that satisfy the filter, by falling cosine similarity, ties by pk."""
        return self._index.search(vector, top_k, generation, filter, exact)

    def count(self, generation: int) -> int:
        """Return how many chunks the generation sees."""
        return self._index.count(generation)

    def get(self, pks: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        """Return the stored vectors `(dim,) float32`, L2-normalised, visible or not; unknown pks are left out."""
        return self._index.get(pks)

    def marks(self, after: int, limit: int) -> list[tuple[int, int, int]]:
        """Return up to `limit` stored points with a pk above `after`, by pk, as `(pk, added, removed)`."""
        return self._index.marks(after, limit)

    def compact(self) -> None:
        """Refuse."""
        raise self._refusal()

    def compact_step(self) -> bool:
        """Refuse."""
        raise self._refusal()

    def flush(self) -> None:
        """Do nothing: nothing was written."""

    def close(self) -> None:
        """Close the copy and remove it."""
        self._index.close()
        shutil.rmtree(self._copy, ignore_errors=True)

    def _refusal(self) -> StateError:
        return StateError(
            f"the vector index in {self._original.parent} can only be read: its folder is read-only or the disk is"
            " full; make it writable or free some space, and run it again"
        )


def lacks_room(folder: Path) -> bool:
    """Say whether the engine would find no room to write below a folder."""
    place = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(place).free < RESERVE_BYTES


def borrow(folder: Path, dim: int) -> BorrowedIndex:
    """Open a copy of a shard that nobody writes meanwhile.

    Raises:
        StateError: there is no room for the copy.
    """
    source = folder if folder.exists() else folder.with_name(f"{folder.name}.old")  # a rewrite was cut short
    needed = sum(path.stat().st_blocks * 512 for path in source.rglob("*")) + _COPY_BYTES
    copy = Path(tempfile.mkdtemp(prefix="ragwright-index-", dir=_room(needed, folder)))
    try:
        _copy_tree(source, copy / "shard")
        return BorrowedIndex(open_edge_index(copy / "shard", dim), folder, copy)
    except BaseException:
        shutil.rmtree(copy, ignore_errors=True)
        raise


def _room(needed: int, folder: Path) -> Path:
    for place in (Path(tempfile.gettempdir()), _MEMORY):
        if os.access(place, os.W_OK) and shutil.disk_usage(place).free >= needed:
            return place
    raise StateError(
        f"the vector index in {folder.parent} cannot be opened: its folder is read-only or the disk is full, and there"
        f" is no room for a copy; free some space, or set TMPDIR to a folder with {needed // 2**20 + 1} MB free"
    )


def _copy_tree(source: Path, target: Path) -> None:
    """Copy folders and files with fresh permissions: those of a read-only home would make the copy read-only."""
    target.mkdir()
    for path in source.iterdir():
        if path.is_dir():
            _copy_tree(path, target / path.name)
        else:
            _copy_sparse(path, target / path.name)


def _copy_sparse(source: Path, target: Path) -> None:
    """Copy what a file holds and leave its holes: a shard's files are mostly holes."""
    with open(source, "rb") as old, open(target, "wb") as new:
        size, place = os.fstat(old.fileno()).st_size, 0
        with contextlib.suppress(OSError):  # no data after `place`
            while place < size:
                place = os.lseek(old.fileno(), place, os.SEEK_DATA)
                end = os.lseek(old.fileno(), place, os.SEEK_HOLE)
                _copy_range(old.fileno(), new.fileno(), place, end)
                place = end
        new.truncate(size)


def _copy_range(old: int, new: int, start: int, end: int) -> None:
    while start < end:
        data = os.pread(old, min(_BLOCK, end - start), start)
        if not data:
            return
        view = memoryview(data)
        while view:
            written = os.pwrite(new, view, start)
            view, start = view[written:], start + written
