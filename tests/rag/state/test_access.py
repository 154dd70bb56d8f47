"""What lies outside the access does not exist, whichever way the catalogue is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from rag.conditions import OneOf
from rag.errors import DocumentNotFoundError
from rag.state.access import AccessCatalogue
from tests.fakes import GENERATION, FakeWorld, make_world


@pytest.fixture
def world() -> FakeWorld:
    return make_world({"mine.md": "One.\n\nTwo.", "theirs.md": "Three."})


def seen(world: FakeWorld) -> AccessCatalogue:
    return AccessCatalogue(cast("Any", world.catalogue), (OneOf("name", ("mine.md",)),))


def test_chunks_and_what_matches(world: FakeWorld) -> None:
    mine = {chunk.pk for chunk in world.chunks if chunk.doc_id == "mine.md"}
    everything = [chunk.pk for chunk in world.chunks]
    catalogue = seen(world)
    assert set(catalogue.chunks(everything)) == mine == catalogue.matching(GENERATION, ())
    assert catalogue.matching(GENERATION, (OneOf("name", ("theirs.md",)),)) == frozenset()
    assert catalogue.live("fake") == GENERATION


def test_no_such_document_is_said_alike(world: FakeWorld) -> None:
    catalogue = seen(world)
    world.catalogue.documents = {
        doc_id: replace(document, metadata={"name": doc_id}) for doc_id, document in world.catalogue.documents.items()
    }
    assert catalogue.document(GENERATION, "mine.md").text == "One.\n\nTwo."
    with pytest.raises(DocumentNotFoundError, match=r"has no document 'theirs\.md'"):
        catalogue.document(GENERATION, "theirs.md")
