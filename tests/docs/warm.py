"""Runs `ragwright` commands of the pages in forks of one process that has imported everything.

A command costs what it does, not the second that its imports take. It is the same `main` in a process of its own,
with the arguments, the folder, the environment and the three streams of whoever typed it. Only the workers of an ingest
are missing: it makes its documents itself, because every start of them costs seconds and they have tests of their own.

    python -m tests.docs.warm SOCKET                    waits for commands
    python tests/docs/warm.py SOCKET run ARGUMENT...    hands one over and exits with its code
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys

_LONGEST = 1 << 20


def hand_over(address: str, arguments: list[str]) -> int:
    """Let the waiting process run a command; return its exit code."""
    message = json.dumps({"arguments": arguments, "folder": os.getcwd(), "environment": dict(os.environ)}).encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
        line.connect(address)
        socket.send_fds(line, [message], [0, 1, 2])
        return int(line.recv(16) or b"70")


def wait_for_commands(address: str) -> None:
    """Take commands until the process is ended."""
    for name in ("api.cli", "rag.runtime", "ingest.pipeline", "eval.runner"):
        __import__(name)
    _make_documents_here()
    if len(os.listdir("/proc/self/task")) > 1:
        sys.exit("a fork has only one thread: a lock that another one holds would stay locked in it")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # those who wait for a command are not waited for
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
        door.bind(address)
        door.listen()
        while True:
            line, _ = door.accept()
            if not os.fork():
                _answer(line)
            line.close()


def _make_documents_here() -> None:
    from ingest.make.workers import WorkerPool
    from tests.proofs.inline import in_process

    WorkerPool.outcomes = in_process  # type: ignore[method-assign]


def _answer(line: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    message, streams, _, _ = socket.recv_fds(line, _LONGEST, 3)
    runner = os.fork()
    if not runner:
        line.close()
        _run(json.loads(message), streams)
    _, status = os.waitpid(runner, 0)
    line.send(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _run(asked: dict[str, object], streams: list[int]) -> None:
    from api.cli import main

    for target, stream in enumerate(streams):
        os.dup2(stream, target)
        os.close(stream)
    # Those of the waiting process know what they were opened on: a pipe cannot be sought, a file can.
    sys.stdin, sys.stdout, sys.stderr = open(0, closefd=False), open(1, "w", closefd=False), open(2, "w", closefd=False)
    os.chdir(str(asked["folder"]))
    os.environ.clear()
    os.environ.update(asked["environment"])  # type: ignore[call-overload]
    sys.argv = ["ragwright", *asked["arguments"]]  # type: ignore[misc]
    sys.exit(main())


if __name__ == "__main__":
    if sys.argv[2:3] == ["run"]:
        sys.exit(hand_over(sys.argv[1], sys.argv[3:]))
    with contextlib.suppress(KeyboardInterrupt):
        wait_for_commands(sys.argv[1])
