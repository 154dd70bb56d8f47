from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from rag.models.late_interaction import LateInteraction, QueryEncoder
from rag.ports import Embeddings
from rag.types import Reading, Span
from tests.fakes import FakeEmbedder, make_chunk, make_query, make_world


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


def test_an_encoder_of_its_own_reads_questions_for_the_token_vectors() -> None:
    world = make_world({"a": "cats sleep", "b": "dogs bark"})
    swapped = FakeEmbedder()
    world.index = replace(world.index, questions=Swapped(swapped))
    interaction = LateInteraction(world.indexes, QueryEncoder(world.indexes))
    query = make_query("cats sleep")
    plain, tuned = interaction.tuned(query, world.chunks)
    assert plain[0] > plain[1] and tuned[1] > tuned[0]
    readings = interaction.readings(query, [(chunk, [chunk.span]) for chunk in world.chunks])
    assert [found[0].close for found in readings] == pytest.approx(plain)
    assert [found[0].chosen for found in readings] == pytest.approx(tuned)
    assert interaction.units(query, [(chunk, [chunk.span]) for chunk in world.chunks]) == [
        [pytest.approx(score)] for score in plain
    ]


def test_headings_count_for_what_to_choose_and_not_for_what_is_shown() -> None:
    world = make_world({"a": "Dogs bark."})
    interaction = LateInteraction(world.indexes, QueryEncoder(world.indexes))
    below = replace(make_chunk("They sleep all day.", "b", pk=8), header="Cats")
    bare = make_chunk("They sleep all day.", "c", pk=9)
    found = interaction.readings(make_query("cats sleep"), [(below, [below.span]), (bare, [bare.span])])
    (titled,), (untitled,) = found
    assert titled.close == pytest.approx(untitled.close) and titled.chosen > untitled.chosen + 0.1
    assert untitled.chosen == pytest.approx(untitled.close)
    assert titled.vector is not None and np.linalg.norm(titled.vector) == pytest.approx(1)


def test_what_the_model_did_not_see_reads_as_nothing() -> None:
    world = make_world({"a": "Dogs bark."})
    world.embedder.max_tokens = 4
    interaction = LateInteraction(world.indexes, QueryEncoder(world.indexes))
    chunk = make_chunk("Cats sleep at home. Dogs bark at night.", "b", pk=9)
    seen, beyond = interaction.readings(make_query("dogs"), [(chunk, [Span(0, 19), Span(20, 39)])])[0]
    assert seen.vector is not None
    assert beyond == Reading() and beyond.vector is None


def test_without_one_both_readings_are_the_same() -> None:
    world = make_world({"a": "cats sleep", "b": "dogs bark"})
    interaction = LateInteraction(world.indexes, QueryEncoder(world.indexes))
    plain, tuned = interaction.tuned(make_query("dogs bark"), world.chunks)
    assert plain == tuned


def test_what_was_hit_lately_is_not_split_again_and_another_text_is(monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world({"a": "Cats sleep. Dogs bark.", "b": "Ships sail."})
    split: list[str] = []
    terms, offsets = world.index.keywords.terms, world.embedder.tokenizer.offsets

    def noted(text: str) -> list[str]:
        split.append(text)
        return list(terms(text))

    def placed(text: str) -> list[tuple[int, int]]:
        split.append(text)
        return list(offsets(text))

    monkeypatch.setattr(world.index.keywords, "terms", noted)
    monkeypatch.setattr(world.embedder.tokenizer, "offsets", placed)
    interaction = LateInteraction(world.indexes, QueryEncoder(world.indexes))
    pieces = [(chunk, [chunk.span]) for chunk in world.chunks]
    first = interaction.terms(make_query("cats"), world.chunks), interaction.units(make_query("cats"), pieces)
    assert any("sail" in text for text in split)
    split.clear()
    again = interaction.terms(make_query("dogs"), world.chunks), interaction.units(make_query("dogs"), pieces)
    assert set(split) <= {"dogs"} and again[0] == first[0] and again[1] != first[1]
    edited = replace(world.chunks[1], chunk_id="edited", text="Boats sail.")
    assert interaction.terms(make_query("cats"), [edited])[0].units == (("boat", "sail"),)


class Swapped:
    """Reads every question as one about dogs."""

    def __init__(self, embedder: FakeEmbedder) -> None:
        self._embedder = embedder
        self.name, self.dim, self.max_tokens, self.tokenizer = "swapped", 0, 256, embedder.tokenizer

    def embed(self, texts: Sequence[str], *, with_tokens: bool = False) -> Embeddings:
        return self._embedder.embed(["dogs bark" for _ in texts], with_tokens=with_tokens)
