"""golden check, coverage and synthesize, and label, as they are typed: a small corpus, every stage real."""

from __future__ import annotations

import io
import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from api.cli import main
from eval.golden import load_golden

DEMO = Path(__file__).parents[4] / "corpora" / "demo"
FILES = ["glossary.md", "api/webhooks.md", "faq/billing-faq.txt", "policies/retention-policy-2025.pdf"]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> Path:
    folder = tmp_path_factory.mktemp("golden")
    for name in FILES:
        (folder / "kb" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(DEMO / "docs" / name, folder / "kb" / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAGWRIGHT_HOME", str(folder / "home"))
        options = ["--set", f"embedder.cache_dir={model_cache}", "--set", "embedder.threads=1", "--jobs", "1"]
        assert main(["ingest", str(folder / "kb"), "--corpus", "kb", *options]) == 0
    return folder / "home"


@pytest.fixture
def run(
    home: Path, model_cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    monkeypatch.setenv("RAGWRIGHT_HOME", str(home))
    options = ["--set", f"embedder.cache_dir={model_cache}", "--set", "embedder.threads=1"]

    def typed(*arguments: str, typed: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        code = main([*arguments, *options])
        return code, *capsys.readouterr()

    yield typed


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()]


def test_a_synthetic_set_is_made_once_and_is_sound(run: Run, tmp_path: Path) -> None:
    made = tmp_path / "made"
    code, out, _ = run("golden", "synthesize", "--corpus", "kb", "--out", str(made), "--n", "24", "--json")
    said = json.loads(out)
    assert code == 0 and said["cases"] == len(load_golden(made).cases) == 24 and sum(said["made"].values()) == 24
    again = tmp_path / "again"
    code, out, _ = run("golden", "synthesize", "--corpus", "kb", "--out", str(again), "--n", "24")
    assert code == 0 and rows(again) == rows(made) and "ranks retrievers, not generators" in out
    assert run("golden", "check", str(made))[0] == 0
    code, out, _ = run("golden", "synthesize", "--corpus", "kb", "--out", str(made))
    assert code == 2


def test_held_out_documents_are_asked_about_in_a_corpus_without_them(run: Run, tmp_path: Path) -> None:
    made = tmp_path / "made"
    code, out, _ = run("golden", "synthesize", "--corpus", "kb", "--out", str(made), "--n", "24", "--hold-out", "1")
    assert code == 0 and "--ingest into a corpus of its own" in out and "removed document" in out
    kept = {json.loads(line)["doc_id"] for line in (made / "documents.jsonl").read_text().splitlines()}
    assert len(kept) == len(FILES) - 1 and kept < set(FILES)


def test_questions_of_a_model(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tmp_path / "made"
    options = ["golden", "synthesize", "--corpus", "kb", "--out", str(made), "--n", "8", "--llm"]
    code, _, err = run(*options)
    assert code == 2 and "OPENAI_BASE_URL" in err
    with model() as url:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        code, out, _ = run(*options, "--json")
    assert code == 0 and json.loads(out)["made"]["model questions@1"] >= 2
    asked = [row for row in rows(made) if row["provenance"]["template"] == "model questions@1"]
    plain = [row["question"] for row in asked if "change" not in row["provenance"]]
    assert plain and all(question.startswith("What about") for question in plain)


def test_every_problem_of_a_set_is_listed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    bad = {"id": "1", "question": "q", "relevant": ["no.md"], "answerable": True}
    (tmp_path / "questions.jsonl").write_text("".join(json.dumps(bad) + "\n" for _ in range(7)))
    code, out, _ = run("golden", "check", str(tmp_path))
    assert code == 1 and out.count("there is no document 'no.md'") == 7 and "13 problems" in out
    code, out, _ = run("golden", "check", str(tmp_path), "--json")
    assert code == 1 and len(json.loads(out)["problems"]) == 13


def test_coverage_of_a_corpus_and_of_traffic(run: Run, tmp_path: Path) -> None:
    labelled = tmp_path / "set"
    (labelled / "docs").mkdir(parents=True)
    shutil.copy(DEMO / "docs" / "glossary.md", labelled / "docs")
    text = (DEMO / "docs" / "glossary.md").read_text(encoding="utf-8")
    start = text.index("A piece of a file")
    span = {"doc_id": "glossary.md", "start": start, "end": start + 17, "text": "A piece of a file"}
    case = {"id": "1", "question": "What is a chunk?", "relevant": [span], "answerable": True}
    (labelled / "questions.jsonl").write_text(json.dumps(case) + "\n")
    asked = tmp_path / "asked.txt"
    asked.write_text("What is a chunk?\nWhat are chunks?\nCan I get a refund?\nHow do I get my money back?\n")
    code, out, _ = run("golden", "coverage", str(labelled), "--corpus", "kb", "--traffic", str(asked), "--json")
    found = json.loads(out)
    assert code == 0 and found["documents"]["touched"] == 1 and found["documents"]["n"] == len(FILES)
    assert {item["doc_id"] for item in found["untouched_documents"]} == {*FILES} - {"glossary.md"}
    missing = [intent for intent in found["intents"]["list"] if not intent["covered"]]
    assert {example for intent in missing for example in intent["examples"]} >= {"Can I get a refund?"}
    assert found["intents"]["questions"]["n"] == 4 and 0 < found["intents"]["questions"]["value"] < 1
    code, out, _ = run("golden", "coverage", str(labelled), "--corpus", "kb", "--traffic", str(asked))
    assert code == 0 and "Documents that no case touches (3" in out and "Can I get a refund?" in out


def test_labels_are_given_at_a_terminal_and_go_on_later(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    asked = [
        {"question": "Do you refund a yearly plan?", "verdict": "up"},
        {"question": "What is a grey cloud?", "verdict": "down", "answer": "Weather."},
        {"question": "Who won the World Cup?"},
    ]
    log.write_text("".join(json.dumps(row) + "\n" for row in asked))
    made = str(tmp_path / "made")
    dialogue = (
        "9\n1\nnowhere to be found\nMark of a snapshot that is on a Tarn Box\nA mark.\nkind=odd\nkind=edge tags=a,b\n"
    )
    code, out, _ = run("label", made, "--corpus", "kb", "--from", str(log), typed=dialogue + "s\n/football\nu\n\nq\n")
    assert code == 0 and "answered: Weather." in out and "verdict: down" in out
    assert "numbers from 1 to 5" in out and "stands nowhere" in out and "kind is one of" in out
    assert out.splitlines()[-1].startswith("2 labelled, 2 in")
    first, second = rows(Path(made))
    assert (first["question"], first["kind"], first["tags"]) == ("What is a grey cloud?", "edge", ["a", "b"])
    assert first["relevant"][0]["text"] == "Mark of a snapshot that is on a Tarn Box" and first["answers"] == [
        "A mark."
    ]
    assert (second["expect"], second["relevant"]) == ("abstain", []) and first["provenance"]["verdict"] == "down"
    code, out, err = run(
        "label", made, "--corpus", "kb", "--from", str(log), "--json", typed="c\nsplit=dev\nWhat is a Courier?\nq\n"
    )
    assert code == 0 and json.loads(out) == {"set": made, "labelled": 1, "in_set": 3, "left": 0}
    assert "Question 1 of 1: Do you refund" in err
    cases = load_golden(Path(made)).cases
    assert [case.expect for case in cases] == ["answer", "abstain", "clarify"] and cases[2].split == "dev"


class model:
    """A model that asks about the first words of each passage, and quotes them."""

    def __enter__(self) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # noqa: N802
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                passage = re.findall(r"<passage[^>]*>\n(.*?)\n</passage>", asked["messages"][-1]["content"], re.DOTALL)
                quote = passage[0].split("\n")[0]
                said = json.dumps({"questions": [{"question": f"What about {quote[:60]}?", "quote": quote}]})
                choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": said}}
                reply = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(reply).encode())

            def log_message(self, *args: object) -> None:
                """Stay silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(self, *error: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
