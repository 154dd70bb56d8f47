"""Stop words that are names: found by keywords where nothing else of the question is left, and only there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rag.answer.abstain import AnswerabilityGate
from rag.index.bm25 import Bm25Index
from rag.retrieve.retrievers import retriever
from rag.retrieve.stop_words import by_stop_words
from rag.settings import Bm25Settings
from rag.types import Context, Passage, Span
from tests.fakes import FakeWorld, make_query, make_world

TEXTS = {
    "up.md": "# up\n\nBuilds the images and starts them.",
    "can.md": "# can\n\nLists the permissions of an account.",
    "it.md": "# IT\n\nCall 4711 from any phone.",
    "who.md": "# Rules of the WHO\n\nWash hands.",
    "payroll.md": "It pays on the 25th. Ask it by mail, and it answers. You can call, can you?",
    "table.md": "When you can, put it on the table. Who knows what it is.",
}


@pytest.fixture
def world(tmp_path: Path) -> FakeWorld:
    """A world with the keyword index that we ship, for it decides which words are left out."""
    made = make_world(TEXTS)
    keywords = Bm25Index(tmp_path, Bm25Settings())
    keywords.add(1, [chunk.pk for chunk in made.chunks], [chunk.indexed_text for chunk in made.chunks])
    keywords.publish(1, [(chunk.pk, chunk.chunk_id) for chunk in made.chunks])
    return replace(made, index=replace(made.index, keywords=keywords))


async def found(world: FakeWorld, question: str, **more: str) -> list[str]:
    hits = await retriever("bm25", world.stores()).retrieve(make_query(question, **more))
    return [world.catalogue.by_pk[hit.pk].doc_id for hit in hits]


@pytest.mark.parametrize(
    ("question", "document"),
    [
        ("What does can do?", "can.md"),
        ("can", "can.md"),
        ("What is IT?", "it.md"),
        ("Who is the WHO?", "who.md"),
        ("IT", "it.md"),
    ],
)
async def test_a_question_of_stop_words_finds_what_is_called_so(world: FakeWorld, question: str, document: str) -> None:
    assert (await found(world, question))[0] == document


async def test_ordinary_questions_are_ranked_as_before(world: FakeWorld) -> None:
    for question in ("Who can start the images?", "up", "permissions of IT", "wash hands"):
        query = make_query(question)
        plain = world.index.keywords.search(query.text, query.top_k, query.generation.id)
        assert await retriever("bm25", world.stores()).retrieve(query) == plain and plain
    assert await found(world, "?!") == []


async def test_a_filter_limits_what_is_found(world: FakeWorld) -> None:
    assert await found(world, "What is IT?", name="payroll.md") == []
    assert await found(world, "it", name="payroll.md") == ["payroll.md"]


async def test_a_corpus_that_is_too_large_is_not_read(world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.retrieve.stop_words._MOST_CHUNKS", 2)
    assert by_stop_words(make_query("What is IT?"), world.catalogue) == []


@pytest.mark.parametrize(
    ("question", "heading", "vague"),
    [
        ("What does up do?", "up", False),
        ("What does up do?", "`up`", False),
        ("What does up do?", "Up", False),
        ("What is IT?", "IT", False),
        ("What is it?", "IT", True),
        ("What does up do?", "Start up", True),
        ("up", "up", True),
    ],
)
async def test_what_is_a_name_here_says_what_a_question_is_about(
    world: FakeWorld, question: str, heading: str, vague: bool
) -> None:
    gate = AnswerabilityGate(world.indexes, world.catalogue, 0.5)
    passage = Passage(1, "d", "Commands", "", "Builds it.", (Span(0, 10),), 3, headings=("Commands", heading))
    judged = await gate.judge(make_query(question), [], Context((passage,), 3, 100, "fake"))
    assert (judged.reason or "").startswith("The question does not say") is vague
