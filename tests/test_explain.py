"""Explanations over the demo corpus, every stage real: what is suggested, applied by hand, admits the passage."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from api.cli import main
from rag.explain.values import Explanation, PassageRef, Suggestion
from rag.pipeline import Request
from rag.runtime import Runtime, open_runtime
from rag.settings import load_settings
from rag.types import ContextResult
from tests.api.serving import made_app
from tests.test_flow import GOLDEN

QUESTION = "Which company shreds your broken drives?"
DOCUMENT = "policies/retention-policy-2025.pdf"


async def misses(demo: Runtime, wanted: int, seed: int) -> list[tuple[str, Explanation]]:
    """Return passages that are not in the context of a question: by turns any chunk and one of the question's hits."""
    rng = random.Random(seed)
    generation = demo.catalogue.live("demo")
    pks = [pk for pk, _ in demo.catalogue.visible_chunks(generation)]
    chunks = sorted(demo.catalogue.chunks(pks).values(), key=lambda chunk: chunk.chunk_id)
    asked = [row["question"] for row in GOLDEN if row["split"] == "dev" and row["answerable"]]
    found: list[tuple[str, Explanation]] = []
    while len(found) < wanted:
        question = rng.choice(asked)
        hits = (await demo.pipeline.search(Request(question, "demo", top_k=60))).hits
        chunk = rng.choice(chunks if len(found) % 2 else [hit.chunk for hit in hits])
        explained = await demo.explainer.explain(Request(question, "demo"), PassageRef(chunk.doc_id, chunk.span))
        if explained.gate is not None:
            found.append((question, explained))
    return found


def holds(result: ContextResult, explained: Explanation) -> bool:
    target = explained.target
    spans = [s for p in result.context.passages if p.doc_id == target.doc_id for s in p.spans]
    return any(span.start < target.span.end and target.span.start < span.end for span in spans)


async def applied(demo: Runtime, suggestion: Suggestion, question: str) -> ContextResult:
    """Run the question with the settings that `--set` would make."""
    home, cache = str(demo.home.root), demo.settings.embedder.cache_dir
    options = [f"{key}={value}" for key, value in suggestion.settings.items()]
    overrides = [f"embedder.cache_dir={cache}", "embedder.threads=1", *options]
    with open_runtime(load_settings(overrides=overrides, environ={"RAGWRIGHT_HOME": home})) as runtime:
        return await runtime.pipeline.context(Request(question, "demo"))


async def check(demo: Runtime, sampled: Sequence[tuple[str, Explanation]]) -> None:
    for question, explained in sampled:
        assert not holds(await demo.pipeline.context(Request(question, "demo")), explained)
        assert explained.suggestions or explained.tried, explained
        for suggestion in explained.suggestions[:1]:
            assert holds(await applied(demo, suggestion, question), explained), (question, explained.target, suggestion)


async def test_suggestions_admit_sampled_misses(demo: Runtime) -> None:
    await check(demo, await misses(demo, 3, seed=1))


@pytest.mark.accept
async def test_suggestions_admit_fifty_sampled_misses(
    demo: Runtime, record_property: Callable[[str, object], None]
) -> None:
    sampled = await misses(demo, 50, seed=2)
    await check(demo, sampled)
    admitted = sum(bool(explained.suggestions) for _, explained in sampled)
    alone = sum(len(suggestion.settings) == 1 for _, e in sampled for suggestion in e.suggestions[:1])
    record_property("measured", f"{admitted} of {len(sampled)} admitted by what is suggested, {alone} by one setting")
    assert admitted >= 45


@pytest.fixture
def options(demo_home: Path, model_cache: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("RAGWRIGHT_HOME", str(demo_home))
    return ["--corpus", "demo", "--set", f"embedder.cache_dir={model_cache}", "--set", "embedder.threads=1"]


def test_the_command_says_why_and_what_hangs_on_it(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    passage = f"{quote(DOCUMENT)}#2536-2668"
    assert main(["explain", QUESTION, *options, "--passage", passage]) == 0
    said = capsys.readouterr().out
    assert "in the context" in said and "Genvind Nord" in said and passage in said
    assert "Without it 1 of 1 sentences" in said
    assert main(["explain", QUESTION, *options, "--passage", passage, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["in_context"] and shown["gate"] is None and shown["passage"]["ref"] == passage
    assert shown["answer"]["sentences"][0]["loses_support"] and set(shown["stages"]) >= {"dense", "bm25", "fused"}


def test_the_command_suggests_a_setting(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    passage = ["--passage", "manual/tarnvault-manual-4.2.md#20222-20506", "--set", "context.max_hits=3"]
    assert main(["explain", QUESTION, *options, *passage, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["gate"] and shown["suggestions"][0]["set"]


@pytest.mark.parametrize(
    ("passage", "code", "kind"),
    [
        ("none.md", 1, "document-not-found"),
        (f"{DOCUMENT}#0-999999", 2, "bad-passage"),
        (f"{DOCUMENT}#9-9", 2, "invalid-request"),
        (f"{DOCUMENT}#nine", 2, "invalid-request"),
    ],
)
def test_a_bad_passage_is_one_clear_line(
    options: list[str], capsys: pytest.CaptureFixture[str], passage: str, code: int, kind: str
) -> None:
    assert main(["explain", QUESTION, *options, "--passage", passage, "--json"]) == code
    printed = capsys.readouterr()
    assert json.loads(printed.out)["error"]["type"] == f"urn:ragwright:problem:{kind}"
    assert len(printed.err.strip().splitlines()) == 1


def test_the_route_takes_the_passage_as_the_contract_has_it(demo: Runtime) -> None:
    asked = {"question": QUESTION, "corpus": "demo", "passage": {"doc_id": DOCUMENT, "start": 2536, "end": 2668}}
    with TestClient(made_app(demo), base_url="http://localhost", raise_server_exceptions=False) as client:
        shown = client.post("/v1/explain", json=asked).json()
        assert shown["in_context"] and shown["share"] == 1
        hidden = client.post("/v1/explain", json={**asked, "filter": {"format": "md"}})
        unknown = client.post(
            "/v1/explain", json={**asked, "filter": {"format": "md"}, "passage": {"doc_id": "none.md"}}
        )
        assert hidden.status_code == unknown.status_code == 404
        assert hidden.json()["detail"].replace(DOCUMENT, "none.md") == unknown.json()["detail"]
        beyond = {**asked, "passage": {"doc_id": DOCUMENT, "start": 0, "end": 10**6}}
        assert client.post("/v1/explain", json=beyond).json()["type"].endswith("bad-passage")
        for passage in ({"doc_id": DOCUMENT, "start": 5}, {"doc_id": DOCUMENT, "start": 5, "end": 5}, {"doc_id": ""}):
            assert client.post("/v1/explain", json={**asked, "passage": passage}).status_code == 422
        assert "/v1/explain" in client.get("/openapi.json").json()["paths"]
