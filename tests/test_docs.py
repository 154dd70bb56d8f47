"""What the documents say is true: commands run, links resolve, names, defaults and variables exist.

In README.md every `bash` and `python` block is run as it stands, against a copy of the demo corpus and without a
network. `make`, `docker` and `source` do nothing there; the addresses of the service and of the language model are
replaced by those of a live service and a scripted model. A `yaml` block is the file that its first line names.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.app import create_app
from api.cli.arguments import build_parser
from eval.files import read_yaml
from eval.gate.policy import GatePolicy, MetricPolicy, load_policy
from eval.gate.required import SignOffs
from eval.golden import load_golden
from rag.settings import Settings

REPOSITORY = Path(__file__).parent.parent
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAKEFILE = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "corpora/README.md",
    "docs/lost-rows.md",
    "docs/chunkers.md",
    "docs/golden-sets.md",
    "docs/explain.md",
    "docs/judges.md",
    "docs/retrieval.md",
    "docs/speed.md",
    "docs/context.md",
    "docs/trained.md",
    "docs/gates.md",
    "docs/ci.md",
]
PACKAGES = ["rag", "ingest", "eval", "api"]
SERVICE, MODEL = "http://127.0.0.1:8484", "http://127.0.0.1:11434"
MODEL_SAYS = "Genvind Nord A/S shreds the disks."
# The variables of the contract.
VARIABLES = (
    "OPENAI_BASE_URL OPENAI_API_KEY QDRANT_URL QDRANT_API_KEY DATABASE_URL OTEL_EXPORTER_OTLP_ENDPOINT "
    "OTEL_SERVICE_NAME TIKTOKEN_CACHE_DIR RAGWRIGHT_HOME RAGWRIGHT_DATA TORCH_INDEX_URL"
).split()
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


# --- reading the pages ---


def fenced(page: str) -> list[tuple[str, str]]:
    """Return language and body of every fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [body for name, body in fenced(README) if name == language]


def code(page: str) -> list[str]:
    """Return every piece of code: fenced and indented lines, and what stands in backticks."""
    lines = [line for _, body in fenced(page) for line in body.splitlines()]
    prose = re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)
    indented = re.findall(r"^    (\S.*)$", prose, re.MULTILINE)
    return [*lines, *indented, *re.findall(r"`([^`\n]+)`", prose)]


def sources() -> str:
    files = [path for package in PACKAGES for path in sorted((REPOSITORY / package).rglob("*.py"))]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def test_every_block_of_the_readme_is_of_a_kind_that_is_checked() -> None:
    assert {name for name, _ in fenced(README)} <= {"bash", "python", "yaml", "jsonl", "text"}
    assert README.count("```") == 2 * len(fenced(README))


# --- the commands ---


@dataclass(frozen=True)
class Workspace:
    """A folder as a reader has it after `make demo`, and the environment of its commands."""

    folder: Path
    environment: dict[str, str]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=600
        )


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, demo_home: Path, model_cache: Path) -> Workspace:
    folder = tmp_path_factory.mktemp("readme")
    home = folder / ".ragwright"
    shutil.copytree(demo_home, home, ignore=shutil.ignore_patterns("*.sock", "run"))
    (home / "models").mkdir(exist_ok=True)
    for model in model_cache.glob("*.onnx"):
        shutil.copy(model, home / "models")
    shutil.copytree(REPOSITORY / "corpora" / "demo", folder / "corpora" / "demo")
    keep_some_questions(folder / "corpora" / "demo" / "questions.jsonl")
    for body in blocks("yaml"):
        # The set of the tests is a quarter of the page's: too few cases for the page's margins.
        body = re.sub(r"margin: 0\.\d+", "margin: 0.2", body)
        (folder / body.split()[1]).write_text(body)
    tools = folder / "tools"
    tools.mkdir()
    (tools / "sitecustomize.py").write_text(LOOPBACK_ONLY)
    (tools / ".curlrc").write_text("fail\n")
    script(tools / "ragwright", f'exec "{sys.executable}" -m api.cli "$@"')
    for name in ("make", "docker"):
        script(tools / name, "exit 0")
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "activate").touch()
    environment = {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "CURL_HOME": str(tools),
        "PYTHONPATH": f"{tools}{os.pathsep}{REPOSITORY}",
    }
    return Workspace(folder, environment)


def script(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def keep_some_questions(path: Path) -> None:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if json.loads(line)["split"] == "dev"]
    answerable = [line for line in lines if json.loads(line)["answerable"]]
    refused = [line for line in lines if not json.loads(line)["answerable"]]
    path.write_text("\n".join([*answerable[:20], *refused[:2]]) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def service(workspace: Workspace) -> Iterator[str]:
    """The address of the service that `ragwright serve` starts, on a free port."""
    assert "ragwright serve\n" in blocks("bash") and SERVICE.endswith(f":{Settings().serve.port}")
    log = workspace.folder / "serve.log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            ["ragwright", "serve", "--port", "0", "--json"],
            executable=workspace.folder / "tools" / "ragwright",
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
            deadline = time.monotonic() + 60
            while not ready(url):
                assert time.monotonic() < deadline and running.poll() is None, log.read_text()
                time.sleep(0.05)
            yield url
        finally:
            running.terminate()


def ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url + "/readyz", timeout=10) as response:
            return bool(response.status == 200)
    except urllib.error.URLError:
        return False


@pytest.fixture(scope="module")
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


def scripts() -> dict[str, str]:
    """Return the commands of each section of the README as one script: a block may build on the one before it."""
    found = {}
    for section in re.split(r"^## ", README, flags=re.MULTILINE):
        title, _, text = section.partition("\n")
        bodies = [body for name, body in fenced(text) if name == "bash" and body != "ragwright serve\n"]
        if bodies:
            found[title] = "".join(bodies)
    return found


def name_of(body: str) -> str:
    first, *rest = body.strip().splitlines()
    return " ".join(first.split()[:2]) + (f" and {len(rest)} more" if rest else "")


@pytest.mark.parametrize("body", scripts().values(), ids=scripts())
def test_commands_run(body: str, workspace: Workspace, service: str, model: str) -> None:
    done = workspace.run("bash", "-euo", "pipefail", "-c", body.replace(SERVICE, service).replace(MODEL, model))
    assert done.returncode == 0, done.stdout + done.stderr
    if "OPENAI_BASE_URL" in body:
        assert MODEL_SAYS in done.stdout
    if "ragwright ingest" in body and "ragwright ask" in body:
        shown = next(block for block in blocks("text") if "Sources" in block)
        assert all(line in done.stdout for line in shown.splitlines())
    if "/v1/answer" in body:
        assert '"abstained":false' in done.stdout
    if "ragwright eval" in body:
        said = next(line for line in README.splitlines() if "`eval` writes" in line)
        written = {path.name for path in (workspace.folder / "out" / "baseline").iterdir()}
        assert written == set(re.findall(r"`([\w.]+\.[a-z]+)`", said))


def without_scores(text: str) -> str:
    """Return the text without ranks and scores of stages: int8 vectors differ a little from machine to machine."""
    return re.sub(r"^([\w-]+) +\d+  \d+\.\d{4}$|\d+\.\d{2,}", r"\1", text, flags=re.MULTILINE)


@pytest.mark.parametrize("name", ["explain", "context", "trained"])
def test_the_commands_of_a_page_print_what_it_says(name: str, workspace: Workspace, service: str) -> None:
    page = fenced((REPOSITORY / "docs" / f"{name}.md").read_text(encoding="utf-8"))
    body = "".join(text for kind, text in page if kind == "bash")
    done = workspace.run("bash", "-euo", "pipefail", "-c", body.replace(SERVICE, service))
    assert done.returncode == 0, done.stdout + done.stderr
    for shown in (text for kind, text in page if kind == "text"):
        assert without_scores(shown) in without_scores(done.stdout)


@pytest.mark.parametrize("body", blocks("python"), ids=name_of)
def test_snippets_run(body: str, workspace: Workspace) -> None:
    (workspace.folder / "snippet.py").write_text(body)
    done = workspace.run(sys.executable, "snippet.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Genvind Nord" in done.stdout


def test_the_comparison_of_lost_rows_prints_what_the_page_says(workspace: Workspace) -> None:
    page = fenced((REPOSITORY / "docs" / "lost-rows.md").read_text(encoding="utf-8"))
    (body,), (printed,) = ([text for name, text in page if name == wanted] for wanted in ("python", "text"))
    (workspace.folder / "lost_rows.py").write_text(body)
    done = workspace.run(sys.executable, "lost_rows.py")
    said, shown = ([line.rstrip() for line in text.splitlines()] for text in (done.stdout, printed))
    assert done.returncode == 0 and said[:-1] == shown[:-1], done.stdout + done.stderr
    # The order of what is left of the experiment is a matter of chance.
    assert sorted(re.findall(r"\w+", said[-1])) == sorted(re.findall(r"\w+", shown[-1]))


def test_the_page_of_gates_is_true(workspace: Workspace) -> None:
    page = (REPOSITORY / "docs" / "gates.md").read_text(encoding="utf-8")
    for body in (body for name, body in fenced(page) if name == "yaml"):
        (workspace.folder / f"page-{body.split()[1]}").write_text(body.replace("sign-offs.yaml", "page-sign-offs.yaml"))
    assert [rule.set for rule in load_policy(workspace.folder / "page-gates-sets.yaml").required] == [
        "regressions",
        "intents",
    ]
    policy = load_policy(workspace.folder / "page-gates.yaml")
    assert (
        policy.sign_off and read_yaml(policy.sign_off.file, SignOffs, "the file").sign_offs[0].by in policy.sign_off.by
    )
    explained = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert {*explained} == {*GatePolicy.model_fields, *MetricPolicy.model_fields} - {"version"}
    commands = "".join(body for name, body in fenced(page) if name == "bash")
    done = workspace.run("bash", "-euo", "pipefail", "-c", commands.replace("gates.yaml", "page-gates.yaml"))
    assert done.returncode == 0 and "nothing changed: PASS" in done.stdout, done.stdout + done.stderr
    assert (workspace.folder / "out" / "gate" / "summary.md").read_text().startswith("## Gate: ")


def test_the_page_of_tests_is_true(workspace: Workspace) -> None:
    page = fenced((REPOSITORY / "docs" / "ci.md").read_text(encoding="utf-8"))
    (tests,), (commands,) = ([body for name, body in page if name == wanted] for wanted in ("python", "bash"))
    (workspace.folder / tests.split()[1]).write_text(tests)
    # by name, whether its entry point is installed or not
    pytest_here = f"PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {sys.executable} -m pytest -p eval.testing.plugin "
    done = workspace.run(
        "bash", "-euo", "pipefail", "-c", re.sub("^pytest ", pytest_here, commands, flags=re.MULTILINE)
    )
    assert done.returncode == 0 and "4 passed" in done.stdout and "3/3" in done.stdout, done.stdout + done.stderr


def test_the_commands_of_the_page_on_golden_sets_run(workspace: Workspace) -> None:
    page = fenced((REPOSITORY / "docs" / "golden-sets.md").read_text(encoding="utf-8"))
    done = workspace.run("bash", "-euo", "pipefail", "-c", "".join(body for name, body in page if name == "bash"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 labelled, 1 in out/labelled" in done.stdout and "synthetic cases of" in done.stdout
    assert "intents covered" in done.stdout and load_golden(workspace.folder / "out" / "imported").cases[0].spans


def test_the_golden_rows_are_a_golden_set(tmp_path: Path) -> None:
    (rows,) = blocks("jsonl")
    (tmp_path / "questions.jsonl").write_text(rows)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("Broken disks are shredded. Others are wiped.\n")
    (tmp_path / "docs" / "b.md").write_text("Genvind Nord shreds them.\n")
    assert len(load_golden(tmp_path).cases) == 3


# --- names ---


@pytest.mark.parametrize("page", PAGES)
def test_relative_links_resolve(page: str) -> None:
    path = REPOSITORY / page
    links = re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8"))
    local = [link.partition("#")[0] for link in links if "://" not in link]
    assert [link for link in local if link and not (path.parent / link).exists()] == []


def test_every_make_target_has_a_help_line() -> None:
    targets = re.findall(r"^([a-z][\w-]*):", MAKEFILE, re.MULTILINE)
    assert targets == re.findall(r"^([a-z][\w-]*):.*##\s+\S", MAKEFILE, re.MULTILINE)
    (phony,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert sorted(targets) == sorted(phony.split())


@pytest.mark.parametrize("page", PAGES)
def test_every_make_command_is_a_target(page: str) -> None:
    targets = set(re.findall(r"^([a-z][\w-]*):", MAKEFILE, re.MULTILINE))
    pieces = code((REPOSITORY / page).read_text(encoding="utf-8"))
    named = [name for piece in pieces for name in re.findall(r"(?:^|&& )make ([^\s`]+)", piece)]
    assert set(named) <= targets


def test_contributing_names_what_exists() -> None:
    text, known = sources(), set(VARIABLES)
    for piece in code(CONTRIBUTING):
        if re.fullmatch(r"[A-Z][A-Z_]{3,}", piece):
            assert piece in known or re.search(rf"^{piece}\b.*=", text, re.MULTILINE), piece
        elif re.fullmatch(r"[\w.@/-]*(?:/[\w.@-]*|\.(?:py|md|toml|yml))", piece):
            pattern = piece.replace("NAME@VERSION", "*@*")
            assert list(REPOSITORY.glob(pattern.rstrip("/"))), piece


def test_the_readme_names_paths_that_exist() -> None:
    roots = "|".join([*PACKAGES, "corpora", "tests"])
    named = [piece for piece in code(README) for piece in re.findall(rf"(?<![\w./])(?:{roots})/[\w./-]*[\w-]", piece)]
    assert named and [path for path in named if not (REPOSITORY / path).exists()] == []


def verbs_and_options(parser: argparse.ArgumentParser) -> tuple[set[str], set[str]]:
    """Return every verb, as typed after `ragwright`, and every long option of any of them."""
    verbs: set[str] = set()
    options = {name for action in parser._actions for name in action.option_strings}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, child in action.choices.items():
                inner, more = verbs_and_options(child)
                verbs |= {f"{name} {verb}" for verb in inner} or {name}
                options |= more
    return verbs, options


def test_verbs_and_options_exist() -> None:
    verbs, options = verbs_and_options(build_parser())
    text = "\n".join(piece for page in (README, CONTRIBUTING) for piece in code(page) if "ragwright" in piece)
    text += "\n" + "\n".join(piece for piece in code(README) if piece.startswith("--"))
    for words in re.findall(r"(?<![\w./])ragwright ([a-z]+(?: [a-z]+)?)", text):
        assert words in verbs or words.split()[0] in verbs, words
    assert set(re.findall(r"(?<!\S)(--[a-z][a-z-]+)", text)) <= options


def test_http_paths_exist() -> None:
    served = {*create_app(Settings()).openapi()["paths"], "/openapi.json"}
    assert set(re.findall(r"(?:8484|`)(/[a-z0-9/.]+)", README)) <= served


def test_settings_exist_with_these_defaults() -> None:
    rows = re.findall(r"^\| `([a-z0-9_.]+)` \| `([^`]*)` \|", README, re.MULTILINE)
    tree = Settings().model_dump(mode="json")
    stated: dict[str, Any] = {key: yaml.safe_load(value) for key, value in rows}
    assert len(rows) >= 15 and stated == {key: looked_up(tree, key) for key in stated}
    for piece in code(README):
        for key in re.findall(r"(?:--set |^)([a-z0-9]+(?:\.[a-z_]+)+)(?==|: |$)", piece):
            if key.partition(".")[0] in tree:
                looked_up(tree, key)


def looked_up(tree: dict[str, Any], key: str) -> Any:
    return reduce(lambda branch, part: branch[part], key.split("."), tree)


def test_every_variable_that_is_read_is_explained_and_no_other() -> None:
    text = sources() + MAKEFILE.replace("$(", '"').replace(")", '"')
    read = {name for name in VARIABLES if f'"{name}"' in text}
    rows = re.findall(r"^\| (`[A-Z`_, ]+`) \|", README, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"\w+", row)} == read


def test_exit_codes_are_those_of_the_help() -> None:
    told = set(re.findall(r"(\d+) [a-z]", build_parser().epilog or ""))
    assert set(re.findall(r"^\| (\d+) \|", README, re.MULTILINE)) == told


def test_the_version_is_in_the_changelog_and_the_readme() -> None:
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    heads = re.findall(r"^## \[([^\]]+)\]", (REPOSITORY / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert version in heads or "Unreleased" in heads
    assert f"Version {version}." in README


def test_pip_check_complains_about_what_the_readme_names() -> None:
    done = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, timeout=120)
    missing = re.findall(r"^(\S+) \S+ requires (\S+), which is not installed", done.stdout, re.MULTILINE)
    (said,) = re.findall(r"exactly three things: (\S+) requires (\S+), (\S+) and (\S+?)\.\s", README)
    assert len(done.stdout.strip().splitlines()) == 3, done.stdout
    assert {owner for owner, _ in missing} == {said[0]} and {name for _, name in missing} == set(said[1:])


def test_the_image_copies_what_exists() -> None:
    compose = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
    recipe = compose["services"]["api"]["build"]["dockerfile_inline"]
    copied = [name for line in re.findall(r"^COPY (.*)$", recipe, re.MULTILINE) for name in line.split()[:-1]]
    assert {*PACKAGES, "pyproject.toml", "Makefile"} <= set(copied)
    assert [name for name in copied if not (REPOSITORY / name).exists()] == []
