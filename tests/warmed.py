"""A process that has imported everything, and runs `ragwright` commands in forks of itself."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import REPOSITORY

_HAND_OVER = str(REPOSITORY / "tests" / "docs" / "warm.py")


@contextmanager
def warmed(environment: Mapping[str, str]) -> Iterator[list[str]]:
    """Yield the command that stands for `ragwright`: it costs what it does, not the seconds that its imports take."""
    with tempfile.TemporaryDirectory() as short:  # the path of a socket may have some hundred characters
        address = f"{short}/warm"
        warm = [sys.executable, "-m", "tests.docs.warm", address]
        one_thread = {**environment, "OPENBLAS_NUM_THREADS": "1"}
        with subprocess.Popen(warm, cwd=REPOSITORY, env=one_thread) as running:
            try:
                deadline = time.monotonic() + 120
                while not Path(address).exists():
                    assert time.monotonic() < deadline and running.poll() is None
                    time.sleep(0.05)
                yield [sys.executable, "-I", "-S", _HAND_OVER, address, "run"]
            finally:
                running.terminate()
