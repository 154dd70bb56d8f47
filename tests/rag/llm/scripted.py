"""A scripted endpoint of a language model: says what a test wants, byte by byte, and keeps what it was asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

Send = Callable[[bytes], Awaitable[None]]
Answering = Callable[[Send], Awaitable[None]]


def http(body: bytes, kind: str = "application/json", status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def completion(**changes: Any) -> bytes:
    message = {"role": "assistant", "content": "Hi there. [1]"}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    whole = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
    return json.dumps({**whole, **changes}).encode()


def event(text: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": finish}
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}
    return f"data: {json.dumps(chunk)}\n\n".encode()


STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


class Server:
    """Answers request after request with the next of the scripts, the last one for ever."""

    def __init__(self, *scripts: Answering) -> None:
        self.scripts = list(scripts)
        self.asked = 0
        self.url = ""
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self.left = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def send(data: bytes) -> None:
            writer.write(data.replace(b"{URL}", self.url.encode()))
            await writer.drain()

        try:
            head = await reader.readuntil(b"\r\n\r\n")
            sizes = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
            self.bodies.append(await reader.readexactly(int(sizes[0]) if sizes else 0))
            self.heads.append(head.decode())
            script = self.scripts[min(self.asked, len(self.scripts) - 1)]
            self.asked += 1
            await script(send)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.left.set()  # the client had enough
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            writer.close()


@asynccontextmanager
async def serving(*scripts: Answering) -> AsyncIterator[Server]:
    script = Server(*scripts)
    server = await asyncio.start_server(script, "127.0.0.1", 0)
    script.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield script
    finally:
        server.close()


def said(*pieces: bytes, pause_s: float = 0.0) -> Answering:
    async def answer(send: Send) -> None:
        for piece in pieces:
            await send(piece)
            await asyncio.sleep(pause_s)

    return answer


async def endless(send: Send) -> None:
    await send(STREAM)
    while True:
        await send(event("more "))
        await asyncio.sleep(0.01)


async def dripping(send: Send) -> None:
    await send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
    while True:
        await send(b" ")
        await asyncio.sleep(0.02)


async def huge(send: Send) -> None:
    await send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900000000\r\n\r\n")
    while True:
        await send(b" " * 65536)


async def huge_stream(send: Send) -> None:
    await send(STREAM)
    while True:
        await send(b"data: " + b"x" * 65536)
