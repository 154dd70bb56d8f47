from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from api.cli import main
from api.cli.arguments import build_parser
from api.cli.commands.service import listen
from rag import errors
from tests.fakes import equal_to

HELP = Path(__file__).parent / "help.txt"
ASK = ["ask", "How long?", "--corpus", "demo"]


def parsers(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    found = [parser]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found += [below for child in action.choices.values() for below in parsers(child)]
    return found


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(arguments)
    out, err = capsys.readouterr()
    return code, out, err


def in_process(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "api.cli", *arguments], capture_output=True, text=True, **options)


# --- help and grammar -------------------------------------------------------------------------------------------------


def test_help_is_the_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rewrite the snapshot with UPDATE_SNAPSHOTS=1 and read the difference."""
    monkeypatch.setenv("COLUMNS", "100")
    text = "\n".join(parser.format_help() for parser in parsers(build_parser()))
    if os.environ.get("UPDATE_SNAPSHOTS"):
        HELP.write_text(text, encoding="utf-8")
    assert text == HELP.read_text(encoding="utf-8")


def test_every_verb_has_its_function_and_the_common_options() -> None:
    verbs = [parser for parser in parsers(build_parser()) if parser.get_default("handler")]
    assert len(verbs) >= 16
    for parser in verbs:
        assert callable(parser.get_default("handler"))
        options = {option for action in parser._actions for option in action.option_strings}
        assert {"--config", "--set", "--json"} <= options


def test_help_loads_nothing_heavy() -> None:
    assert "ingest" in in_process("--help", check=True).stdout
    heavy = {"numpy", "pydantic", "torch", "rich", "fastapi", "yaml", "inspect", "difflib", "asyncio"}
    code = f"import sys, api.cli; api.cli.build_parser(); print(sorted({heavy!r} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


@pytest.mark.parametrize("verb", ["search", "context", "ask"])
def test_a_filter_on_a_field_that_no_document_has_says_so(
    runtime: Any, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    asked = [verb, "How long?", "--corpus", "demo", "--json"]
    assert main([*asked, "--filter", "lnag=en", "--filter", "zip=1", "--filter", "product=a"]) == 0
    shown = capsys.readouterr()
    assert "no document of 'demo' has the metadata field 'lnag'; did you mean 'lang'?" in shown.err
    assert "has the metadata field 'zip'; they have: lang, product" in shown.err
    assert "'product';" not in shown.err
    json.loads(shown.out)


# --- usage errors -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "VERB"),
        (["fly"], "invalid choice: 'fly'"),
        (["ask", "x"], "--corpus"),
        ([*ASK, "--corpsu", "x"], "--corpsu"),
        ([*ASK, "--filter", "novalue"], "needs key=value"),
        ([*ASK, "--filter", "a=1", "--filter", "a=2"], "twice"),
        ([*ASK, "--top-k", "0"], "top_k"),
        ([*ASK, "--top-k", "many"], "--top-k"),
        (["ask", "  ", "--corpus", "demo"], "question: must not be blank"),
        (["ask", "\udcff", "--corpus", "demo"], "valid Unicode"),
        ([*ASK, "--set", "nothing.here=1"], "unknown key 'nothing'"),
        ([*ASK, "--set", "answer.prompt"], "--set needs key=value"),
        ([*ASK, "--config", "does-not-exist.yaml"], "does-not-exist.yaml"),
        ([*ASK, "--set", "serve.max_question_chars=5"], "at most 5"),
        (["ingest", "x", "--corpus", "demo", "--allow-delete-over", "2"], "between 0 and 1"),
        (["serve", "--port", "99999"], "serve.port"),
        (["prompts"], "VERB"),
    ],
)
def test_misuse_is_one_clear_line_and_exit_2(
    runtime: Any, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    code, out, err = run(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert err.startswith("error: ") and err.count("\n") == 1
    assert says in err


def test_misuse_with_json_is_a_document(runtime: Any, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "ask", "x", "--json")
    assert code == 2
    assert json.loads(out)["error"]["type"] == "urn:ragwright:problem:invalid-request"
    assert json.loads(out)["error"]["detail"] in err


# --- questions --------------------------------------------------------------------------------------------------------

BOX = {"page": 3, "left": 72.0, "top": 100.5, "right": 300.0, "bottom": 112.0}
HIT = {
    "rank": 1,
    "score": 0.71,
    "doc_id": "policies/refund terms#1.md",
    "chunk_id": "0123456789abcdef",
    "start": 0,
    "end": 43,
    "text": "Refunds take 30 days. Ask support for help.",
    "title": "Refund terms",
    "headings": ["Refunds", "Time"],
    "page": 3,
    "boxes": [BOX, {"page": 3, "left": 72.0, "top": 114.5, "right": 280.0, "bottom": 126.0}],
    "stages": {
        "dense": {"rank": 4, "score": 0.5},
        "bm25": {"rank": 1, "score": 7.25},
        "fused": {"rank": 2, "score": 0.03},
    },
}
SEARCH = {
    "question": "How long?",
    "corpus": "demo",
    "generation": 7,
    "settings": "fed321fed321",
    "hits": [HIT],
    "query_steps": [],
    "timings_ms": {"total": 1.5},
}
CONTEXT = {
    **SEARCH,
    "timings_ms": {"total": 2.0, "pack": 0.5},
    "passages": [
        {
            "tag": 1,
            "doc_id": "policies/refund terms#1.md",
            "title": "Refund terms",
            "start": 0,
            "end": 50,
            "text": "Refunds … Naïve",
            "spans": [[0, 21], [44, 50]],
            "tokens": 7,
        }
    ],
    "tokens": 7,
    "budget_tokens": 1500,
    "tokenizer": "minilm",
    "dropped": [{"doc_id": "b.md", "start": 3, "end": 9, "reason": "budget", "tokens": None, "value": None}],
    "prompt": {
        "name": "grounded",
        "version": "1",
        "messages": [{"role": "system", "content": "Answer."}, {"role": "user", "content": "How long?"}],
    },
}
ANSWER = {
    "answer": "Refunds take 30 days [1].",
    "sentences": [
        {
            "text": "Refunds take 30 days [1].",
            "start": 0,
            "end": 25,
            "citations": [
                {
                    "tag": 1,
                    "doc_id": "policies/refund terms#1.md",
                    "title": "Refund terms",
                    "uri": "file:r.md",
                    "start": 0,
                    "end": 21,
                    "quote": "Refunds take 30 days.",
                    "support_score": 0.9,
                    "supported": True,
                    "page": 3,
                    "boxes": [BOX],
                }
            ],
        }
    ],
    "abstained": False,
    "reason": None,
    "warnings": [],
    "context": CONTEXT,
    "provenance": {
        "generation": 7,
        "settings": "fed321fed321",
        "prompt": {"name": "grounded", "version": "1"},
        "model": "extractive",
        "release": None,
    },
    "usage": {"input_tokens": 12, "output_tokens": 6, "cost_usd": None},
    "timings_ms": {"total": 3.0},
}


@pytest.mark.parametrize(("verb", "shape"), [("search", SEARCH), ("context", CONTEXT), ("ask", ANSWER)])
def test_json_is_the_contract_s(
    runtime: Any, capsys: pytest.CaptureFixture[str], verb: str, shape: dict[str, Any]
) -> None:
    code, out, err = run(capsys, verb, "How long?", "--corpus", "demo", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == shape
    assert runtime.closed


def test_options_reach_the_request_and_the_settings(
    runtime: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    config = tmp_path / "ragwright.yaml"
    config.write_text("retrieval: {top_k: 7}\ncontext: {budget_tokens: 700}\n")
    options = ["--top-k", "3", "--filter", "lang=en", "--filter", "product=a=b", "--budget-tokens", "90"]
    code, _, _ = run(
        capsys, *ASK, *options, "--prompt", "grounded@1", "--config", str(config), "--set", "rerank.top_n=4"
    )
    request = runtime.pipeline.requests[0]
    assert code == 0
    assert (request.top_k, request.budget_tokens, request.prompt) == (3, 90, "grounded@1")
    assert request.filter == equal_to(lang="en", product="a=b")
    assert runtime.settings.retrieval.top_k == 7
    assert runtime.settings.rerank.top_n == 4


def test_an_answer_is_shown_with_its_sources(runtime: Any, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, *ASK)
    assert out.splitlines()[0] == "Refunds take 30 days [1]."
    assert "[1] Refund terms" in out
    assert "policies/refund terms#1.md [0:21]" in out
    assert "“Refunds take 30 days.”" in out


def test_a_refusal_says_why_and_is_no_error(runtime: Any, capsys: pytest.CaptureFixture[str]) -> None:
    runtime.pipeline.abstains = True
    assert run(capsys, *ASK)[:2] == (0, "No answer: no passage answers it\n")


def test_a_stream_shows_text_as_it_comes(runtime: Any, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, *ASK, "--stream")
    assert out.startswith("Refunds take\n30 days [1].")
    assert "Sources" in out


def test_a_json_stream_is_one_event_a_line(runtime: Any, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, *ASK, "--stream", "--json")
    events = [json.loads(line) for line in out.splitlines()]
    assert [event["event"] for event in events] == ["context", "delta", "delta", "answer"]
    assert events[0]["context"] == CONTEXT
    assert events[-1]["answer"] == ANSWER


def test_a_json_stream_that_fails_ends_with_an_error_event(runtime: Any, capsys: pytest.CaptureFixture[str]) -> None:
    runtime.pipeline.error, runtime.pipeline.late = errors.GeneratorError("it refused"), True
    code, out, _ = run(capsys, *ASK, "--stream", "--json")
    events = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert [event["event"] for event in events] == ["context", "delta", "error"]
    assert events[-1]["error"]["type"] == "urn:ragwright:problem:generator-failed"


def test_control_characters_do_not_reach_the_terminal(
    runtime: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.cli.render.search_text", lambda _result: "a\x1b]0;owned\x07b")
    _, out, _ = run(capsys, "search", "x", "--corpus", "demo")
    assert out == "a�]0;owned�b\n"


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.CorpusNotFoundError("there is no corpus"), 1),
        (errors.BusyError("locked"), 1),
        (errors.StateError("damaged"), 1),
        (errors.ConfigError("wrong"), 2),
        (errors.UnknownKeyError("prompt", "x", ["y"]), 2),
    ],
)
def test_an_error_is_one_line_and_a_document(
    runtime: Any, capsys: pytest.CaptureFixture[str], error: errors.RagwrightError, code: int
) -> None:
    runtime.pipeline.error = error
    assert run(capsys, *ASK) == (code, "", f"error: {error}\n")
    exit_code, out, err = run(capsys, *ASK, "--json")
    assert (exit_code, err) == (code, f"error: {error}\n")
    assert json.loads(out) == {"error": {"type": f"urn:ragwright:problem:{error.slug}", "detail": str(error)}}


def test_a_bug_shows_its_traceback_only_on_demand(runtime: Any, capsys: pytest.CaptureFixture[str]) -> None:
    runtime.pipeline.error = KeyError("lost")
    code, _, err = run(capsys, *ASK)
    assert code == 1
    assert err == "error: unexpected KeyError: 'lost'; run it again with --debug to see where\n"
    code, _, err = run(capsys, *ASK, "--debug")
    assert code == 1
    assert "Traceback" in err


def test_ctrl_c_is_one_line_and_exit_130(runtime: Any, capsys: pytest.CaptureFixture[str]) -> None:
    runtime.pipeline.error = KeyboardInterrupt()
    assert run(capsys, *ASK) == (130, "", "interrupted\n")


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    command = f"{sys.executable} -m api.cli --help | true; exit ${{PIPESTATUS[0]}}"
    for _ in range(3):
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
        assert done.stderr == ""
        assert done.returncode in (0, 141)


# --- serve and doctor -------------------------------------------------------------------------------------------------


def test_a_port_in_use_is_one_clear_line(runtime: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, out, err = run(capsys, "serve", "--port", str(port))
    assert (code, out) == (1, "")
    assert err == f"error: port {port} of 127.0.0.1 is in use; choose another with --port, or 0 for any\n"


def test_an_address_that_is_not_ours_is_usage(runtime: Any, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "serve", "--host", "192.0.2.1", "--port", "0")
    assert code == 2
    assert "cannot listen on 192.0.2.1:0" in err


def test_a_free_port_is_bound() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert listener.getsockname()[1] > 0


def test_doctor_compares_the_stores_of_each_corpus(
    runtime: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.upkeep.checks.CHECKS", {})  # tested where they are, over real stores
    _, out, _ = run(capsys, "doctor", "--json")
    checks = {check["name"]: check for check in json.loads(out)["checks"]}
    assert checks["corpus demo"]["ok"] and checks["model"]["ok"] and checks["home"]["ok"]
    runtime.counts["keywords"] = 2
    code, out, _ = run(capsys, "doctor", "--json")
    checks = {check["name"]: check for check in json.loads(out)["checks"]}
    assert code == 1
    assert not json.loads(out)["ok"]
    assert "keywords 2" in checks["corpus demo"]["detail"]


def test_doctor_says_when_the_home_cannot_be_written(
    runtime: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RAGWRIGHT_HOME", str(tmp_path / "file"))
    code, out, _ = run(capsys, "doctor", "--json")
    checks = {check["name"]: check for check in json.loads(out)["checks"]}
    assert code == 1
    assert "RAGWRIGHT_HOME" in checks["home"]["detail"]


# --- prompts ----------------------------------------------------------------------------------------------------------


def test_prompts_are_listed_shown_and_linted(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "prompts", "list", "--json")
    names = [f"{row['name']}@{row['version']}" for row in json.loads(out)["prompts"]]
    assert code == 0
    assert "grounded@1" in names
    assert "{{question}}" in run(capsys, "prompts", "show", "grounded@1")[1]
    assert json.loads(run(capsys, "prompts", "show", "grounded@1", "--json")[1])["version"] == "1"
    code, out, _ = run(capsys, "prompts", "lint", "--json")
    assert code == 0
    assert json.loads(out)["prompts"][0]["problems"] == []
    assert run(capsys, "prompts", "diff", "grounded@1", "grounded@1") == (0, "", "")


def test_an_unknown_prompt_is_usage(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "prompts", "show", "nothing@1")
    assert code == 2
    assert "grounded@1" in err


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{{question}}", "does not show every passage"),
        ("{{questoin}}", "questoin"),
        ("{{#each passages}}{{this.text}}{{/each}}{{#each history}}{{this.text}}{{/each}}{{question}}", ""),
    ],
)
def test_lint_finds_what_a_prompt_lacks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, template: str, says: str
) -> None:
    from rag.prompts import PromptFiles

    (tmp_path / "mine@2.prompt").write_text(f"---\ndescription: mine\n---\n{template}")
    monkeypatch.setattr("rag.prompts.PromptFiles", lambda: PromptFiles(tmp_path))
    code, out, _ = run(capsys, "prompts", "lint")
    assert code == (1 if says else 0)
    assert (says or "ok") in out
