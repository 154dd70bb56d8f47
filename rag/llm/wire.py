"""An HTTP client for model endpoints that believes no answer: not its kind, its size, nor that it is whole."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import AsyncIterator
from typing import Any

import httpx

MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_REDIRECTS = 3

_JSON, _EVENTS = "json", "text/event-stream"
# In JSON a line break inside a text is written as an escape, and so are its quotation marks.
_WHOLE = re.compile(rb'(?:\A|\n)data:\s*\[DONE\]|"finish_reason"\s*:\s*"')
_TAIL = 64


class NonsenseError(Exception):
    """An endpoint's answer is none: not JSON or events, too large, or cut off."""


def ssl_context() -> ssl.SSLContext:
    """Return what clients check certificates with; it reads files and takes a while."""
    return httpx.create_ssl_context()


def guarded_client(timeout_s: float, context: ssl.SSLContext) -> httpx.AsyncClient:
    """Return a client whose responses raise `NonsenseError` where they are nonsense."""
    return httpx.AsyncClient(
        verify=context,
        timeout=timeout_s,
        follow_redirects=True,
        max_redirects=MAX_REDIRECTS,
        headers={"Accept-Encoding": "identity"},  # a small body could unpack to a huge one
        event_hooks={"response": [_guard]},
    )


async def _guard(response: httpx.Response) -> None:
    assert isinstance(response.stream, httpx.AsyncByteStream)
    if response.has_redirect_location and not _stays(response):
        raise NonsenseError("it redirects to another host, which must not get the question and its passages")
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise NonsenseError("it is compressed, which nobody asked for")
    if response.is_success and not (kind == _EVENTS or kind.endswith(_JSON)):
        raise NonsenseError(f"its content type is {kind or 'missing'!r}")
    response.stream = _GuardedStream(response.stream, events=response.is_success and kind == _EVENTS)
    if response.is_success and kind != _EVENTS and _asked_for_events(response.request):
        response.stream = _WholeAsEvents(response.stream)


def _stays(response: httpx.Response) -> bool:
    """Say whether a redirect leads to the same host and port, or from http to https of the same host."""
    here, there = response.url, response.url.join(response.headers["location"])
    same = (here.scheme, here.host, here.port) == (there.scheme, there.host, there.port)
    return same or (here.host == there.host and (here.scheme, there.scheme) == ("http", "https"))


def _asked_for_events(request: httpx.Request) -> bool:
    """Say whether a request asked for a stream; one that was redirected may have lost its body."""
    try:
        body = json.loads(request.content)
    except (ValueError, httpx.RequestNotRead):
        return False
    return isinstance(body, dict) and bool(body.get("stream"))


class _GuardedStream(httpx.AsyncByteStream):
    """Passes a body on up to its limit; events must come to their end."""

    def __init__(self, body: httpx.AsyncByteStream, *, events: bool) -> None:
        self._body = body
        self._events = events

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size, tail, whole = 0, b"", not self._events
        try:
            async for piece in self._body:
                size += len(piece)
                if size > MAX_BODY_BYTES:
                    raise NonsenseError(f"it is larger than {MAX_BODY_BYTES} bytes")
                whole = whole or _WHOLE.search(tail + piece) is not None
                tail = (tail + piece)[-_TAIL:]
                yield piece
        except httpx.TransportError as error:
            raise NonsenseError(f"it was cut off after {size} bytes: {error!r}") from error
        if not whole:
            raise NonsenseError(f"it was cut off after {size} bytes, before its end")

    async def aclose(self) -> None:
        await self._body.aclose()


class _WholeAsEvents(httpx.AsyncByteStream):
    """Passes a whole completion on as the one event of a stream: not every endpoint knows how to stream."""

    def __init__(self, body: httpx.AsyncByteStream) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        whole = b"".join([piece async for piece in self._body])
        try:
            event = json.dumps(_as_chunk(json.loads(whole)))
        except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
            raise NonsenseError(f"it is neither events nor a chat completion: {error!r}") from error
        yield f"data: {event}\n\ndata: [DONE]\n\n".encode()

    async def aclose(self) -> None:
        await self._body.aclose()


def _as_chunk(completion: Any) -> dict[str, Any]:
    """Return a completion with the text of its first choice, by `index`, as the `delta` of a streamed one."""
    choice = min(completion["choices"], key=lambda item: item.get("index") or 0)
    text = choice["message"].get("content")
    delta = {"role": "assistant", "content": text if isinstance(text, str) else ""}
    part = {"index": 0, "delta": delta, "finish_reason": choice.get("finish_reason")}
    return {**completion, "object": "chat.completion.chunk", "choices": [part]}
