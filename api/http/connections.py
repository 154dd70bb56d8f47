"""How many connections the service holds and how long each may take to send its request or to read its answer.

uvicorn has no such limits: a client that opens connections and sends nothing would keep them, and once the process has
no file descriptor left, accepting fails and is logged again and again.
"""

from __future__ import annotations

import asyncio
import resource
from dataclasses import dataclass
from typing import Any, ClassVar

import h11
import psutil
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.http.problems import problem, respond

_WANTED_DESCRIPTORS = 65_536
_RESERVE = 40  # descriptors that the service itself may open later: databases, model files, sockets of other processes
_ROUNDS_UNTIL_CLOSED = 4  # of the loop, each with a `backlog` of new connections, before one over the limit is closed
_MIN_BYTES_PER_S = 2_000  # a body may take longer than the timeout while it comes at least this fast
_BUSY_TIMEOUT_S = 2.0
_TOO_SLOW = problem(408, "request-timeout", "the request came too slowly; send it within serve.read_timeout_s")


@dataclass(frozen=True, slots=True)
class Limits:
    """`served` connections are answered, further ones up to `held` are told to come back, the rest are closed.

    `backlog` connections may wait to be accepted, and the loop accepts as many at once.
    """

    served: int
    held: int
    timeout_s: float
    backlog: int = 8


def limits_of(max_connections: int, timeout_s: float) -> Limits:
    """Return the limits that the process's file descriptors allow, after asking the system for more of them."""
    free = _raised_limit() - psutil.Process().num_fds() - _RESERVE
    held = max(8, min(max_connections * 3 // 2, free // 2))
    backlog = max(4, min(2048, (free - held) // _ROUNDS_UNTIL_CLOSED))
    return Limits(max(4, min(max_connections, held * 2 // 3)), held, timeout_s, backlog)


def guarded(limits: Limits) -> type[H11Protocol]:
    """Return the protocol class of a server whose connections keep to the limits."""
    return type("Guarded", (GuardedProtocol,), {"limits": limits})


class GuardedProtocol(H11Protocol):
    """One connection: it must send each request, and read each answer, in time."""

    limits: ClassVar[Limits]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._timeout_s = self.limits.timeout_s
        self._since = 0.0
        self._received = 0
        self._read_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, as far as the limits allow."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.held:
            transport.abort()
            return
        if len(self.connections) > self.limits.served:
            self.app = _busy
            self._timeout_s = min(_BUSY_TIMEOUT_S, self._timeout_s)
        self._start_reading()

    def data_received(self, data: bytes) -> None:
        """Read on; a request that is not complete must be so in time."""
        self._received += len(data)
        super().data_received(data)
        if not self._is_in_request():
            self._stop_reading()
        elif self._read_timer is None:
            self._start_reading()

    def on_response_complete(self) -> None:
        """Go on with what came behind the request; a request that has begun is not an idle connection."""
        super().on_response_complete()
        if self.transport.is_closing() or (self.conn.their_state is h11.IDLE and not self._is_in_request()):
            return
        self._unset_keepalive_if_required()
        if self._is_in_request() and self._read_timer is None:
            self._start_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        self._stop_reading()
        self._stop_writing()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Wait for a client that does not read its answer, but not for ever."""
        super().pause_writing()
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(self._timeout_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: the client read."""
        self._stop_writing()
        super().resume_writing()

    def _is_in_request(self) -> bool:
        """Say whether a request has begun that has not come to its end."""
        if self.conn.their_state is h11.IDLE:
            return bool(self.conn.trailing_data[0])
        return self.conn.their_state is h11.SEND_BODY

    def _start_reading(self) -> None:
        self._since = self.loop.time()
        self._received = 0
        self._read_timer = self.loop.call_later(self._timeout_s, self._check_reading)

    def _check_reading(self) -> None:
        in_body = self.conn.their_state is h11.SEND_BODY
        allowed = self._timeout_s + (self._received / _MIN_BYTES_PER_S if in_body else 0.0)
        remaining = self._since + allowed - self.loop.time()
        if remaining > 0:
            self._read_timer = self.loop.call_later(remaining, self._check_reading)
            return
        self._read_timer = None
        if not in_body and not self.transport.is_closing():
            self.transport.write(_raw(_TOO_SLOW))
        self.transport.close()

    def _stop_reading(self) -> None:
        if self._read_timer is not None:
            self._read_timer.cancel()
            self._read_timer = None

    def _stop_writing(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None


def _raised_limit() -> int:
    """Raise the soft limit of file descriptors towards the hard one and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _WANTED_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return min(soft, _WANTED_DESCRIPTORS) if soft != resource.RLIM_INFINITY else _WANTED_DESCRIPTORS


def _raw(document: dict[str, Any]) -> bytes:
    """Return a problem document as HTTP/1.1: where no request was read, no application answers."""
    response = respond(document, {"Connection": "close"})
    head = b"".join(name + b": " + value + b"\r\n" for name, value in response.raw_headers)
    return f"HTTP/1.1 {document['status']} {document['title']}\r\n".encode() + head + b"\r\n" + bytes(response.body)


async def _busy(scope: Scope, receive: Receive, send: Send) -> None:
    document = problem(503, "too-many-connections", "the service has as many connections as it can serve; try again")
    await respond(document, {"Connection": "close"})(scope, receive, send)
