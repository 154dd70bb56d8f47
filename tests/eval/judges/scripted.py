"""A judge's endpoint on the loopback interface: fills whatever schema a prompt asks for, and misbehaves on demand."""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

VALUES = {"verdict": 1, "attributed": 1, "noncommittal": 0, "rating": 2, "score": 4}


@dataclass
class Said:
    """One reply: a status, or a message with its text or refusal."""

    text: str | None = None
    status: int = 200
    refusal: str | None = None
    finish_reason: str = "stop"
    delay_s: float = 0.0
    raw: bytes | None = None
    drip_s: float = 0.0


Rule = Callable[[str], Said | None]


@dataclass
class Script:
    """What the endpoint was asked, and what it says: the first rule that returns something, else a filled schema."""

    rules: list[Rule] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    running: int = 0
    most_running: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def on(self, words: str, said: Said, times: int = 10**6) -> None:
        """Say this to prompts that hold the words, so many times."""
        left = [times]

        def rule(prompt: str) -> Said | None:
            if words not in prompt or left[0] <= 0:
                return None
            left[0] -= 1
            return said

        self.rules.append(rule)


def of_two_minds(prompt: str) -> Said:
    """Say yes or no to each of three statements, as the prompt's bytes have it: equal prompts get equal replies."""
    choose = random.Random(prompt).choice
    values = {"verdict": choose, "attributed": choose, "rating": choose}
    return Said(text=json.dumps(filled(prompt, values, entries=3)))


def filled(prompt: str, values: dict[str, Any], entries: int = 1) -> dict[str, Any]:
    """Return an object of the JSON schema that a prompt of RAGAS holds, with so many entries in every list."""
    schema = json.JSONDecoder().raw_decode(prompt[re.search(r"JSON Schema:?\s*", prompt).end() :])[0]  # type: ignore[union-attr]
    known = schema.get("$defs", {})

    def fill(part: dict[str, Any], name: str) -> Any:
        if "$ref" in part:
            return fill(known[part["$ref"].rsplit("/", 1)[-1]], name)
        kind = part.get("type")
        if kind == "object":
            return {key: fill(inner, key) for key, inner in part["properties"].items()}
        if kind == "array":
            return [fill(part["items"], name) for _ in range(entries)]
        value = values.get(name, {"integer": 1, "number": 1.0, "boolean": True}.get(kind or "", f"some {name}"))
        return value((0, 1)) if callable(value) else value

    return fill(schema, "")  # type: ignore[no-any-return]


@contextmanager
def serving(script: Script) -> Iterator[str]:
    """Yield the base URL of the endpoint."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:  # noqa: N802
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with script.lock:
                script.requests.append(body)
                script.keys.append(self.headers["Authorization"])
                script.running += 1
                script.most_running = max(script.most_running, script.running)
                prompt = next(said["content"] for said in body["messages"] if said["role"] == "user")
                said = next((found for rule in script.rules if (found := rule(prompt))), None) or Said()
            time.sleep(said.delay_s)
            with script.lock:
                script.running -= 1
            payload = said.raw if said.raw is not None else json.dumps(completion(said, prompt)).encode()
            self.send_response(said.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("retry-after-ms", "1")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            for byte in payload if said.drip_s else ():
                time.sleep(said.drip_s)
                self.wfile.write(bytes([byte]))
            self.wfile.write(b"" if said.drip_s else payload)

        def log_message(self, *args: object) -> None:
            """Stay silent."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *args: object) -> None:
            """Ignore clients that went away."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def completion(said: Said, prompt: str) -> dict[str, Any]:
    text = json.dumps(filled(prompt, VALUES)) if said.text is None and said.refusal is None else said.text
    message = {"role": "assistant", "content": text, "refusal": said.refusal}
    choice = {"index": 0, "finish_reason": said.finish_reason, "message": message}
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    return {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}
