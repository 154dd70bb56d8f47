"""What the blocks of the pages run in: a folder as after `make demo`, a live service, a scripted language model."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.docs.pages import REPOSITORY, blocks
from tests.warmed import warmed

MODEL_SAYS = "Genvind Nord A/S shreds the disks."
LOOPBACK_ONLY = """
import socket
def check(host):
    if host not in ("127.0.0.1", "localhost", b"127.0.0.1", b"localhost"):
        raise ConnectionRefusedError(f"this test allows no network: {host!r}")
_connect, _look_up = socket.socket.connect, socket.getaddrinfo
def connect(self, address):
    if self.family != socket.AF_UNIX:
        check(address[0])
    return _connect(self, address)
def look_up(host, *rest, **named):
    check(host)
    return _look_up(host, *rest, **named)
socket.socket.connect, socket.getaddrinfo = connect, look_up
"""


@dataclass(frozen=True)
class Workspace:
    """A folder as a reader has it after `make demo`, and the environment of its commands."""

    folder: Path
    environment: dict[str, str]
    evaluated: set[str] = field(default_factory=set)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=600
        )

    def script(self, body: str) -> subprocess.CompletedProcess[str]:
        """Run the lines of a page in a shell. An evaluation that another page has run is not run again."""
        lines = [line for line in body.splitlines() if line not in self.evaluated]
        done = self.run("bash", "-euo", "pipefail", "-c", "\n".join(lines))
        if done.returncode == 0:
            self.evaluated.update(line for line in lines if line.startswith("ragwright eval "))
        return done

    def write_files(self, page: str) -> None:
        """Write the files that the `yaml` blocks of a page are, below those of the README."""
        for body in [*blocks("README.md", "yaml"), *blocks(page, "yaml")]:
            # The set of the tests is a quarter of the page's: too few cases for the page's margins.
            (self.folder / body.split()[1]).write_text(re.sub(r"margin: 0\.\d+", "margin: 0.2", body))


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory, demo_home: Path, model_cache: Path) -> Iterator[Workspace]:
    folder = tmp_path_factory.mktemp("readme")
    home = folder / ".ragwright"
    shutil.copytree(demo_home, home, ignore=shutil.ignore_patterns("*.sock", "run"))
    (home / "models").mkdir(exist_ok=True)
    for model in model_cache.glob("*.onnx"):
        shutil.copy(model, home / "models")
    shutil.copytree(REPOSITORY / "corpora" / "demo", folder / "corpora" / "demo")
    keep_some_questions(folder / "corpora" / "demo" / "questions.jsonl")
    tools = folder / "tools"
    tools.mkdir()
    (tools / "sitecustomize.py").write_text(LOOPBACK_ONLY)
    (tools / ".curlrc").write_text("fail\n")
    for name in ("make", "docker"):
        executable(tools / name, "exit 0")
    pytest_here = f"PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {sys.executable} -m pytest -p eval.testing.plugin"
    executable(tools / "pytest", f'{pytest_here} "$@"')
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "activate").touch()
    environment = {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "CURL_HOME": str(tools),
        "PYTHONPATH": f"{tools}{os.pathsep}{REPOSITORY}",
    }
    with warmed(environment) as command:
        executable(tools / "ragwright", f'exec {shlex.join(command)} "$@"')
        yield Workspace(folder, environment)


def wait(ready: object, running: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not ready():  # type: ignore[operator]
        assert time.monotonic() < deadline and running.poll() is None
        time.sleep(0.05)


def executable(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def keep_some_questions(path: Path) -> None:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if json.loads(line)["split"] == "dev"]
    answerable = [line for line in lines if json.loads(line)["answerable"]]
    refused = [line for line in lines if not json.loads(line)["answerable"]]
    path.write_text("\n".join([*answerable[:20], *refused[:2]]) + "\n", encoding="utf-8")


@pytest.fixture(scope="session")
def service(workspace: Workspace) -> Iterator[str]:
    """The address of the service that `ragwright serve` starts, on a free port."""
    with (
        (workspace.folder / "serve.log").open("w") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "api.cli", "serve", "--port", "0", "--json"],
            cwd=workspace.folder,
            env=workspace.environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as running,
    ):
        try:
            assert running.stdout is not None
            url = json.loads(running.stdout.readline())["url"]
            wait(lambda: answers(url), running)
            yield url
        finally:
            running.terminate()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url + "/readyz", timeout=10) as response:
            return bool(response.status == 200)
    except urllib.error.URLError:
        return False


@pytest.fixture(scope="session")
def model() -> Iterator[str]:
    """The address of a model that always gives the same answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # noqa: N802
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            message = {"role": "assistant", "content": f"{MODEL_SAYS} [1]"}
            choice = {"index": 0, "finish_reason": "stop", "message": message}
            reply = {"id": "1", "object": "chat.completion", "created": 0, "model": asked["model"], "choices": [choice]}
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(reply).encode())

        def log_message(self, *args: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
