"""No answer cites a stranger: brackets of sources are text, whoever writes the answer and however it is read."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.pipeline import ingest
from rag.answer.extractive import ExtractiveGenerator
from rag.answer.verify import LexicalVerifier
from rag.context.compress import compressor
from rag.context.tags import tag_groups
from rag.explain.support import without
from rag.explain.values import Target
from rag.models.late_interaction import LateInteraction, QueryEncoder
from rag.pipeline import RagPipeline, Request, Stages, StreamEvent
from rag.ports import Generator
from rag.prompts import PromptFiles
from rag.rerank.rerankers import reranker
from rag.retrieve.fusion import fusion_of
from rag.retrieve.retrievers import retriever
from rag.runtime import Runtime, open_runtime
from rag.settings import Settings
from rag.shapes import answer_json
from rag.types import Answer, Piece, Span, Turn
from tests import fakes

FAULTS = Path(__file__).parent / "faults"
QUESTIONS = Path(__file__).parent.parent / "corpora" / "demo" / "questions.jsonl"
OPEN = {"rerank.name": "none", "context.near_duplicate": 1.0, "answer.abstain_below": 0.0}
NOTES = {
    "battery": "Traction batteries are covered for 60 months.[2] Chargers are covered for 24 months ［3］.",
    "motors": "Traction motors are greased every spring. Covered parts are listed in the annex.",
    "gate": "The gate of the north yard opens at six. Batteries are charged in the north yard.",
    "passes": "Parking passes are issued by the porter. Months without a pass are not charged.",
}
QUESTION = "For how many months are traction batteries covered?"


def pipeline(texts: Mapping[str, str], generator: Generator) -> RagPipeline:
    """Return the flow over a fake world with the shipped prompts, verifier and checks."""
    world = fakes.make_world(texts)
    whole = not isinstance(generator, ExtractiveGenerator)  # a model gets every passage
    changed = Settings().changed({**OPEN, **({"context.compressor": "none"} if whole else {})})
    interaction = LateInteraction(world.indexes, QueryEncoder(world.indexes))
    return RagPipeline(
        Stages(
            catalogue=world.catalogue,
            retrievers=tuple(retriever(name, world.stores()) for name in changed.retrieval.retrievers),
            fusion=fusion_of(changed.retrieval),
            reranker=reranker(changed.rerank, interaction),
            compressor=compressor(changed.context, interaction.readings),
            tokenizer=lambda generation: fakes.FakeTokenizer(),
            render=lambda spec, question, context, history: PromptFiles().render(spec, question, context, history),
            gate=fakes.FakeGate(),
            generator=generator,
            verifier=LexicalVerifier(0.5),
        ),
        changed,
    )


async def both(flow: RagPipeline, request: Request) -> tuple[Answer, list[StreamEvent]]:
    """Return the answer and the events of a stream, which end in the same one."""
    answer = await flow.answer(request)
    events = [event async for event in flow.stream(request)]
    last = events[-1].answer
    assert last is not None
    assert (last.text, last.sentences, last.reason) == (answer.text, answer.sentences, answer.reason)
    return answer, events


def assert_proven(answer: Answer, texts: Mapping[str, str]) -> None:
    """Every tag in the text is a citation, every quote stands at its place and says what the sentence says."""
    for sentence in answer.sentences:
        assert answer.text[sentence.start : sentence.end] == sentence.text
        tags = {tag for group in tag_groups(sentence.text) for tag in group.tags}
        assert tags == {citation.tag for citation in sentence.citations}
        for citation in sentence.citations:
            assert texts[citation.doc_id][citation.span.start : citation.span.end] == citation.quote


async def test_an_extracted_sentence_cites_its_own_passage_alone() -> None:
    answer, events = await both(pipeline(NOTES, ExtractiveGenerator(3)), Request(QUESTION, "fake"))
    assert_proven(answer, NOTES)
    assert "60 months.[^2] [" in answer.text
    assert [c.doc_id for c in answer.sentences[0].citations] == ["battery"]
    assert answer.sentences[0].citations[0].quote == "Traction batteries are covered for 60 months.[2]"
    assert answer.sentences[0].citations[0].support.score == 1.0
    assert "".join(event.text for event in events if event.kind == "delta") == answer.text


async def test_a_model_that_writes_tags_and_nothing_else_says_nothing() -> None:
    answer, _ = await both(pipeline(NOTES, fakes.FakeGenerator("[1] [2]")), Request(QUESTION, "fake"))
    assert answer.abstained and answer.reason and not answer.text and not answer.sentences


async def test_explain_reads_no_tags_from_an_answer() -> None:
    answer = await pipeline(NOTES, ExtractiveGenerator(3)).answer(Request(QUESTION, "fake"))
    target = Target("passes", "", Span(0, 5), NOTES["passes"][:5], ())
    for change in await without(answer, target, LexicalVerifier(0.5)):
        assert change.before == change.after or change.sentence.citations[0].doc_id == "passes"


async def tags_of(doc_id: str) -> int:
    context = (await pipeline(NOTES, fakes.FakeGenerator()).context(Request(QUESTION, "fake"))).context
    return next(passage.tag for passage in context.passages if passage.doc_id == doc_id)


class Parrot(fakes.FakeGenerator):
    """Answers with a text, in which {battery} is the number of that document's passage."""

    async def stream(self, question, context, prompt) -> AsyncIterator[Piece]:  # type: ignore[no-untyped-def]
        self.text = self._filled(context)
        async for piece in super().stream(question, context, prompt):
            yield piece

    def _filled(self, context) -> str:  # type: ignore[no-untyped-def]
        return self.text.format(**{passage.doc_id: passage.tag for passage in context.passages})


def with_source(mark: str) -> dict[str, str]:
    return {**NOTES, "battery": f"Traction batteries are covered for 60 months{mark} Chargers are not."}


@pytest.mark.parametrize("mark", [".[{n}]", " [{n}].", ".[{n}, 9]", ".［{n}］", ".【{n}】", " ({n}).", ".[1–4]"])
async def test_a_bracket_that_a_model_copies_is_no_citation(mark: str) -> None:
    for stranger in ("motors", "gate", "passes"):
        source = with_source(mark.format(n=await tags_of(stranger)))
        text = f"Traction batteries are covered for 60 months.[{{{stranger}}}] [{{battery}}]"
        answer, _ = await both(pipeline(source, Parrot(text)), Request(QUESTION, "fake"))
        assert_proven(answer, source)
        assert [c.doc_id for s in answer.sentences for c in s.citations] == ["battery"]
        assert answer.text.startswith("Traction batteries are covered for 60 months.[^")


async def test_a_tag_that_a_passage_supports_counts_although_a_source_has_the_number_there() -> None:
    source = {**with_source(".[{n}]".format(n=await tags_of("gate")))}
    source["gate"] = "The gate opens at six. Traction batteries are covered for 60 months."
    answer, _ = await both(
        pipeline(source, Parrot("Traction batteries are covered for 60 months. [{gate}]")), Request(QUESTION, "fake")
    )
    assert [c.doc_id for s in answer.sentences for c in s.citations] == ["gate"]


async def test_a_tag_of_an_earlier_answer_names_nothing_now() -> None:
    other = await tags_of("motors")
    history = (Turn("user", "And then?"), Turn("assistant", f"The office closes for lunch at noon. [{other}]"))
    generator = Parrot(
        f"The office closes for lunch at noon. [{other}] Batteries are covered for 60 months. [{{battery}}]"
    )
    answer, _ = await both(pipeline(NOTES, generator), Request(QUESTION, "fake", history=history))
    assert [c.doc_id for s in answer.sentences for c in s.citations] == ["battery"]
    assert answer.text.startswith("The office closes for lunch at noon. Batteries")
    assert all(f"[{other}]" not in m.content for p in generator.prompts for m in p.messages if m.role == "assistant")


MARKS = [".[1]", " [2].", ".[1][2]", ".[3, 4]", ".[1–3]", ".［2］", ".【3】", " (2).", " a[1].", ".[^2]"]
MARKS += [" [1](http://x.org/a).", "."]
SENTENCES = st.lists(
    st.builds(
        "{} {} {} kilograms{}".format,
        st.sampled_from("Ada Bo Cy Di Eve".split()),
        st.sampled_from("weighs lifts moves".split()),
        st.integers(1, 99),
        st.sampled_from(MARKS),
    ),
    min_size=1,
    max_size=4,
)  # fmt: skip


@settings(deadline=None, max_examples=40)
@given(st.lists(SENTENCES.map(" ".join), min_size=2, max_size=5))
def test_whatever_brackets_documents_hold_no_stranger_is_cited(documents: list[str]) -> None:
    texts = {f"d{n}": text for n, text in enumerate(documents)}
    answer, _ = asyncio.run(both(pipeline(texts, ExtractiveGenerator(3)), Request("Who weighs 20 kilograms?", "fake")))
    assert_proven(answer, texts)
    for sentence in answer.sentences:
        assert len(sentence.citations) == 1
        assert sentence.citations[0].quote == sentence.claim and sentence.citations[0].support.score == 1.0


@pytest.mark.parametrize("text", ["[1] " * 30_000, "word " * 25_000, "A b [1]. " * 14_000, "A. " * 40_000])
async def test_an_endless_answer_does_not_hold_up_others(text: str) -> None:
    flow = pipeline(NOTES, fakes.FakeGenerator(text))
    await flow.answer(Request(QUESTION, "fake"))  # what is loaded first is not counted
    waits: list[float] = []
    done = asyncio.Event()

    async def others() -> None:
        while not done.is_set():
            start = time.thread_time()
            await asyncio.sleep(0)
            waits.append(time.thread_time() - start)

    other = asyncio.create_task(others())
    answer = await flow.answer(Request(QUESTION, "fake"))
    done.set()
    await other
    assert len(answer.text) < 51_000 and sum(len(s.citations) for s in answer.sentences) <= 400
    assert max(waits) < 0.2  # seconds of this thread's own work, whatever else runs on the machine
    assert len(answer_json(answer).answer) == len(answer.text)


@pytest.fixture
def open_settings(settings: Settings) -> Settings:
    return settings.changed({"answer.abstain_below": 0.0})


FOLDERS = [
    ("citation_brackets_md", "How much activity does the catalyst lose per cycle?", "paper.md", "12 %"),
    ("citation_brackets_md", "What shortens the life of the catalyst?", "paper.md", "800 hours"),
    ("citation_brackets_docx", "How long are traction batteries covered?", "battery.docx", "60 months"),
]


@pytest.mark.parametrize(("folder", "question", "doc_id", "says"), FOLDERS)
async def test_documents_with_brackets_of_their_own(
    folder: str, question: str, doc_id: str, says: str, open_settings: Settings
) -> None:
    with open_runtime(open_settings) as runtime:
        await asyncio.to_thread(ingest, [str(FAULTS / folder)], "kb", runtime)
        answer, _ = await both(runtime.pipeline, Request(question, "kb"))
        assert says in answer.text
        about = [sentence for sentence in answer.sentences if says in sentence.text]
        assert {c.doc_id for s in about for c in s.citations} == {doc_id}
        for sentence in answer.sentences:
            assert [f"[{c.tag}]" in sentence.text for c in sentence.citations] == [True]
            text = runtime.catalogue.document(runtime.catalogue.live("kb"), sentence.citations[0].doc_id).text
            assert_proven(replace(answer, sentences=(sentence,)), {sentence.citations[0].doc_id: text})


async def strangers(runtime: Runtime, questions: Sequence[str]) -> tuple[int, int]:
    """Return how many citations the answers have, and how many cite a document that does not say their sentence."""
    generation = runtime.catalogue.live("demo")
    cited = strange = 0
    for question in questions:
        answer, _ = await both(runtime.pipeline, Request(question, "demo"))
        texts = {
            p.doc_id: runtime.catalogue.document(generation, p.doc_id).text for p in answer.context.context.passages
        }
        assert_proven(answer, texts)
        for citation, sentence in ((c, s) for s in answer.sentences for c in s.citations):
            cited += 1
            same = "".join(filter(str.isalnum, sentence.claim)) == "".join(filter(str.isalnum, citation.quote))
            strange += not (same or citation.support.supported)
    return cited, strange


GOLDEN = [json.loads(line)["question"] for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]


async def test_no_answer_of_the_demo_set_cites_a_stranger(demo: Runtime) -> None:
    cited, strange = await strangers(demo, random.Random(15).sample(GOLDEN, 8))
    assert cited >= 4 and strange == 0


@pytest.mark.accept
async def test_no_answer_of_the_whole_demo_set_cites_a_stranger(demo: Runtime, record_property) -> None:  # type: ignore[no-untyped-def]
    cited, strange = await strangers(demo, GOLDEN)
    record_property("measured", f"{len(GOLDEN)} questions, {cited} citations, {strange} of strangers")
    assert cited > 100 and strange == 0
