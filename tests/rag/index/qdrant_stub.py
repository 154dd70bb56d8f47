"""A stand-in for a Qdrant server on loopback: it answers the adapter's requests by script and records them.

It holds collections, payload indexes and point ids, no vectors: `tests/contracts` covers what a search returns.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], Any]
"""A status, further headers, and what `result` or the body's `status` holds."""


@dataclass
class QdrantStub:
    """What the server holds; `faults` maps a pattern of `METHOD path` to answers that come before the real ones."""

    url: str = ""
    collections: dict[str, dict[str, Any]] = field(default_factory=dict)
    points: set[int] = field(default_factory=set)
    faults: dict[str, list[Answer]] = field(default_factory=dict)
    requests: list[tuple[str, Any]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def asked(self, pattern: str) -> list[Any]:
        """Return the bodies of the requests that match, in order."""
        return [body for request, body in self.requests if re.fullmatch(pattern, request)]

    def answer(self, request: str, body: Any) -> Answer:
        with self.lock:
            self.requests.append((request, body))
            for pattern, answers in self.faults.items():
                if answers and re.fullmatch(pattern, request):
                    return answers.pop(0)
            return self._answer(request, body)

    def _answer(self, request: str, body: Any) -> Answer:
        method, path = request.split(" ")
        name, _, rest = path.removeprefix("/collections").strip("/").partition("/")
        if not name:
            return 200, {}, {"collections": [{"name": name} for name in self.collections]}
        if rest == "exists":
            return 200, {}, {"exists": name in self.collections}
        if not rest:
            return self._collection(method, name, body)
        if rest == "index":
            self.collections[name]["indexes"][body["field_name"]] = body["field_schema"]
        if method == "PUT" and rest == "points":
            self.points |= {point["id"] for point in body["points"]}
        if rest == "points/delete":
            self.points -= set(body["points"])
        if rest == "points/count":
            return 200, {}, {"count": len(self.points)}
        return 200, {}, {"operation_id": 1, "status": "completed"}

    def _collection(self, method: str, name: str, body: Any) -> Answer:
        if method == "PUT":
            if name in self.collections:
                return 409, {}, {"error": f"Collection `{name}` already exists!"}
            self.collections[name] = {"vectors": body["vectors"], "indexes": {}}
        if method == "DELETE":
            return 200, {}, self.collections.pop(name, None) is not None
        return 200, {}, _info(self.collections[name]) if method == "GET" else True


def _info(collection: dict[str, Any]) -> dict[str, Any]:
    optimizers = {"deleted_threshold": 0.2, "vacuum_min_vector_number": 1, "default_segment_number": 0}
    return {
        "status": "green",
        "optimizer_status": "ok",
        "segments_count": 1,
        "config": {
            "params": {"vectors": collection["vectors"]},
            "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10},
            "optimizer_config": {**optimizers, "flush_interval_sec": 5},
        },
        "payload_schema": {name: {"data_type": schema, "points": 0} for name, schema in collection["indexes"].items()},
    }


@contextmanager
def qdrant_stub() -> Iterator[QdrantStub]:
    stub = QdrantStub()

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, headers, result = stub.answer(f"{self.command} {self.path.partition('?')[0]}", body)
            shape = {"result": result, "status": "ok"} if status < 400 else {"status": result}
            content = json.dumps({**shape, "time": 0.0}).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Type": "application/json"}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_DELETE = _handle

        def log_message(self, *args: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
