"""A question that is overtaken by a rollback, the next ingest or a vacuum is answered from one generation, whole."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from ingest.pipeline import ingest
from ingest.upkeep.generations import rollback, vacuum
from rag.bridge import run_sync
from rag.errors import CorpusNotFoundError
from rag.pipeline import Request
from rag.runtime import Runtime, open_runtime
from rag.settings import load_settings
from rag.types import Generation

OLD, NEW = "The kettle boils at noon.", "The kettle boils at midnight."
REQUEST = Request("When does the kettle boil?", "kb")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    return tmp_path / "source"


@pytest.fixture
def runtime(tmp_path: Path, model_cache: Path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "models").symlink_to(model_cache)
    settings = load_settings(overrides=["ingest.keep_generations=1"], environ={"RAGWRIGHT_HOME": str(home)})
    with open_runtime(settings) as opened:
        yield opened


def write(source: Path, text: str, runtime: Runtime) -> int | None:
    (source / "kettle.md").write_text(f"# Kettle\n\n{text}\n")
    return ingest([str(source)], "kb", runtime).generation


def overtaken(runtime: Runtime, monkeypatch: pytest.MonkeyPatch, *events: Callable[[], object]) -> None:
    """Let each event happen behind the back of one reader, after it was told which generation is live."""
    live, waiting = runtime.catalogue.live, list(events)

    def told(corpus: str) -> Generation:
        found = live(corpus)
        if waiting:
            waiting.pop(0)()
        return found

    monkeypatch.setattr(runtime.catalogue, "live", told)


def undo(source: Path, runtime: Runtime) -> None:
    rollback("kb", runtime)
    write(source, OLD, runtime)  # takes apart what was rolled back from


@pytest.mark.parametrize("flow", ["search", "context", "answer"])
def test_what_was_rolled_back_from_is_not_shown_half_taken_apart(flow, source, runtime, monkeypatch) -> None:
    first = write(source, OLD, runtime)
    write(source, NEW, runtime)
    overtaken(runtime, monkeypatch, lambda: undo(source, runtime))
    found = run_sync(getattr(runtime.pipeline, flow)(REQUEST))
    searched = {"search": lambda: found, "context": lambda: found.search, "answer": lambda: found.context.search}[
        flow
    ]()
    assert searched.generation.id == first
    assert [OLD in hit.chunk.text for hit in searched.hits] == [True]


def test_a_vacuum_loses_no_passage_of_a_question_that_began_before_it(source, runtime, monkeypatch) -> None:
    write(source, OLD, runtime)

    def replace() -> None:
        write(source, NEW, runtime)
        vacuum("kb", runtime)

    overtaken(runtime, monkeypatch, replace)
    found = run_sync(runtime.pipeline.context(REQUEST))
    assert [NEW in hit.chunk.text for hit in found.search.hits] == [True]
    assert [passage.text for passage in found.context.passages if NEW in passage.text]
    assert found.search.generation.id == runtime.catalogue.live("kb").id


@pytest.mark.parametrize("heading", ["", "## Noon\n\n"])
def test_an_answer_needs_nothing_of_a_generation_that_went_after_its_context_was_read(
    heading, source, runtime, monkeypatch
) -> None:
    first = write(source, heading + OLD, runtime)
    generator = runtime.pipeline._stages.generator
    stream = generator.stream

    async def late(*arguments: object) -> AsyncIterator[object]:
        await asyncio.to_thread(write, source, NEW, runtime)
        await asyncio.to_thread(vacuum, "kb", runtime)
        async for piece in stream(*arguments):
            yield piece

    monkeypatch.setattr(generator, "stream", late)
    found = run_sync(runtime.pipeline.answer(REQUEST))
    assert found.context.search.generation.id == first
    assert [c.quote for s in found.sentences for c in s.citations] == [OLD]


def test_generations_that_follow_each_other_without_end_do_not_keep_a_reader(source, runtime, monkeypatch) -> None:
    write(source, "Version 0.", runtime)
    texts = [f"Version {n}." for n in range(1, 9)]
    overtaken(runtime, monkeypatch, *(lambda text=text: write(source, text, runtime) for text in texts))
    found = run_sync(runtime.pipeline.search(Request("Which version?", "kb")))
    assert len(found.hits) == 1


def test_an_error_of_a_generation_that_stays_live_is_told(runtime) -> None:
    with pytest.raises(CorpusNotFoundError, match="kb"):
        run_sync(runtime.pipeline.search(REQUEST))
