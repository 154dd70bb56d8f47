"""The search stage over fakes: how deep it reads, what it refuses, and who is asked which form of a question."""

from __future__ import annotations

from typing import Any

import pytest

from rag.conditions import OneOf
from rag.errors import ConfigError
from rag.retrieve.fusion import fusion_of
from rag.retrieve.retrievers import retriever
from rag.retrieve.search import Searcher, forms
from rag.settings import Settings
from rag.telemetry import Spans
from rag.types import Generation, Request, Variant
from tests import fakes

PAGES = {f"d{i}": f"The kettle number {i} boils at noon." for i in range(30)}
ASKED = Request("When does the kettle boil?", "fake")


def searcher(**changes: Any) -> tuple[Searcher, Generation]:
    world = fakes.make_world(PAGES)
    settings = Settings().changed({key.replace("__", "."): value for key, value in changes.items()})
    found = Searcher(
        catalogue=world.catalogue,
        query_steps=(),
        retrievers=tuple(retriever(name, world.stores()) for name in settings.retrieval.retrievers),
        fusion=fusion_of(settings.retrieval),
        reranker=fakes.FakeReranker(),
        retrieval=settings.retrieval,
        rerank=settings.rerank,
        access=changes.get("access", ()),
    )
    return found, world.catalogue.live("fake")


async def test_later_stages_get_as_many_hits_as_any_of_them_looks_at() -> None:
    stage, generation = searcher(rerank__top_n=3, retrieval__top_k=2)
    assert len((await stage.best(ASKED, generation, 0, Spans())).hits) == 3
    assert len((await stage.best(ASKED, generation, 12, Spans())).hits) == 12
    assert len((await stage.best(Request(ASKED.question, "fake", top_k=20), generation, 0, Spans())).hits) == 20


async def test_the_whole_ranking_has_every_candidate_and_begins_with_the_best() -> None:
    stage, generation = searcher(rerank__top_n=3)
    best = await stage.best(ASKED, generation, 0, Spans())
    whole = await stage.whole(ASKED, generation, Spans())
    assert len(whole.hits) == len(PAGES)
    assert {hit.chunk.pk for hit in best.hits} <= {hit.chunk.pk for hit in whole.hits}


async def test_each_step_of_the_search_is_timed() -> None:
    stage, generation = searcher()
    spans = Spans()
    await stage.best(ASKED, generation, 0, spans)
    assert list(spans.timings_ms()) == ["retrieve", "fuse", "rerank", "total"]


@pytest.mark.parametrize("question", ["", " \n"])
async def test_an_empty_question_is_refused(question: str) -> None:
    stage, generation = searcher()
    with pytest.raises(ConfigError, match="empty"):
        await stage.best(Request(question, "fake"), generation, 0, Spans())


async def test_what_a_caller_may_not_see_is_not_searched() -> None:
    stage, generation = searcher()
    limited = Searcher(**{name: getattr(stage, name) for name in stage.__slots__} | {"access": (OneOf("acl", ("x",)),)})
    query = await limited.query(ASKED, generation, Spans())
    assert [condition.field for condition in query.filter] == ["acl"]


def test_a_variant_goes_to_the_retriever_that_it_is_for() -> None:
    stage, generation = searcher()
    query = fakes.make_query(ASKED.question)
    object.__setattr__(query, "variants", (Variant("Kettle noon", "bm25"), Variant("When?", "")))
    named = [(name, form.text) for name, _, form in forms(query, stage.retrievers)]
    assert named[:2] == [("dense", ASKED.question), ("bm25", ASKED.question)]
    assert set(named[2:]) == {("bm25#1", "Kettle noon"), ("dense#2", "When?"), ("bm25#2", "When?")}
