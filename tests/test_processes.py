"""What users do with processes: several at once on one home, broken input, no network."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.warmed import warmed

REPOSITORY = Path(__file__).parent.parent
QUESTION = "Which company shreds your broken drives?"
BLOCK_NETWORK = """
import socket
def refuse(address):
    raise ConnectionRefusedError(f"this test allows no network: {address}")
_connect = socket.socket.connect
def connect(self, address):
    return _connect(self, address) if self.family == socket.AF_UNIX else refuse(address)
socket.socket.connect = socket.socket.connect_ex = connect
socket.getaddrinfo = lambda *address, **_: refuse(address)
"""


@pytest.fixture
def home(tmp_path: Path, model_cache: Path) -> Path:
    """An empty home that knows the exported model."""
    home = tmp_path / "home"
    (home / "models").mkdir(parents=True)
    for model in model_cache.glob("*.onnx"):
        os.link(model, home / "models" / model.name)
    return home


@pytest.fixture
def demo_copy(home: Path, demo_home: Path) -> Path:
    """A home of its own with the demo corpus."""
    shutil.copytree(demo_home, home, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.sock", "run"))
    return home


def environment(home: Path, **extra: str) -> dict[str, str]:
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**keep, "RAGWRIGHT_HOME": str(home), "PYTHONPATH": str(REPOSITORY), **extra}


COLD = [sys.executable, "-m", "api.cli"]
"""`ragwright` as a user starts it."""

WARM = list(COLD)
"""The same in a fork of a process that has imported everything: for commands of which only the result matters."""


@pytest.fixture(scope="module", autouse=True)
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with warmed(environment(tmp_path_factory.mktemp("warm"))) as command:
        WARM[:] = command
        yield
    WARM[:] = COLD


def ragwright(home: Path, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*(WARM if env is None else COLD), *arguments],
        env=dict(env or environment(home)),
        capture_output=True,
        text=True,
        timeout=120,
    )


def ask(home: Path) -> dict[str, Any]:
    done = ragwright(home, "ask", QUESTION, "--corpus", "demo", "--json")
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@contextlib.contextmanager
def process(home: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    running = subprocess.Popen(
        [sys.executable, "-m", "api.cli", *arguments],
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield running
    finally:
        running.kill()
        running.wait()
        assert running.stdout is not None
        running.stdout.close()


@contextlib.contextmanager
def server(home: Path) -> Iterator[str]:
    with process(home, "serve", "--port", "0", "--json") as running:
        assert running.stdout is not None
        url = json.loads(running.stdout.readline())["url"]
        deadline = time.monotonic() + 60
        while status(url + "/readyz") != 200:
            assert time.monotonic() < deadline and running.poll() is None
            time.sleep(0.05)
        yield url


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except urllib.error.URLError:
        return 0


def post(url: str, body: Mapping[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        answer: dict[str, Any] = json.load(response)
    return answer


def write_documents(folder: Path, count: int) -> Path:
    folder.mkdir()
    rows = [
        {"doc_id": f"d{i}", "title": f"Part {i}", "text": f"Part {i} weighs {i} grams and ships from dock {i % 7}."}
        for i in range(count)
    ]
    (folder / "documents.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "documents.jsonl"


def test_asking_goes_on_while_a_server_runs_and_an_ingest_is_under_way(demo_copy: Path, tmp_path: Path) -> None:
    documents = write_documents(tmp_path / "many", 400)
    before = ask(demo_copy)
    with server(demo_copy) as url, process(demo_copy, "ingest", str(documents), "--corpus", "demo") as ingest:
        answers = 0
        while ingest.poll() is None:
            served = post(url + "/v1/answer", {"question": QUESTION, "corpus": "demo"})
            asked = ask(demo_copy)
            for answer in (served, asked):
                generation = answer["provenance"]["generation"]
                assert answer["context"]["generation"] == generation >= before["provenance"]["generation"]
                assert "Genvind Nord" in answer["answer"]
                answers += 1
        assert ingest.returncode == 0 and answers >= 2
        after = post(url + "/v1/answer", {"question": "How much does part 367 weigh?", "corpus": "demo"})
        assert after["provenance"]["generation"] > before["provenance"]["generation"]
        assert after["context"]["hits"][0]["doc_id"] == "d367"


def test_a_killed_owner_is_replaced_and_nothing_is_lost(demo_copy: Path) -> None:
    with process(demo_copy, "serve", "--port", "0", "--json") as running:
        assert running.stdout is not None
        url = json.loads(running.stdout.readline())["url"]
        assert "Genvind Nord" in post(url + "/v1/answer", {"question": QUESTION, "corpus": "demo"})["answer"]
        running.send_signal(signal.SIGKILL)
        running.wait()
        assert "Genvind Nord" in ask(demo_copy)["answer"]


def chunks_after(home: Path, generation: int) -> int:
    """Count the chunks that the catalogue holds of generations that are not live yet."""
    with contextlib.closing(sqlite3.connect(f"file:{home / 'catalogue.db'}?mode=ro", uri=True)) as catalogue:
        (count,) = catalogue.execute("SELECT count(*) FROM chunks WHERE added > ?", (generation,)).fetchone()
    return int(count)


def test_a_killed_ingest_is_invisible_and_its_embeddings_serve_the_next_run(demo_copy: Path, tmp_path: Path) -> None:
    documents = write_documents(tmp_path / "many", 640)
    before = ask(demo_copy)["provenance"]["generation"]
    with process(demo_copy, "ingest", str(documents), "--corpus", "demo") as ingest:
        # A batch of 256 is listed before it is embedded: with 600 listed, two were stored whole.
        while chunks_after(demo_copy, before) < 600:
            assert ingest.poll() is None
            time.sleep(0.01)
        ingest.send_signal(signal.SIGKILL)
        ingest.wait()
    assert ask(demo_copy)["provenance"]["generation"] == before
    done = ragwright(demo_copy, "ingest", str(documents), "--corpus", "demo", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 0 and report["added"] == 640, done.stderr
    assert report["reused"] >= 512 and report["embedded"] + report["reused"] == report["chunks"] == 640
    assert chunks_after(demo_copy, before) == 640
    state = json.loads(ragwright(demo_copy, "status", "--corpus", "demo", "--json").stdout)["corpora"][0]
    assert (state["documents"], state["chunks"] >= 940) == (680, True)
    assert ragwright(demo_copy, "doctor").returncode == 0


def test_a_second_ingest_of_the_same_files_changes_nothing(demo_copy: Path) -> None:
    done = ragwright(demo_copy, "ingest", str(REPOSITORY / "corpora" / "demo"), "--corpus", "demo", "--prune", "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["unchanged"]) == (0, 40)
    assert report["added"] == report["changed"] == report["removed"] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["ask", "x", "--corpus", "nowhere"], 1, "there is no corpus 'nowhere'"),
        (["ingest", "corpora/demo", "--corpus", "../x"], 2, "corpus name"),
        (["ask", "", "--corpus", "demo"], 2, "question"),
        (["ask", "x", "--corpus", "demo", "--set", "rerank.topn=3"], 2, "unknown key 'rerank.topn'"),
        (["ask", "x", "--corpus", "demo", "--set", "rerank.name=best"], 2, "maxsim"),
        (["ask", "x", "--corpus", "demo", "--prompt", "none@9"], 2, "grounded@1"),
        (["search", "x", "--corpus", "demo", "--top-k", "0"], 2, "top"),
        (["ingest", "does-not-exist", "--corpus", "demo"], 1, "does-not-exist"),
        (["eval", "does-not-exist", "--corpus", "demo", "--out", "out"], 1, "does-not-exist"),
        (["frobnicate"], 2, "invalid choice"),
    ],
)
def test_misuse_is_one_clear_line(
    demo_home: Path, tmp_path: Path, arguments: Sequence[str], code: int, message: str
) -> None:
    done = ragwright(demo_home, *arguments)
    line = done.stderr.strip().splitlines()[-1]
    assert done.returncode == code, done.stderr
    assert message in line and "Traceback" not in done.stderr


def test_broken_files_are_named_and_the_rest_is_searchable(demo_copy: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    (folder / "empty.pdf").write_bytes(b"")
    (folder / "random.docx").write_bytes(bytes(range(256)) * 40)
    (folder / "good.md").write_text("# Zebra crossing\n\nThe zebra crossing lamp is replaced every 13 months.\n")
    done = ragwright(demo_copy, "ingest", str(folder), "--corpus", "demo", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 3 and report["added"] == 1
    assert sorted(failure["doc_id"] for failure in report["failed"]) == ["empty.pdf", "random.docx"]
    state = ragwright(demo_copy, "status", "--corpus", "demo").stdout
    assert "empty.pdf" in state and "random.docx" in state
    found = json.loads(ragwright(demo_copy, "search", "zebra crossing lamp", "--corpus", "demo", "--json").stdout)
    assert found["hits"][0]["doc_id"] == "good.md"
    assert "Genvind Nord" in ask(demo_copy)["answer"]


def test_an_empty_folder_changes_nothing_even_with_prune(demo_copy: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for extra in ([], ["--prune"]):
        done = ragwright(demo_copy, "ingest", str(tmp_path / "empty"), "--corpus", "demo", *extra)
        assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "Genvind Nord" in ask(demo_copy)["answer"]


def test_a_prune_that_would_remove_too_much_is_refused(demo_copy: Path, tmp_path: Path) -> None:
    folder = tmp_path / "few"
    folder.mkdir()
    (folder / "one.md").write_text("# One\n\nOnly this.\n")
    docs = REPOSITORY / "corpora" / "demo" / "docs"
    assert ragwright(demo_copy, "sources", "move", str(docs), str(folder), "--corpus", "demo").returncode == 0
    done = ragwright(demo_copy, "ingest", str(folder), "--corpus", "demo", "--prune")
    assert done.returncode == 1 and "--allow-delete-over" in done.stderr
    assert "Genvind Nord" in ask(demo_copy)["answer"]


def test_a_port_in_use_is_one_clear_line(demo_home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = ragwright(demo_home, "serve", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1 and "in use" in done.stderr and "Traceback" not in done.stderr


def test_everything_works_with_the_network_refused(home: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(BLOCK_NETWORK)
    unplugged = environment(home, PYTHONPATH=f"{site}{os.pathsep}{REPOSITORY}")
    folder = tmp_path / "kb"
    folder.mkdir()
    docs = REPOSITORY / "corpora" / "demo" / "docs"
    for path in ("policies/retention-policy-2025.pdf", "kb/kb-1042-lost-second-factor.html", "glossary.md"):
        shutil.copy(docs / path, folder)
    for path in ("onboarding/administrator-onboarding.docx", "training/whats-new-4.2.pptx", "reference/regions.csv"):
        shutil.copy(docs / path, folder)
    for arguments in (
        ["ingest", str(folder), "--corpus", "demo"],
        ["ask", QUESTION, "--corpus", "demo"],
        ["eval", str(write_set(tmp_path, folder)), "--corpus", "demo", "--out", str(tmp_path / "run")],
        ["doctor"],
    ):
        done = ragwright(home, *arguments, env=unplugged)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    assert {path.name for path in (tmp_path / "run").iterdir()} >= {
        *("results.json", "rows.jsonl", "run.trec", "junit.xml", "summary.md", "report.html")
    }


def write_set(tmp_path: Path, documents: Path) -> Path:
    golden = tmp_path / "set"
    shutil.copytree(documents, golden / "docs")
    row = {"id": "q1", "question": QUESTION, "answers": ["Genvind Nord"], "relevant": ["retention-policy-2025.pdf"]}
    (golden / "questions.jsonl").write_text(json.dumps({**row, "answerable": True}) + "\n")
    return golden


def test_a_corpus_that_another_process_deletes_is_not_found_by_a_server(demo_copy: Path) -> None:
    with server(demo_copy) as url:
        assert post(url + "/v1/search", {"question": "refund", "corpus": "demo"})["hits"]
        gone = ragwright(demo_copy, "corpus", "delete", "demo", "--yes", "--json")
        assert gone.returncode == 0 and json.loads(gone.stdout)["documents"] > 0
        for path in ("/v1/search", "/v1/answer"):
            with pytest.raises(urllib.error.HTTPError) as caught:
                post(url + path, {"question": "refund", "corpus": "demo"})
            with caught.value as answer:
                assert answer.code == 404
        assert ragwright(demo_copy, "search", "refund", "--corpus", "demo").returncode == 1
    assert not list((demo_copy / "indexes").iterdir())
