"""Questions that are overtaken by ingests: read anew, and at last refused rather than answered from what is left."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rag.errors import BusyError, DocumentNotFoundError
from rag.pipeline import RagPipeline, Request
from rag.retrieve.live import LiveReader
from rag.telemetry import Spans
from rag.types import Document, Generation
from tests import fakes
from tests.fakes import make_hit
from tests.rag.explain.test_flow import QUESTION, TEXTS, House


class Overtaken:
    """A catalogue in which a new generation is live whenever somebody asks."""

    def __init__(self, inner: fakes.FakeCatalogue, lost: str = "", times: int = 1000) -> None:
        self._inner, self._lost, self._times, self._asked = inner, lost, times, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def live(self, corpus: str) -> Generation:
        self._asked += 1
        return replace(self._inner.live(corpus), id=min(self._asked, self._times))

    def document(self, generation: Generation, doc_id: str) -> Document:
        if doc_id == self._lost and generation.id < self._times:
            raise DocumentNotFoundError(f"no document {doc_id!r}")
        return self._inner.document(generation, doc_id)


def pipeline(house: House, catalogue: object) -> RagPipeline:
    return RagPipeline(replace(house.stages(house.settings), catalogue=catalogue), house.settings)  # type: ignore[arg-type]


async def test_a_document_that_is_gone_at_the_last_read_is_said() -> None:
    house = House(TEXTS)
    with pytest.raises(BusyError, match="ask it again") as caught:
        await pipeline(house, Overtaken(house.world.catalogue, "best")).context(Request(QUESTION, "fake"))
    assert caught.value.transient


async def test_a_document_that_is_there_at_the_next_read_keeps_its_headings() -> None:
    house = House(TEXTS)
    plain = await pipeline(house, house.world.catalogue).context(Request(QUESTION, "fake"))
    found = await pipeline(house, Overtaken(house.world.catalogue, "best", times=3)).context(Request(QUESTION, "fake"))
    assert found.context == plain.context


async def test_what_is_lost_from_a_live_generation_is_its_own_error() -> None:
    house = House(TEXTS)

    async def read(generation: Generation) -> None:
        raise DocumentNotFoundError("no document 'best'")

    with pytest.raises(DocumentNotFoundError):
        await LiveReader(house.world.catalogue).of_one_generation("fake", Spans(), read)


async def test_hits_of_another_retriever_may_come_from_documents_that_are_not_ours() -> None:
    house = House(TEXTS)
    found = await pipeline(house, house.world.catalogue).assemble(
        Request(QUESTION, "fake"), [make_hit("The harbour light is old.", "elsewhere")]
    )
    assert [passage.doc_id for passage in found.context.passages] == ["elsewhere"]
