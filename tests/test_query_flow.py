"""Query steps in the shipped flow: what they do is shown, what fails falls back, what a model costs is counted."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from api.cli.render import answer_text, search_text
from ingest.pipeline import ingest
from rag.conditions import parse_condition
from rag.pipeline import Request
from rag.runtime import Runtime, open_runtime
from rag.settings import Settings
from rag.shapes import search_json
from rag.types import Turn

PAGES = {
    "vault.md": "---\nyear: 2024\n---\n# Vault\n\nThe Vault Access Key (VAK) is kept by the night watch.\n",
    "backup.md": "---\nyear: 2025\n---\n# Backups\n\nBackups run every night. A restore takes about an hour.\n",
    "restore.md": "---\nyear: 2026\n---\n# Restores\n\nTo restore the backups, ask the operators for an appointment.\n",
    "printer.md": "# Printers\n\nThe printers on the second floor take A3 paper. Toner is ordered on Mondays.\n",
}
REPLIES = {
    "rewrite the last question": "Who keeps the Vault Access Key?",
    "write other questions": "1. Who guards the key?\n2. Who holds the VAK?",
    "write a short passage": "The key is kept by the night watch.",
}


@dataclass
class Endpoint:
    """A scripted language model: replies by the prompt it is sent, or fails."""

    url: str = ""
    fails: bool = False
    asked: list[str] = field(default_factory=list)

    def reply(self, body: dict[str, Any]) -> str:
        self.asked.append(body["messages"][0]["content"])
        found = [text for sign, text in REPLIES.items() if sign in self.asked[-1]]
        return found[0] if found else "The night watch keeps the Vault Access Key. [1]"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    script = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # noqa: N802
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            choice = {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": script.reply(body)},
            }
            usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
            answer = {
                "id": "1",
                "object": "chat.completion",
                "created": 0,
                "model": "m",
                "choices": [choice],
                "usage": usage,
            }
            self.send_response(400 if script.fails else 200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *args: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_port}/v1"
    yield script
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def base(settings: Settings, tmp_path: Path) -> Settings:
    for name, text in PAGES.items():
        (tmp_path / "docs").mkdir(exist_ok=True)
        (tmp_path / "docs" / name).write_text(text, "utf-8")
    with open_runtime(settings) as runtime:
        assert ingest([str(tmp_path / "docs")], "kb", runtime).added == len(PAGES)
    return settings


def opened(base: Settings, endpoint: Endpoint | None = None, **sections: dict[str, Any]) -> Runtime:
    environment = {"home": base.environment.home}
    if endpoint:
        environment |= {"openai_base_url": endpoint.url}  # type: ignore[dict-item]
        sections["answer"] = {"usd_per_million_input": 1.0, "usd_per_million_output": 10.0, "retries": 0}
    return open_runtime(Settings.model_validate({"embedder": base.embedder, **sections, "environment": environment}))


async def test_offline_steps_are_shown_with_what_they_did(base: Settings) -> None:
    query = {"steps": ["spelling", "acronyms", "rm3"]}
    with opened(base, query=query) as runtime:
        result = await runtime.pipeline.search(Request("Who keepz the VAK in the printters?", "kb"))
    steps = {step["name"]: step for step in search_json(result).model_dump(mode="json")["query_steps"]}
    assert list(steps) == ["spelling", "acronyms", "rm3"]
    assert steps["acronyms"]["added"] == ["VAK: Vault Access Key"] and "VAK (Vault Access Key)" in steps["rm3"]["text"]
    assert steps["rm3"]["added"] and {"query.spelling", "query.acronyms", "query.rm3"} <= set(result.timings_ms)
    assert result.question == "Who keepz the VAK in the printters?"
    assert search_text(result).splitlines()[1] == "acronyms: VAK: Vault Access Key"
    with opened(base, query={"steps": []}) as runtime:
        plain = await runtime.pipeline.search(Request("Who keeps the VAK?", "kb"))
    assert plain.steps == () and not any(name.startswith("query.") for name in plain.timings_ms)
    assert plain.settings != result.settings


async def test_a_follow_up_finds_the_subject_of_the_conversation(base: Settings) -> None:
    turns = (Turn("user", "Which printers take A3 paper?"), Turn("assistant", "Those on the second floor."))
    with opened(base) as runtime:
        request = Request("And when is it ordered?", "kb", history=turns)
        result = await runtime.pipeline.answer(request)
        alone = await runtime.pipeline.search(Request("And when is it ordered?", "kb"))
    assert result.context.search.steps[0].added == ("printers", "take", "a3", "paper") and alone.steps == ()
    assert result.context.search.hits[0].chunk.doc_id == "printer.md"
    assert answer_text(result).startswith("history: printers, take, a3, paper")


async def test_a_model_rewrites_and_asks_again_and_what_it_costs_is_counted(base: Settings, endpoint: Endpoint) -> None:
    turns = (Turn("user", "What is the VAK?"), Turn("assistant", "The Vault Access Key."))
    steps = ["condense", "multi-query", "hyde"]
    with opened(base, endpoint, query={"steps": steps}) as runtime:
        answer = await runtime.pipeline.answer(Request("Who keeps it?", "kb", history=turns))
    search = answer.context.search
    assert [step.prompt for step in search.steps] == ["condense@1", "multi-query@1", "hyde@1"]
    assert search.steps[0].text == "Who keeps the Vault Access Key?"
    stages = search.hits[0].stages
    assert {"dense", "bm25", "dense#1", "bm25#1", "dense#2", "dense#3", "fused"} <= set(
        stages
    ) and "bm25#3" not in stages
    assert search.hits[0].chunk.doc_id == "vault.md" and not answer.abstained
    assert len(endpoint.asked) == 4, "one call a step, one for the answer"
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (400, 40)
    assert answer.usage.cost_usd == pytest.approx(4 * (100 + 10 * 10) / 1e6)
    assert answer.context.prompt.messages[-1].content.endswith("Question: Who keeps it?"), "it is asked what was asked"


async def test_steps_ask_the_model_that_they_name(base: Settings, endpoint: Endpoint) -> None:
    models = {"small": {"model": "s", "base_url": endpoint.url, "retries": 0}}
    for generator in ("extractive", "auto"):
        query = {"steps": ["hyde"], "model": "small"}
        with opened(base, query=query, models=models, answer={"generator": generator}) as runtime:
            answer = await runtime.pipeline.answer(Request("Who keeps the VAK?", "kb"))
        assert answer.provenance.model == "extractive", "an entry that only steps name writes no answer"
        assert answer.usage.input_tokens == 100 and answer.context.search.steps[0].prompt == "hyde@1"
    assert len(endpoint.asked) == 2


async def test_a_model_that_fails_leaves_the_plain_search(base: Settings, endpoint: Endpoint) -> None:
    endpoint.fails = True
    with opened(base, endpoint, query={"steps": ["multi-query", "hyde"]}) as runtime:
        found = await runtime.pipeline.search(Request("Who keeps the VAK?", "kb"))
    with opened(base, query={"steps": []}) as runtime:
        plain = await runtime.pipeline.search(Request("Who keeps the VAK?", "kb"))
    assert [hit.chunk for hit in found.hits] == [hit.chunk for hit in plain.hits]
    assert [hit.score for hit in found.hits] == [hit.score for hit in plain.hits]
    assert all("the model failed, so the question is searched as it is" in step.note for step in found.steps)


async def test_filters_by_range_reach_both_indexes(base: Settings) -> None:
    found = {}
    for condition in ("year>=2025", "year<2025", "year!=2025", "year in [2024, 2026]", "year>2030", "format=md"):
        for retriever in ("dense", "bm25"):
            with opened(base, retrieval={"retrievers": [retriever]}, rerank={"name": "none"}) as runtime:
                request = Request("hour operators watch toner", "kb", filter=[parse_condition(condition)])
                hits = (await runtime.pipeline.search(request)).hits
            found[condition, retriever] = sorted({hit.chunk.doc_id for hit in hits})
    for retriever in ("dense", "bm25"):
        assert found["year>=2025", retriever] == ["backup.md", "restore.md"]
        assert found["year<2025", retriever] == ["vault.md"]
        assert found["year!=2025", retriever] == ["printer.md", "restore.md", "vault.md"]
        assert found["year in [2024, 2026]", retriever] == ["restore.md", "vault.md"]
        assert found["year>2030", retriever] == [] and found["format=md", retriever] == sorted(PAGES)
