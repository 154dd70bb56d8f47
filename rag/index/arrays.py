"""Immutable sets of numpy arrays on disk: written aside, made durable, then put in place by one rename."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

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
    unfinished = folder.with_name(f"{folder.name}.new")
    with writing_to(folder):
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        for name, array in arrays.items():
            with open(unfinished / f"{name}.npy", "wb") as file:
                np.save(file, array, allow_pickle=False)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
        if durable:
            sync_folder(unfinished)
        put_in_place(unfinished, folder, durable=durable)


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
