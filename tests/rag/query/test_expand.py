from __future__ import annotations

from dataclasses import replace

import pytest

from rag.query.expand import relevance_model
from rag.types import Turn
from tests.fakes import FakeWorld, make_query
from tests.rag.query.stepping import only, small_world, step


@pytest.fixture
def world() -> FakeWorld:
    return small_world()


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
