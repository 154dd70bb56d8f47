"""Children become their parents, each once, and parents are scored by their children."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from rag.context.compress import WholeHits
from rag.context.parents import by_children, expand, is_parent, merge_children
from rag.models.late_interaction import LateInteraction, QueryEncoder
from rag.types import Chunk, Hit, Reading, Span
from tests.fakes import GENERATION, FakeCatalogue, FakeWorld, make_query, make_world

TEXT = "Cats sleep all day.\n\nDogs bark at night.\n\nTrains leave at noon.\n\nShips sail at dawn."


@pytest.fixture
def world() -> FakeWorld:
    made = make_world({"a": TEXT, "b": "A text of its own."})
    pets, travel = Span(0, TEXT.index("\n\nTrains")), Span(TEXT.index("Trains"), len(TEXT))
    parents = {"Cats": pets, "Dogs": pets, "Trains": travel, "Ships": travel}
    chunks = [replace(chunk, parent=parents.get(chunk.text.split()[0])) for chunk in made.chunks]
    return replace(made, chunks=chunks, catalogue=FakeCatalogue(made.documents, chunks))


def hit(chunk: Chunk, rank: int) -> Hit:
    return Hit(chunk, rank, 1 / rank, {})


def read(world: FakeWorld):
    asked: list[str] = []

    def text(doc_id: str) -> str:
        asked.append(doc_id)
        return world.catalogue.documents[doc_id].text

    return text, asked


def test_children_give_their_parent_once_with_the_best_rank_and_score(world: FakeWorld) -> None:
    cats, dogs, trains, ships, alone = world.chunks
    reader, asked = read(world)
    shown = expand([hit(dogs, 1), hit(alone, 2), hit(cats, 3), hit(ships, 4), hit(trains, 5)], reader)
    assert [(x.chunk.text, x.rank, x.score) for x in shown] == [
        ("Cats sleep all day.\n\nDogs bark at night.", 1, 1.0),
        ("A text of its own.", 2, 0.5),
        ("Trains leave at noon.\n\nShips sail at dawn.", 4, 0.25),
    ]
    assert [is_parent(x.chunk) for x in shown] == [True, False, True]
    assert all(TEXT[x.chunk.span.start : x.chunk.span.end] == x.chunk.text for x in (shown[0], shown[2]))
    assert len({x.chunk.chunk_id for x in shown}) == 3 and asked == ["a"]
    assert expand([hit(alone, 1)], reader) == [hit(alone, 1)]


async def test_a_parents_sentences_score_as_they_do_in_their_children(world: FakeWorld) -> None:
    cats, dogs, *_ = world.chunks
    query = make_query("when do dogs bark")
    interaction = LateInteraction(world.indexes, QueryEncoder(world.indexes))
    scorer = by_children(interaction.readings, world.catalogue)
    (parent,) = expand([hit(dogs, 1)], read(world)[0])
    world.embedder.calls.clear()
    (scored,) = scorer(query, [(parent.chunk, [cats.span, dogs.span])])
    alone = interaction.readings(query, [(cats, [cats.span]), (dogs, [dogs.span])])
    assert scored == [Reading(max(0.0, own.close), max(0.0, own.chosen)) for (own,) in alone]
    assert scored[1].chosen > scored[0].chosen and all(reading.vector is not None for reading in scored)
    assert world.embedder.calls == [["when do dogs bark"]], "a model ran over the passages"
    # A range over both children has the better of their scores.
    assert scorer(query, [(parent.chunk, [parent.chunk.span])]) == [[scored[1]]]
    (selection,) = await WholeHits(scorer).compress(query, [parent])
    assert [unit.span for unit in selection.units] == [cats.span, dogs.span]


def test_chunks_without_parents_are_scored_as_ever(world: FakeWorld) -> None:
    alone = world.chunks[-1]
    seen = []

    def scorer(query, pieces):
        seen.append(list(pieces))
        return [[Reading(-0.5, -0.4)]]

    assert by_children(scorer, world.catalogue)(make_query("own"), [(alone, [alone.span])]) == [[Reading(-0.5, -0.4)]]
    assert seen == [[(alone, [alone.span])]]


def test_a_parent_takes_the_place_of_its_chunks_when_enough_of_them_are_hits(world: FakeWorld) -> None:
    cats, dogs, trains, _, alone = world.chunks
    hits = [hit(cats, 1), hit(trains, 2), hit(dogs, 3), hit(alone, 4)]

    def children(doc_id: str, parents: Sequence[Span]) -> list[Chunk]:
        return world.catalogue.children(GENERATION, doc_id, parents)

    merged = merge_children(hits, 0.6, children)
    assert [x.chunk.parent is not None for x in merged] == [True, False, True, False]
    shown = expand(merged, read(world)[0])
    assert [x.chunk.text for x in shown] == ["Cats sleep all day.\n\nDogs bark at night.", trains.text, alone.text]
    assert merge_children(hits, 0.5, children) == hits and merge_children([hit(alone, 1)], 1.0, children) == [
        hit(alone, 1)
    ]


def test_without_a_share_no_chunk_is_asked_for(world: FakeWorld) -> None:
    def children(doc_id: str, parents: Sequence[Span]) -> list[Chunk]:
        raise AssertionError("off must cost nothing")

    hits = [hit(chunk, rank) for rank, chunk in enumerate(world.chunks, 1)]
    assert merge_children(hits, 0.0, children) == hits
