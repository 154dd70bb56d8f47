"""Refuses request bodies over a size before they are read into memory, with a problem document."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import problem, respond

MAX_BRACKETS = 20_000
"""How many lists and objects a body may open: a parser that makes millions of them holds up everybody's requests."""


class BodyLimit:
    """ASGI middleware; the framework's own limit answers in plain text."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._detail = f"the body is over {max_bytes} bytes (serve.max_body_bytes); send less"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 413."""
        if scope["type"] == "http" and self._declared(scope) > self._max_bytes:
            refusal = respond(problem(413, "body-too-large", self._detail))
            await refusal(scope, receive, send)
        else:
            await self._app(scope, self._counted(receive), send)

    def _declared(self, scope: Scope) -> int:
        length = Headers(scope=scope).get("content-length", "")
        return int(length) if length.isdecimal() else 0

    def _counted(self, receive: Receive) -> Receive:
        total = brackets = 0

        async def counted() -> Message:
            nonlocal total, brackets
            message = await receive()
            body = message.get("body", b"")
            total += len(body)
            brackets += body.count(b"[") + body.count(b"{")
            if total > self._max_bytes:
                raise HTTPException(413, self._detail)
            if brackets > MAX_BRACKETS:
                raise HTTPException(413, f"the body has over {MAX_BRACKETS} opening brackets; send less")
            return message

        return counted
