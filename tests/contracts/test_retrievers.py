from __future__ import annotations

from dataclasses import replace

import pytest

from rag.errors import UnknownKeyError
from rag.ports import Retriever
from rag.retrieve.retrievers import RETRIEVERS, retriever
from tests.fakes import FakeWorld, make_query, make_world

TEXTS = {
    "refunds.md": "Refunds are paid within five days.\n\nA refund needs the order number.",
    "keys.md": "Rotate the vault key every year.",
    "boxes.md": "The box keeps changes while the uplink is down.",
}


@pytest.fixture
def world() -> FakeWorld:
    return make_world(TEXTS)


@pytest.mark.parametrize("name", sorted(RETRIEVERS))
class TestRetriever:
    def test_it_is_a_retriever_with_its_key_as_name(self, name: str, world: FakeWorld) -> None:
        stage = retriever(name, world.stores())
        assert isinstance(stage, Retriever)
        assert stage.name == name

    async def test_the_best_chunk_comes_first_and_scores_fall(self, name: str, world: FakeWorld) -> None:
        found = await retriever(name, world.stores()).retrieve(make_query("when are refunds paid"))
        assert world.catalogue.by_pk[found[0].pk].doc_id == "refunds.md"
        assert [c.score for c in found] == sorted((c.score for c in found), reverse=True)

    async def test_top_k_limits(self, name: str, world: FakeWorld) -> None:
        assert len(await retriever(name, world.stores()).retrieve(make_query("refund order vault box", top_k=2))) == 2

    async def test_a_filter_keeps_every_other_document_out(self, name: str, world: FakeWorld) -> None:
        query = make_query("refund vault key box", name="keys.md")
        found = await retriever(name, world.stores()).retrieve(query)
        assert {world.catalogue.by_pk[c.pk].doc_id for c in found} == {"keys.md"}


@pytest.mark.parametrize("exact", [False, True])
async def test_dense_search_leaves_nothing_out_where_the_stores_say_so(world: FakeWorld, exact: bool) -> None:
    await retriever("dense", replace(world.stores(), exact=exact)).retrieve(make_query("vault key"))
    assert world.index.vectors.asked_exactly == [exact]


async def test_the_question_is_embedded_once_for_all_stages(world: FakeWorld) -> None:
    stores = world.stores()
    await retriever("dense", stores).retrieve(make_query("vault key"))
    await retriever("dense", stores).retrieve(make_query("vault key", top_k=3))
    assert world.embedder.calls == [["vault key"]]


def test_an_unknown_retriever_names_the_known_ones(world: FakeWorld) -> None:
    with pytest.raises(UnknownKeyError, match="bm25, dense"):
        retriever("psychic", world.stores())
