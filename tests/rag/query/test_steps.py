from __future__ import annotations

from dataclasses import replace

import pytest

from rag.errors import ConfigError, GeneratorUnavailableError, UnknownKeyError
from rag.llm import ChatRequest, Completion
from rag.ports import QueryStep
from rag.prompts import PromptFiles
from rag.query.repair import nearest
from rag.query.steps import QUERY_STEPS, query_steps
from rag.query.written import WrittenStep, condensed, passage_beside, questions_beside
from rag.settings import QuerySettings
from rag.types import Turn, Usage, Variant
from tests.fakes import FakeChatModel, FakeWorld, make_query
from tests.rag.query.stepping import only, small_world, sources, step

OFFLINE = ("history", "spelling", "acronyms", "synonyms", "rm3")
WRITTEN = ("condense", "multi-query", "decompose", "hyde")


@pytest.fixture
def world() -> FakeWorld:
    return small_world()


def test_the_table_is_these_steps() -> None:
    assert set(QUERY_STEPS) == {*OFFLINE, *WRITTEN}


@pytest.mark.parametrize("name", OFFLINE)
@pytest.mark.parametrize(
    "question", ["the", "How is teh bakcup restored?", "ü ‽ \U0001f600", "C++ 4.2.1 ERR-1042 (VAK)"]
)
async def test_a_step_leaves_one_trace_and_the_question_as_it_was_typed(
    name: str, question: str, world: FakeWorld
) -> None:
    before = replace(make_query(question), typed=question, history=(Turn("user", "The appliance?"),))
    made = step(name, world, synonyms={"fake": [["backup", "copy"]]})
    after = await made.apply(before)
    assert isinstance(made, QueryStep) and made.name == name
    assert [trace.name for trace in after.steps] == [name] and after.steps[0].text == after.text
    kept = (after.typed, after.generation, after.top_k, after.filter, after.history)
    assert kept == (question, before.generation, before.top_k, before.filter, before.history)
    assert await made.apply(before) == after, "the same twice"


def test_steps_run_in_the_order_of_the_settings_and_unknown_ones_are_named(world: FakeWorld) -> None:
    made = query_steps(QuerySettings(steps=("rm3", "spelling")), sources(world))
    assert [each.name for each in made] == ["rm3", "spelling"]
    assert query_steps(QuerySettings(steps=()), sources(world)) == ()
    with pytest.raises(UnknownKeyError, match="acronyms, condense"):
        query_steps(QuerySettings(steps=("telepathy",)), sources(world))


@pytest.mark.parametrize("name", WRITTEN)
def test_what_a_model_writes_needs_a_model(name: str, world: FakeWorld) -> None:
    with pytest.raises(ConfigError, match=f"'{name}' needs a language model: set OPENAI_BASE_URL"):
        step(name, world)


# --- spelling ---


async def test_misspelt_words_become_their_nearest_in_the_corpus(world: FakeWorld) -> None:
    query = await step("spelling", world).apply(make_query("Does the aplliance need a Bakcup?"))
    assert query.text == query.question == "Does the appliance need a Backup?"
    assert query.steps[0].added == ("aplliance -> appliance", "Bakcup -> Backup")


@pytest.mark.parametrize(
    "question",
    [
        "Is the weather nice?",  # a word of the embedder's vocabulary, though the corpus lacks it
        "the backup and the restores",  # words of the corpus, in any form
        "BAKCUP bakcup_key bakcup.md https://bakcup e-bakcup Bakcup2 user@bakcup",  # acronyms and identifiers
        "ab kye keyz xylophonist",  # too short, or nothing near
        "the hangra",  # its nearest stands in one chunk only
    ],
)
async def test_what_is_no_mistake_stays(question: str, world: FakeWorld) -> None:
    query = await step("spelling", world).apply(make_query(question))
    assert query.text == question and query.steps[0].added == ()


async def test_only_words_that_the_filter_lets_through_are_repairs(world: FakeWorld) -> None:
    made = step("spelling", world)
    everyone = await made.apply(make_query("where is the zeppelni"))
    outsider = await made.apply(only(make_query("where is the zeppelni"), "keys.md"))
    assert everyone.text == "where is the zeppelin" and outsider.text == "where is the zeppelni"
    hidden = await made.apply(only(make_query("where is the zeppelin"), "keys.md"))
    assert hidden.text == "where is the zeppelin", "nothing near that the caller may see"


async def test_what_was_appended_for_the_search_stays(world: FakeWorld) -> None:
    query = replace(make_query("bakcup? appliance"), asked="bakcup?")
    repaired = await step("spelling", world).apply(query)
    assert (repaired.question, repaired.text) == ("backup?", "backup? appliance")


def test_the_nearest_come_first_then_the_more_frequent() -> None:
    known = {"table": 1, "tales": 9, "tablet": 5, "cable": 50, "taxi": 3}
    assert nearest("tabel", known) == ["table"]
    assert nearest("tale", known) == ["tales", "table"], "same distance: more chunks first"
    assert nearest("unknownish", known) == []


# --- what a model writes ---


class Silent(FakeChatModel):
    async def complete(self, request: ChatRequest) -> Completion:
        raise GeneratorUnavailableError("the model does not answer")


def writer(text: str) -> FakeChatModel:
    return FakeChatModel(text, usage=Usage(10, 5, 0.001))


FOLLOW_UP = replace(
    make_query("And the key?"), history=(Turn("user", "What of the vault?"), Turn("assistant", "It is shut."))
)


async def test_a_follow_up_becomes_a_question_that_stands_alone() -> None:
    model = writer("Where is the key of the vault?\nI hope this helps")
    made = WrittenStep("condense", "condense@1", condensed, model, PromptFiles(), needs_history=True)
    query = await made.apply(FOLLOW_UP)
    assert query.text == query.question == "Where is the key of the vault?"
    trace = query.steps[0]
    assert (trace.prompt, trace.usage, trace.note) == ("condense@1", Usage(10, 5, 0.001), "")
    shown = model.requests[0].messages[-1].content
    assert "user: What of the vault?" in shown and "assistant: It is shut." in shown and "And the key?" in shown
    alone = await made.apply(make_query("And the key?"))
    assert alone.text == "And the key?" and len(model.requests) == 1, "without history no call is made"


async def test_questions_are_searched_beside_the_own_one() -> None:
    model = writer("1. How is a backup restored?\n- restore a backup\n\nand the key?\n* Restore?\nFour?\nFive?")
    made = WrittenStep("multi-query", "multi-query@1", questions_beside(3), model, PromptFiles())
    query = await made.apply(make_query("And the key?"))
    assert query.text == "And the key?"
    assert [v.text for v in query.variants] == ["How is a backup restored?", "restore a backup", "Restore?"]
    assert query.steps[0].added == tuple(v.text for v in query.variants)


async def test_a_passage_that_might_answer_is_searched_by_its_vector() -> None:
    made = WrittenStep("hyde", "hyde@1", passage_beside, writer("The key\nis sealed."), PromptFiles())
    query = await made.apply(make_query("And the key?"))
    assert query.variants == (Variant("The key is sealed.", "dense"),)


@pytest.mark.parametrize("rewrite", [condensed, passage_beside, questions_beside(2)])
async def test_a_model_that_fails_leaves_the_plain_question_and_a_note(rewrite: object) -> None:
    for model, note in ((Silent(), "the model failed"), (writer("  \n"), "the model wrote nothing")):
        made = WrittenStep("x", "hyde@1", rewrite, model, PromptFiles())  # type: ignore[arg-type]
        query = await made.apply(FOLLOW_UP)
        assert replace(query, steps=()) == FOLLOW_UP
        assert query.steps[0].note.startswith(note)
