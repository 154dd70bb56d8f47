"""Ends the work on a request whose client has gone, and work that takes too long."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import problem, respond


class HangUp:
    """ASGI middleware: it listens for the client while the application works.

    The application is cancelled when the client goes, or when `timeout_s` passes before its answer starts. A piece of
    work that runs in a thread ends there by itself, and nothing follows it.
    """

    def __init__(self, app: ASGIApp, timeout_s: float) -> None:
        self._app = app
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application as long as somebody waits for it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        line = _Line(receive, send)
        work = asyncio.ensure_future(self._app(scope, line.receive, line.send))
        try:
            await self._wait(work, line)
        finally:
            await _ended(work)
        if line.is_gone:
            return
        if work.cancelled():
            await self._give_up(scope, receive, send, line.has_started)
        else:
            work.result()

    async def _wait(self, work: asyncio.Future[None], line: _Line) -> None:
        """Wait until the work is done, the client is gone or the time is up."""
        gone = asyncio.ensure_future(line.gone())
        try:
            await asyncio.wait({work, gone}, timeout=self._timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if line.has_started:  # a stream may take as long as it is read
                await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()

    async def _give_up(self, scope: Scope, receive: Receive, send: Send, has_started: bool) -> None:
        if has_started:
            raise asyncio.CancelledError
        detail = f"the request took more than {self._timeout_s:g} s (serve.timeout_s); ask for less, or try again"
        await respond(problem(503, "timeout", detail))(scope, receive, send)


class _Line:
    """The connection of one request; once the request is read, it is this that waits for the client to go."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._read = asyncio.Event()
        self._gone = asyncio.Event()
        self.has_started = False

    @property
    def is_gone(self) -> bool:
        return self._gone.is_set()

    async def receive(self) -> Message:
        if self._read.is_set():
            await self._gone.wait()
            return {"type": "http.disconnect"}
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._gone.set()
        if not message.get("more_body", False):
            self._read.set()
        return message

    async def send(self, message: Message) -> None:
        self.has_started = True
        await self._send(message)

    async def gone(self) -> None:
        """Return when the client has gone."""
        await self._read.wait()
        while not self.is_gone:
            if (await self._receive())["type"] == "http.disconnect":
                self._gone.set()


async def _ended(work: asyncio.Future[None]) -> None:
    """Cancel the work and wait for its end; its result is the caller's to ask for."""
    if not work.done():
        work.cancel()
        await asyncio.wait({work})
