"""Immutable sets of numpy arrays on disk: written aside, made durable, then put in place by one rename."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from rag.errors import StateError

Arrays = dict[str, NDArray[Any]]
_OLD = ".old"


def write_arrays(folder: Path, arrays: Mapping[str, NDArray[Any]], *, durable: bool = True) -> None:
    """Store arrays as `folder/NAME.npy`; a reader sees all of them or no folder. Replaces what was there.

    Raises:
        StateError: the disk is full or read-only.
    """
    with growing_arrays(folder, durable=durable) as made:
        for name, array in arrays.items():
            made.append(name, array)


class GrowingArrays:
    """Arrays of a folder in the making, each as long as all that was appended to it; made by `growing_arrays`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, tuple[BinaryIO, np.dtype[Any], tuple[int, ...]]] = {}

    @property
    def scratch(self) -> Path:
        """A folder that does not exist; what is made there must be gone in the end."""
        return self._folder / "scratch"

    def append(self, name: str, piece: NDArray[Any]) -> None:
        """Add a piece at the end of an array: of the same type, and the same shape but for its length.

        Raises:
            StateError: the disk is full or read-only.
        """
        with writing_to(self._folder):
            file, kind, shape = self._files.get(name) or self._begin(name, piece)
            if (piece.dtype, piece.shape[1:]) != (kind, shape[1:]):
                raise ValueError(f"{name} has {kind} of {shape[1:]}, not {piece.dtype} of {piece.shape[1:]}")
            file.write(np.ascontiguousarray(piece).data)
            self._files[name] = (file, kind, (shape[0] + len(piece), *shape[1:]))

    def finish(self, *, durable: bool) -> None:
        """Write down how long the arrays became, and close their files."""
        for file, kind, shape in self._files.values():
            file.seek(0)
            _write_header(file, kind, shape)
            file.flush()
            if durable:
                os.fsync(file.fileno())
            file.close()

    def close(self) -> None:
        """Close the files as they are."""
        for file, _, _ in self._files.values():
            file.close()

    def _begin(self, name: str, piece: NDArray[Any]) -> tuple[BinaryIO, np.dtype[Any], tuple[int, ...]]:
        begun = open(self._folder / f"{name}.npy", "wb"), piece.dtype, (0, *piece.shape[1:])
        self._files[name] = begun
        _write_header(*begun)
        return begun


def _write_header(file: BinaryIO, kind: np.dtype[Any], shape: tuple[int, ...]) -> None:
    # The format leaves room for the digits of a first axis that grows, so that every length has as long a header.
    header = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


@contextlib.contextmanager
def growing_arrays(folder: Path, *, durable: bool = True) -> Iterator[GrowingArrays]:
    """Store arrays as `folder/NAME.npy` piece by piece; a reader sees all of them or no folder.

    What was there is replaced when the block ends; if it ends with an error, what was written goes.

    Raises:
        StateError: the disk is full or read-only.
    """
    unfinished = folder.with_name(f"{folder.name}.new")
    with writing_to(folder):
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
    made = GrowingArrays(unfinished)
    try:
        yield made
        with writing_to(folder):
            made.finish(durable=durable)
            if durable:
                sync_folder(unfinished)
            put_in_place(unfinished, folder, durable=durable)
    except BaseException:
        made.close()
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def put_in_place(finished: Path, folder: Path, *, durable: bool = True) -> None:
    """Rename `finished` to `folder`; what was there goes, but not before the new one stands."""
    replaced = _replaced(folder)
    if folder.exists():
        shutil.rmtree(replaced, ignore_errors=True)
        folder.rename(replaced)
    finished.rename(folder)
    if durable:
        sync_folder(folder.parent)
    shutil.rmtree(replaced, ignore_errors=True)


def settle_replaced(parent: Path) -> None:
    """Finish or undo the replacements in `parent` that a crash cut short; call it only where nobody else writes."""
    for replaced in parent.glob(f"*{_OLD}") if parent.is_dir() else ():
        folder = replaced.with_name(replaced.name.removesuffix(_OLD))
        if folder.exists():
            shutil.rmtree(replaced, ignore_errors=True)
        else:
            replaced.rename(folder)


def _replaced(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}{_OLD}")


def read_arrays(folder: Path) -> Arrays:
    """Map the arrays of a folder into memory; nothing is read until it is used.

    Raises:
        FileNotFoundError: there is no such folder.
        StateError: its files are unreadable or damaged.
    """
    try:
        return _read(folder)
    except FileNotFoundError:
        # Between the two renames of a replacement only the old one is there; after a crash there it stays.
        with contextlib.suppress(FileNotFoundError):
            return _read(_replaced(folder))
        return _read(folder)


def _read(folder: Path) -> Arrays:
    names = sorted(path for path in os.listdir(folder) if path.endswith(".npy"))
    try:
        return {name.removesuffix(".npy"): _map(folder / name) for name in names}
    except FileNotFoundError:
        raise
    except (OSError, ValueError, EOFError) as error:
        raise StateError(f"{folder} is damaged ({error}); ingest the corpus again") from error


def _map(path: Path) -> NDArray[Any]:
    array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    # A plain view: slicing np.memmap itself costs ten times as much.
    return array.view(np.ndarray)


def remove_folder(folder: Path) -> None:
    """Delete a folder and what an interrupted write left beside it; neither needs to exist."""
    for leftover in (folder.with_name(f"{folder.name}.new"), _replaced(folder)):
        shutil.rmtree(leftover, ignore_errors=True)
    with writing_to(folder), contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """Turn the system's refusals to write into one line that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StateError(
                f"the disk is full: {path} could not be written; free some space and run it again"
            ) from error
        raise StateError(
            f"cannot write {path}: {error.strerror or error}; check the permissions of RAGWRIGHT_HOME"
        ) from error
