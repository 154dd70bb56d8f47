"""The flow over fakes: one path for answers and streams, what a stream costs, and who may see what."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any

import pytest

from rag.answer.extractive import ExtractiveGenerator
from rag.answer.verify import LexicalVerifier
from rag.conditions import OneOf
from rag.context.compress import compressor
from rag.errors import ConfigError, CorpusNotFoundError, GeneratorError, UnknownKeyError
from rag.models.late_interaction import LateInteraction, QueryEncoder
from rag.pipeline import RagPipeline, Request, Stages, StreamEvent
from rag.ports import Generator, QueryStep
from rag.prompts import REFUSAL, PromptFiles
from rag.rerank.rerankers import reranker
from rag.retrieve.fusion import fusion_of
from rag.retrieve.retrievers import retriever
from rag.settings import Settings
from rag.types import Answer, Piece, Query, StepTrace, Usage
from tests import fakes

PAGES = {
    "kettle": "The kettle boils at noon.\n\nThe kettle is made of copper.",
    "lamp": "The lamp is lit at dusk.\n\nThe lamp burns paraffin.",
    "gate": "The gate opens at six.",
}
ASKED = Request("When does the kettle boil?", "fake")
READING = ["generation", "retrieve", "fuse", "rerank", "compress", "pack"]


def pipeline(
    generator: Generator,
    *,
    gate: fakes.FakeGate | None = None,
    steps: Sequence[QueryStep] = (),
    pages: dict[str, str] = PAGES,
    **settings: Any,
) -> RagPipeline:
    """Return the flow over a fake world with the shipped stages; keyword settings have `__` for a dot."""
    world = fakes.make_world(pages)
    changes = {"rerank.name": "none", **{key.replace("__", "."): value for key, value in settings.items()}}
    changed = Settings().changed(changes)
    interaction = LateInteraction(world.indexes, QueryEncoder(world.indexes))
    stages = Stages(
        catalogue=world.catalogue,
        retrievers=tuple(retriever(name, world.stores()) for name in changed.retrieval.retrievers),
        fusion=fusion_of(changed.retrieval),
        reranker=reranker(changed.rerank, interaction),
        compressor=compressor(changed.context, interaction.readings),
        tokenizer=lambda generation: fakes.FakeTokenizer(),
        render=PromptFiles().render,
        gate=gate or fakes.FakeGate(),
        generator=generator,
        verifier=LexicalVerifier(0.5),
        query_steps=tuple(steps),
    )
    return RagPipeline(stages, changed)


async def events_of(flow: RagPipeline, request: Request = ASKED) -> list[StreamEvent]:
    return [event async for event in flow.stream(request)]


def untimed(answer: Answer | None) -> Answer:
    """Return an answer as it is when all of it took no time."""
    assert answer is not None
    search = replace(answer.context.search, timings_ms={})
    return replace(answer, context=replace(answer.context, search=search, timings_ms={}), timings_ms={})


class Written(fakes.FakeGenerator):
    """A model whose reply holds the tag of the kettle's passage; its text has white space around it."""

    async def stream(self, question: str, context: Any, prompt: Any) -> AsyncIterator[Piece]:
        tag = next(passage.tag for passage in context.passages if passage.doc_id == "kettle")
        self.text = f"The kettle boils at noon. [{tag}] \n"
        async for piece in super().stream(question, context, prompt):
            yield piece


@pytest.mark.parametrize("generator", [ExtractiveGenerator(2), Written(usage=Usage(70, 9, 0.5))])
@pytest.mark.parametrize("question", [ASKED.question, "What does the lamp burn?", "Qqq zzz?"])
async def test_an_answer_is_the_end_of_its_stream(generator: Generator, question: str) -> None:
    flow, request = pipeline(generator), replace(ASKED, question=question)
    events = await events_of(flow, request)
    kinds = [event.kind for event in events]
    assert kinds == ["context", *["delta"] * (len(kinds) - 2), "answer"] and len(kinds) > 2
    answer = await flow.answer(request)
    assert untimed(events[-1].answer) == untimed(answer)
    assert events[0].context is not None and events[0].context.context == answer.context.context
    assert "".join(event.text for event in events).strip() == answer.text
    assert list(answer.timings_ms) == [*READING, "gate", "generate", "verify", "total"]


async def test_the_citations_of_a_model_are_checked() -> None:
    answer = await pipeline(Written()).answer(ASKED)
    assert answer.text.startswith("The kettle boils at noon. [") and answer.text == answer.text.strip()
    (sentence,) = answer.sentences
    assert [(c.doc_id, c.quote, c.support.supported) for c in sentence.citations] == [
        ("kettle", "The kettle boils at noon.", True)
    ]
    assert (answer.provenance.model, answer.provenance.prompt_name) == ("fake-model", "grounded")


async def test_a_stream_carries_the_usage_of_its_model_and_of_its_query_steps() -> None:
    class Step:
        name = "asked"

        async def apply(self, query: Query) -> Query:
            return replace(query, steps=(StepTrace("asked", query.text, usage=Usage(5, 2, 0.25)),))

    flow = pipeline(Written(usage=Usage(70, 9, 0.5)), steps=[Step()])
    events = await events_of(flow)
    assert events[-1].answer is not None
    assert events[-1].answer.usage == (await flow.answer(ASKED)).usage == Usage(75, 11, 0.75)
    assert "query.asked" in events[-1].answer.timings_ms
    unpriced = await pipeline(Written(usage=Usage(70, 9)), steps=[Step()]).answer(ASKED)
    assert unpriced.usage == Usage(75, 11, None)


async def test_where_the_gate_refuses_nothing_is_written() -> None:
    generator = Written(usage=Usage(70, 9))
    flow = pipeline(generator, gate=fakes.FakeGate("the passages do not say it"))
    context, last = await events_of(flow)
    answer = last.answer
    assert answer is not None and untimed(answer) == untimed(await flow.answer(ASKED))
    assert answer.abstained and (answer.text, answer.sentences) == ("", ())
    assert (answer.reason, answer.usage) == ("the passages do not say it", Usage())
    assert context.context is not None and context.context.context.passages and not generator.prompts
    assert list(answer.timings_ms) == [*READING, "gate", "total"]


@pytest.mark.parametrize("text", ["", " \n", REFUSAL, f"Sorry. {REFUSAL}", "[1] [2]"])
async def test_a_model_that_says_nothing_or_refuses_abstains_and_has_its_usage(text: str) -> None:
    answer = await pipeline(fakes.FakeGenerator(text, usage=Usage(70, 1))).answer(ASKED)
    assert answer.abstained and answer.reason == REFUSAL and (answer.text, answer.sentences) == ("", ())
    assert answer.usage == Usage(70, 1)


async def test_a_model_that_fails_in_the_middle_fails_answer_and_stream() -> None:
    class Broken(fakes.FakeGenerator):
        async def stream(self, question: str, context: Any, prompt: Any) -> AsyncIterator[Piece]:
            yield "The kettle "
            raise GeneratorError("cut off")

    flow, seen = pipeline(Broken()), []
    with pytest.raises(GeneratorError, match="cut off"):
        async for event in flow.stream(ASKED):
            seen.append(event.kind)
    assert seen == ["context", "delta"]
    with pytest.raises(GeneratorError, match="cut off"):
        await flow.answer(ASKED)


async def test_a_stream_that_is_given_up_stops_its_model() -> None:
    stopped = []

    class Endless(fakes.FakeGenerator):
        async def stream(self, question: str, context: Any, prompt: Any) -> AsyncIterator[Piece]:
            try:
                while True:
                    yield "word "
            finally:
                stopped.append(True)

    events = pipeline(Endless()).stream(ASKED)
    assert [(await anext(events)).kind for _ in range(3)] == ["context", "delta", "delta"]
    await events.aclose()  # type: ignore[attr-defined]
    assert stopped == [True]


@pytest.mark.parametrize("flow", ["search", "context", "trace", "answer"])
async def test_an_unknown_corpus_and_an_empty_question_are_refused(flow: str) -> None:
    ask = getattr(pipeline(Written()), flow)
    with pytest.raises(CorpusNotFoundError, match="nowhere"):
        await ask(replace(ASKED, corpus="nowhere"))
    with pytest.raises(ConfigError, match="question is empty"):
        await ask(replace(ASKED, question=" \n"))


@pytest.mark.parametrize("setting", ["context__packing", "context__order"])
def test_a_stage_that_the_settings_misname_fails_at_the_start(setting: str) -> None:
    with pytest.raises(UnknownKeyError, match="no-such"):
        pipeline(Written(), **{setting: "no-such"})


async def test_a_search_shows_top_k_and_a_trace_every_candidate() -> None:
    flow = pipeline(Written(), retrieval__top_k=2, context__max_hits=1, rerank__top_n=1)
    found = await flow.search(ASKED)
    trace = await flow.trace(ASKED)
    assert len(found.hits) == 2 and len((await flow.search(replace(ASKED, top_k=1))).hits) == 1
    assert len(trace.hits) == 5 and trace.hits[:2] == found.hits == trace.context.search.hits
    assert {p.doc_id for p in trace.context.context.passages} == {trace.hits[0].chunk.doc_id}
    assert trace.context.packed_from == 1
    assert list(found.timings_ms) == ["generation", "retrieve", "fuse", "rerank", "total"]
    assert list((await flow.context(ASKED)).timings_ms) == [*READING, "total"]


async def test_hits_that_say_the_same_are_shown_once_where_they_are_collapsed() -> None:
    pages = {"a": PAGES["gate"], "b": PAGES["gate"], "c": PAGES["kettle"]}
    asked = Request("When does the gate open?", "fake", top_k=2)
    every = await pipeline(Written(), pages=pages).search(asked)
    collapsed = await pipeline(Written(), pages=pages, retrieval__collapse=True).search(asked)
    assert [hit.chunk.doc_id for hit in every.hits] == ["a", "b"]
    assert [hit.chunk.doc_id for hit in collapsed.hits] == ["a", "c"]


async def test_hits_from_elsewhere_are_assembled_like_our_own() -> None:
    flow = pipeline(Written())
    ours = await flow.context(ASKED)
    theirs = await flow.assemble(ASKED, ours.search.hits)
    assert theirs.context == ours.context and theirs.prompt == ours.prompt


async def test_a_budget_in_the_request_counts_in_place_of_the_setting() -> None:
    flow = pipeline(Written(), context__compressor="none")
    small = await flow.context(replace(ASKED, budget_tokens=8))
    assert small.context.budget_tokens == 8 and small.context.tokens <= 8
    assert {item.reason for item in small.context.dropped} == {"budget"}


@pytest.mark.parametrize(
    ("flow", "shown"), [("search", "hits"), ("context", "search.hits"), ("answer", "context.search.hits")]
)
async def test_a_restricted_view_shows_only_what_its_caller_may_see(flow: str, shown: str) -> None:
    whole = pipeline(ExtractiveGenerator(2))
    lamp = whole.restricted((OneOf("name", ("lamp", "gate")),), whole._stages.catalogue)
    narrow = lamp.restricted((OneOf("name", ("lamp", "kettle")),), whole._stages.catalogue)
    for view, allowed in ((whole, set(PAGES)), (lamp, {"lamp", "gate"}), (narrow, {"lamp"})):
        found = await getattr(view, flow)(replace(ASKED, question="When does it open, boil or burn?"))
        assert {hit.chunk.doc_id for hit in attrgetter(shown)(found)} == allowed
    asked_for_more = replace(ASKED, filter={"name": "kettle"})
    assert not (await lamp.search(asked_for_more)).hits and (await whole.search(asked_for_more)).hits
