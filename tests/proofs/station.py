"""Runs `ragwright` commands as processes that can be killed at a chosen call; one JSON line in, one out.

Importing Ragwright takes a second, so this process does it once, with the light embedder, and forks for each command.
The child is a session of its own, as a shell would start it: its workers are its process group. When the command has
ended, in whatever way, the station waits until the group is empty and says how many processes stayed.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
import time
from typing import Any

_LEAVE_S = 10.0
_SUBREAPER = 36


def main() -> None:
    """Answer orders until standard input ends."""
    # Orphaned workers become children of this process, so that it can tell when they have ended.
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    _import()
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(_run(order)), flush=True)


def _import() -> None:
    import api.cli  # noqa: F401
    import api.cli.render_corpus  # noqa: F401
    import ingest.chunkers  # noqa: F401
    import ingest.partition  # noqa: F401
    import ingest.pipeline  # noqa: F401
    import ingest.upkeep.erase  # noqa: F401
    import ingest.upkeep.generations  # noqa: F401
    import rag.runtime  # noqa: F401
    from rag.models.embedders import EMBEDDERS
    from tests.proofs.light import use_light_embedder

    use_light_embedder(EMBEDDERS)


def _run(order: dict[str, Any]) -> dict[str, Any]:
    started = time.monotonic()
    pid = os.fork()
    if pid == 0:
        _become(order)
    killed_by_us = order["delay_s"] is not None and not _ended_within(pid, order["delay_s"])
    if killed_by_us:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    ended = time.monotonic()
    code = os.waitstatus_to_exitcode(status)
    return {"pid": pid, "code": code, "started": started, "ended": ended, "left": _left(pid)}


def _become(order: dict[str, Any]) -> None:
    """Turn the child into the command; never returns."""
    code = 99
    try:
        os.setsid()
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        code = _command(order)
        sys.stdout.flush()
    finally:
        os._exit(code)


def _command(order: dict[str, Any]) -> int:
    from api.cli import main as ragwright
    from tests.proofs.seams import Stop, stopped

    with contextlib.ExitStack() as stack:
        if order["stop"]:
            stack.enter_context(stopped(Stop(*order["stop"]), _die))
        return ragwright(order["arguments"])


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _ended_within(pid: int, delay_s: float) -> bool:
    """Wait; the process stays a zombie, so that its number is not given away."""
    deadline = time.monotonic() + delay_s
    while time.monotonic() < deadline:
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return True
        time.sleep(0.002)
    return False


def _left(group: int) -> int:
    """Return how many processes of a group are there after a while, and end them."""
    deadline = time.monotonic() + _LEAVE_S
    while True:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return 0
        if time.monotonic() > deadline:
            break
        time.sleep(0.01)
    os.killpg(group, signal.SIGKILL)
    return 1


if __name__ == "__main__":
    main()
