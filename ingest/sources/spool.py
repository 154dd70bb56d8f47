"""A folder below RAGWRIGHT_HOME for what one run fetches: gone when it ends; what a crash left goes at the next start.

Who is alive is told by a lock on a file of each run's folder, which the system releases when its holder dies.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rag.errors import StateError

_LOCK = ".lock"


@contextmanager
def spool_folder(parent: Path) -> Iterator[Path]:
    """Hold an empty folder of this run's own, and remove those of runs that died.

    Raises:
        StateError: it cannot be written.
    """
    folder = parent / uuid.uuid4().hex
    with ExitStack() as stack:
        try:
            parent.mkdir(parents=True, exist_ok=True)
            with _locked(parent / _LOCK):  # so that nobody takes a folder for dead that is not locked yet
                for path in parent.iterdir():
                    if path.is_dir():
                        _remove_dead(path)
                folder.mkdir()
                stack.enter_context(_locked(folder / _LOCK))
        except OSError as error:
            raise StateError(f"cannot write to {parent}: {error.strerror}; check RAGWRIGHT_HOME") from error
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield folder


@contextmanager
def _locked(path: Path, wait: bool = True) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)


def _remove_dead(folder: Path) -> None:
    try:
        with _locked(folder / _LOCK, wait=False):
            shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        return
