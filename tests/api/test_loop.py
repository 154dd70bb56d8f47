"""Nothing that a caller sends holds up the event loop: what one caller asks, all others would wait for."""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from api.app import create_app
from api.http.connections import Limits
from ingest.pipeline import ingest
from rag.runtime import open_runtime
from rag.settings import Settings
from tests.api.serving import served

MOST_S = 0.2
SIZE = 1_000_000  # just below serve.max_body_bytes
PAGE = "# Refunds\n\nRefunds of part A-{n} take {n} days. Ask the desk for help [1]. It opens at ten.\n"


class Watched:
    """An application, and the most CPU time in seconds that its loop spent between two turns of a waiting task.

    CPU time of the thread, not wall time: what else the machine does must not count.
    """

    def __init__(self, app: Any) -> None:
        self.app = app
        self.longest = 0.0
        self._watch: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._watch is None:
            self._watch = asyncio.create_task(self._tick())
        await self.app(scope, receive, send)

    async def _tick(self) -> None:
        while True:
            start = time.thread_time()
            await asyncio.sleep(0.005)
            self.longest = max(self.longest, time.thread_time() - start)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> Iterator[tuple[Watched, tuple[str, int]]]:
    folder = tmp_path_factory.mktemp("loop")
    (folder / "docs").mkdir()
    for n in range(30):
        (folder / "docs" / f"page {n}.md").write_text(PAGE.format(n=n) * 20, "utf-8")
    embedder = {"cache_dir": model_cache, "threads": 1}
    settings = Settings.model_validate({"embedder": embedder, "environment": {"home": folder / "home"}})
    with open_runtime(settings) as runtime:
        ingest([str(folder / "docs")], "kb", runtime)
        watched = Watched(create_app(runtime))
        with served(watched, Limits(64, 96, 30)) as address:  # type: ignore[arg-type]
            post(address, "/v1/answer", {"question": "How long do refunds take?", "corpus": "kb"})
            yield watched, address


def post(address: tuple[str, int], path: str, body: dict[str, Any]) -> int:
    connection = http.client.HTTPConnection(*address, timeout=60)
    try:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


def filled(piece: str, size: int) -> str:
    return (piece * (size // len(piece) + 1))[:size]


QUESTIONS = [
    filled(piece, 4000)
    for piece in ("refund ", "[1] ", "A-1", "退货", "a", "https://x.example/?a=1&b=", "\u00e9\u0301", ". ", "é ")
]
FILTERS: list[Any] = [
    ["a" + " " * SIZE + "b"],
    ["a" + " " * 19_000 + "b"] * 50,
    ["a in [" + filled("x,", 1990) + "]"] * 100,
    ["a in [" + "[" * 19_000 + "]"] * 50,
    ["a in [" + "'" * 19_000 + "]"] * 50,
    ["date>=2024-01-01"] * 100,
    {f"k{n}": "v" * 9_000 for n in range(100)},
    [f"a{n}" for n in range(100_000)],
    {f"a{n}": n for n in range(80_000)},
    {"a": "x" * SIZE},
]
IDS = ["a" * SIZE, "/" * 4096, "\\0" * 100, "%" * 4000, "ä" * 4096]
TURNS = [{"role": "user", "text": filled(piece, 9_000)} for piece in ("it ", "[1] ", "How long? ")] * 33
BODIES: list[tuple[str, dict[str, Any]]] = [
    *(("/v1/search", {"question": question, "top_k": 1000}) for question in QUESTIONS),
    *(("/v1/answer", {"question": question, "budget_tokens": 1_000_000}) for question in QUESTIONS),
    *(("/v1/context", {"question": "refunds", "filter": each}) for each in FILTERS),
    *(("/v1/explain", {"question": "refunds", "passage": {"doc_id": each}}) for each in IDS),
    *(("/v1/search", {"question": "refunds", "corpus": each}) for each in IDS),
    ("/v1/answer", {"question": "And that?", "history": TURNS}),
    ("/v1/search", {f"k{n}": n for n in range(80_000)}),
    ("/v1/search", {"question": "q", "filter": [[[[[]]]]] * 100_000}),
    ("/v1/answer", {"question": "q", "history": [{"role": "user", "text": "x"}] * 20_000}),
    ("/v1/answer", {"question": "q", "history": [0] * 200_000}),
]


@pytest.mark.accept
def test_no_input_of_the_maximum_size_holds_the_loop(
    service: tuple[Watched, tuple[str, int]], record_property: Any
) -> None:
    watched, address = service
    slow = []
    for path, body in BODIES:
        watched.longest = 0.0
        status = post(address, path, {"corpus": "kb", **body})
        assert status < 500
        if watched.longest > MOST_S:
            slow.append(f"{path} {watched.longest:.3f} s: {json.dumps(body)[:60]}")
    record_property(
        "measured", f"{len(BODIES)} requests of the maximum size, {len(slow)} of them held the loop over 200 ms"
    )
    assert not slow, "\n".join(slow)


@pytest.mark.parametrize(("path", "body"), BODIES[:: len(BODIES) // 6])
def test_an_input_of_the_maximum_size_gets_an_answer(
    service: tuple[Watched, tuple[str, int]], path: str, body: dict[str, Any]
) -> None:
    _, address = service
    assert post(address, path, {"corpus": "kb", **body}) < 500
