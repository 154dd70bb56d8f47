from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.conditions import OneOf
from rag.errors import ConfigError, GeneratorUnavailableError, UnknownKeyError
from rag.llm import ChatRequest, Completion
from rag.ports import QueryStep
from rag.prompts import PromptFiles
from rag.query.expand import relevance_model
from rag.query.lexicon import definitions, read_lexicon
from rag.query.repair import nearest
from rag.query.steps import QUERY_STEPS, Sources, query_steps
from rag.query.written import WrittenStep, condensed, passage_beside, questions_beside
from rag.settings import QuerySettings
from rag.types import Query, Turn, Usage, Variant
from tests.fakes import FakeChatModel, FakeTokenizer, FakeWorld, make_query, make_world

OFFLINE = ("history", "spelling", "acronyms", "synonyms", "rm3")
WRITTEN = ("condense", "multi-query", "decompose", "hyde")
TEXTS = {
    "vault.md": "The appliance restores a backup.\n\nA restore of the backup needs the Vault Access Key (VAK) first.",
    "keys.md": "Rotate the vault key every year.\n\nThe appliance keeps the vault key sealed.",
    "secret.md": "The zeppelin hangar is closed.\n\nThe zeppelin needs a Very Angry Keeper (VAK).",
}


class PieceTokenizer(FakeTokenizer):
    """Knows some words whole; others are cut into pieces of three letters."""

    whole = frozenset({"weather", "whether", "the"})

    def count(self, text: str) -> int:
        return 1 if text in self.whole else -(-len(text) // 3)


@pytest.fixture
def world() -> FakeWorld:
    world = make_world(TEXTS)
    world.embedder.tokenizer = PieceTokenizer()
    return world


def sources(world: FakeWorld) -> Sources:
    return Sources(world.indexes, world.catalogue, None, PromptFiles())


def step(name: str, world: FakeWorld, **settings: object) -> QueryStep:
    (made,) = query_steps(QuerySettings.model_validate({"steps": [name], **settings}), sources(world))
    return made


def only(query: Query, doc_id: str) -> Query:
    return replace(query, filter=(OneOf("name", (doc_id,)),))


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


# --- acronyms and synonyms ---


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The Vault Access Key (VAK) opens it.", [("VAK", "Vault Access Key")]),
        ("We use multi-factor authentication (MFA) here.", [("MFA", "multi-factor authentication")]),
        (
            "Structured Query\nLanguage (SQL), Central Processing Unit (CPU)",
            [("SQL", "Structured Query Language"), ("CPU", "Central Processing Unit")],
        ),
        ("the recovery point objective (RPO) and (see below) (2024) (A)", [("RPO", "recovery point objective")]),
        ("Nothing that fits (XYZ) (IT)", []),
        ("(ABC) first", []),
    ],
)
def test_definitions_of_acronyms(text: str, found: list[tuple[str, str]]) -> None:
    assert definitions(text) == found


@given(st.text(alphabet="aB (C)x-", max_size=40))
def test_any_text_has_definitions_or_none(text: str) -> None:
    for short, long_form in definitions(text):
        assert len(long_form) > len(short) and long_form[0].lower() == short[0].lower()


def test_a_lexicon_counts_chunks_and_keeps_who_defines() -> None:
    found = read_lexicon([(1, "Key key (KEY)"), (2, "A Vault Access Key (VAK) is a key.")])
    assert found.words["key"] == 2 and found.words["vault"] == 1
    assert [(form.long_form, form.pks) for form in found.acronyms["VAK"]] == [("Vault Access Key", frozenset({2}))]


async def test_an_acronym_is_searched_with_its_long_form(world: FakeWorld) -> None:
    query = await step("acronyms", world).apply(only(make_query("Where is the VAK?"), "vault.md"))
    assert query.text == "Where is the VAK (Vault Access Key)?" and query.question == "Where is the VAK?"
    assert query.steps[0].added == ("VAK: Vault Access Key",)
    foreign = await step("acronyms", world).apply(only(make_query("Where is the VAK?"), "keys.md"))
    assert foreign.text == "Where is the VAK?", "defined only in what the filter hides"


async def test_listed_acronyms_win_over_mined_ones_and_case_counts(world: FakeWorld) -> None:
    listed = {"acronyms": {"fake": {"VAK": "vault key", "IT": "information technology"}, "other": {"X1": "y"}}}
    query = await step("acronyms", world, **listed).apply(make_query("is it the VAK of X1"))
    assert query.text == "is it the VAK (vault key) of X1"
    unmined = step("acronyms", world, mine_acronyms=False)
    assert (await unmined.apply(make_query("VAK"))).text == "VAK"
    said = await step("acronyms", world, **listed).apply(make_query("the VAK, a Vault Key"))
    assert said.text == "the VAK, a Vault Key", "it is there already"


async def test_synonyms_add_weighted_keyword_terms(world: FakeWorld) -> None:
    synonyms = {"fake": [["copy", "backup"], ["sign in", "log on"]], "other": [["copy", "x"]]}
    made = step("synonyms", world, synonyms=synonyms, synonym_weight=0.25)
    query = await made.apply(make_query("sign in to a copy"))
    assert query.text == "sign in to a copy" and query.steps[0].added == ("backup", "log on")
    assert query.terms == {"backup": 0.25, "log": 0.25}
    found = world.index.keywords.search(query.text, 5, 1, None, query.terms)
    assert {world.catalogue.by_pk[c.pk].doc_id for c in found} == {"vault.md"}
    assert (await made.apply(make_query("nothing of it"))).terms == {}


# --- feedback and history ---


def test_the_relevance_model_by_hand(world: FakeWorld) -> None:
    texts = [(3.0, "ant ant bee"), (1.0, "bee cat")]
    model = relevance_model(world.index.keywords, texts, 2)
    # ant: 3 * 2/3, bee: 3 * 1/3 + 1 * 1/2, cat: 1/2; the first two add up to 3.5
    assert model == pytest.approx({"ant": 2 / 3.5, "bee": 1.5 / 3.5})
    assert relevance_model(world.index.keywords, [], 5) == {}


async def test_feedback_adds_terms_with_their_share(world: FakeWorld) -> None:
    made = step("rm3", world, feedback_chunks=2, feedback_terms=4, feedback_weight=0.25)
    query = await made.apply(make_query("rotate vault"))
    assert query.text == "rotate vault" and len(query.terms) == 4
    assert sum(query.terms.values()) == pytest.approx(2 * 0.25 / 0.75), "a quarter beside the question's two terms"
    assert "key" in query.steps[0].added and "vault" not in query.steps[0].added
    nothing = await made.apply(make_query("xylophone"))
    assert nothing.terms == {} and nothing.steps[0].added == ()


async def test_feedback_learns_only_from_what_the_filter_lets_through(world: FakeWorld) -> None:
    query = await step("rm3", world).apply(only(make_query("the appliance needs zeppelin"), "vault.md"))
    assert query.terms and not any("hang" in term or "angri" in term for term in query.terms)


async def test_a_follow_up_is_searched_with_the_words_of_the_turns_before(world: FakeWorld) -> None:
    turns = (
        Turn("user", "Tell me of zeppelins"),
        Turn("assistant", "No."),
        Turn("user", "How is the vault key rotated?"),
    )
    query = replace(make_query("And the key of the appliance?"), history=turns)
    one = await step("history", world, history_turns=1).apply(query)
    assert one.text == "And the key of the appliance? vault rotated"
    assert one.question == query.text and one.steps[0].added == ("vault", "rotated")
    two = await step("history", world).apply(query)
    assert two.text.endswith("? zeppelins vault rotated")
    alone = await step("history", world).apply(make_query("And the key?"))
    assert alone == make_query("And the key?"), "a question without history leaves no trace"


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
