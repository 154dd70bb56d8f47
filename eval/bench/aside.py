"""Objects in processes of their own, so that the memory of each system under measurement is its own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

from rag.errors import RagwrightError

_END_S = 30.0


class Aside:
    """An object made and kept in a fresh process; its methods are called from here, one at a time.

    `make`, its arguments and all results travel by pickle. Use it as a context: the process ends with it.
    """

    def __init__(self, make: Callable[..., Any], *args: Any) -> None:
        context = multiprocessing.get_context("spawn")
        # No daemon: what ingests has workers of its own. It ends when this side closes the connection, or is gone.
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, make, args))
        self._process.start()
        theirs.close()

    def __enter__(self) -> Aside:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()  # the other side sees the end and returns
        self._process.join(_END_S)
        if self._process.is_alive():
            self._process.kill()

    def call(self, method: str, *args: Any) -> Any:
        """Call a method of the object and return what it returns.

        Raises:
            RagwrightError: the call failed, or the process ended (the system may have taken its memory).
        """
        try:
            self._connection.send((method, args))
            failed, result = self._connection.recv()
        except (EOFError, OSError) as error:
            raise RagwrightError(f"the process that ran {method} ended; it may have run out of memory") from error
        if failed:
            raise RagwrightError(result)
        return result


def _serve(connection: Connection, make: Callable[..., Any], args: tuple[Any, ...]) -> None:
    served: Any = None
    while True:
        try:
            method, given = connection.recv()
        except EOFError:
            return
        try:
            if served is None:
                served = make(*args)
            connection.send((False, getattr(served, method)(*given)))
        except Exception as error:  # whatever a rival raises is told to the side that asked
            connection.send((True, f"{method}: {type(error).__name__}: {error}"))
