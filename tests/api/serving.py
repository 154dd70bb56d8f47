"""The service over a real socket, in a thread of the test."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.http.connections import Limits, guarded
from rag.settings import Settings


def made_app(source: Any) -> FastAPI:
    """Return the service over a runtime, its schema made once for all tests: every start of a service makes it."""
    app = create_app(source)
    app.openapi_schema = _schema()
    return app


@cache
def _schema() -> dict[str, Any]:
    return create_app(Settings()).openapi()


@contextmanager
def served(app: FastAPI, limits: Limits) -> Iterator[tuple[str, int]]:
    """Yield the address of a server that keeps to `limits`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, http=guarded(limits), ws="none", backlog=limits.backlog, log_config=None)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield listener.getsockname()
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def connections(address: tuple[str, int], count: int) -> Iterator[list[socket.socket]]:
    """Yield open connections that have sent nothing."""
    opened = [socket.create_connection(address, timeout=10) for _ in range(count)]
    try:
        yield opened
    finally:
        for each in opened:
            each.close()


def answer_to(connection: socket.socket, request: bytes) -> bytes:
    """Send a request and return everything until the server closes the connection."""
    connection.sendall(request)
    received = b""
    while piece := connection.recv(65_536):
        received += piece
    return received
