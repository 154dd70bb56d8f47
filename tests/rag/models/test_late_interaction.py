from __future__ import annotations

from rag.models.late_interaction import LateInteraction, QueryEncoder
from tests.fakes import make_query, make_world


def test_the_ranges_of_a_question_are_scored_once_and_alike() -> None:
    world = make_world({"a": "Cats sleep.\n\nDogs bark.", "b": "Ships sail."}, store_tokens=False)
    interaction = LateInteraction(world.indexes, QueryEncoder(world.indexes))
    pieces = [(chunk, [chunk.span]) for chunk in world.chunks]
    first = interaction.units(make_query("do dogs bark"), pieces[:2])
    world.embedder.calls.clear()
    again = interaction.units(make_query("do dogs bark"), pieces)
    assert again[:2] == first and [len(calls) for calls in world.embedder.calls] == [1]
    again[0].clear()
    assert interaction.units(make_query("do dogs bark"), pieces[:2]) == first
    assert interaction.units(make_query("do ships sail"), pieces[:2]) != first
