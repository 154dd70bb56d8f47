from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.context.compress import COMPRESSORS, LEAST_CHARS, SentenceCompressor, compressed_away, compressor, select
from rag.context.unit_scores import Scored
from rag.errors import UnknownKeyError
from rag.models.late_interaction import LateInteraction, QueryEncoder
from rag.ports import Compressor
from rag.settings import ContextSettings
from rag.types import Hit, Span
from rag.units import units_of
from tests.fakes import FakeWorld, make_hit, make_query, make_world

TEXTS = {
    "refunds": "Refunds are paid within five days. It depends on the bank. Cats are nice animals. Dogs bark at night.",
    "plans": "Plan | Price | Seats\n--- | --- | ---\nPro | 10 | 5\nTeam | 25 | 50\nFree | 0 | 1",
    "noise": "The weather was mild. Nobody came to the lake. Birds flew south over the hills.",
}


@pytest.fixture
def world() -> FakeWorld:
    return make_world(TEXTS)


def make(name: str, world: FakeWorld, keep: float = 0.4) -> Compressor:
    interaction = LateInteraction(world.indexes, QueryEncoder(world.indexes))
    return compressor(ContextSettings(compressor=name, keep=keep), interaction.readings)


def squeezed(world: FakeWorld, keep: float) -> Compressor:
    """Return a compressor that leaves out sentences of little text too."""
    interaction = LateInteraction(world.indexes, QueryEncoder(world.indexes))
    return SentenceCompressor(interaction.readings, keep)


def hits_of(world: FakeWorld) -> list[Hit]:
    return [Hit(chunk, rank, 1 / rank, {}) for rank, chunk in enumerate(world.chunks, 1)]


@pytest.mark.parametrize("name", sorted(COMPRESSORS))
class TestCompressor:
    async def test_spans_are_ordered_disjoint_and_inside_their_hit(self, name: str, world: FakeWorld) -> None:
        hits = hits_of(world)
        stage = make(name, world)
        assert isinstance(stage, Compressor)
        kept = await stage.compress(make_query("When are refunds paid?"), hits)
        assert [s.hit for s in kept] == [hit for hit in hits if hit in [s.hit for s in kept]]
        for selection in kept:
            assert selection.spans
            assert all(selection.hit.chunk.span.contains(span) for span in selection.spans)
            assert all(a.end < b.start for a, b in zip(selection.spans, selection.spans[1:], strict=False))
            assert all(any(span.contains(unit.span) for span in selection.spans) for unit in selection.units)
            assert all(0 <= unit.score <= 1 for unit in selection.units)

    async def test_what_the_question_asks_for_is_kept(self, name: str, world: FakeWorld) -> None:
        kept = await make(name, world).compress(make_query("When are refunds paid?"), hits_of(world))
        texts = [_text(s.hit, span) for s in kept for span in s.spans]
        assert any("paid within five days" in text for text in texts)

    async def test_kept_and_dropped_text_is_all_the_text(self, name: str, world: FakeWorld) -> None:
        hits = hits_of(world)
        kept = await make(name, world).compress(make_query("price of Team"), hits)
        dropped = compressed_away(hits, kept)
        for hit in hits:
            spans = [s for selection in kept if selection.hit == hit for s in selection.spans]
            spans += [d.span for d in dropped if d.doc_id == hit.chunk.doc_id]
            covered = {i for span in spans for i in range(span.start, span.end)}
            missing = [c for i, c in enumerate(hit.chunk.text, hit.chunk.span.start) if i not in covered]
            assert not "".join(missing).strip()
            assert len(covered) == sum(len(span) for span in spans)

    async def test_no_hits_keep_nothing(self, name: str, world: FakeWorld) -> None:
        assert await make(name, world).compress(make_query("anything"), []) == []


async def test_a_row_brings_its_header_and_leaves_the_other_rows(world: FakeWorld) -> None:
    hits = [hit for hit in hits_of(world) if hit.chunk.doc_id == "plans"]
    kept = await squeezed(world, 0.75).compress(make_query("price of Team"), hits)
    texts = [_text(kept[0].hit, span) for span in kept[0].spans]
    assert texts[0].startswith("Plan | Price | Seats")
    assert any("Team | 25 | 50" in text for text in texts)
    assert not any("Free" in text for text in texts)


async def test_of_one_small_file_nothing_is_left_out(world: FakeWorld) -> None:
    """The sentence that answers may not be the closest one, and a budget of thousands has room for all."""
    hits = hits_of(world)
    assert sum(len(hit.chunk.text) for hit in hits) < 0.5 * LEAST_CHARS
    kept = await make("sentences", world, keep=0.5).compress(make_query("refunds"), hits)
    assert not compressed_away(hits, kept)


async def test_of_long_hits_a_share_is_kept() -> None:
    world = make_world({name: f"{text} " * 15 for name, text in TEXTS.items() if name != "plans"})
    hits = hits_of(world)
    kept = await make("sentences", world, keep=0.5).compress(make_query("refunds"), hits)
    total = sum(len(hit.chunk.text) for hit in hits)
    assert total > LEAST_CHARS
    assert sum(len(span) for s in kept for span in s.spans) <= 0.5 * total + 30


async def test_a_sentence_that_leans_on_the_one_before_brings_it(world: FakeWorld) -> None:
    kept = await squeezed(world, 0.3).compress(make_query("does it depend on my bank"), hits_of(world))
    texts = [_text(s.hit, span) for s in kept for span in s.spans]
    assert "Refunds are paid within five days. It depends on the bank." in texts


async def test_half_is_about_half(world: FakeWorld) -> None:
    hits = hits_of(world)
    kept = await squeezed(world, 0.5).compress(make_query("refunds"), hits)
    total = sum(len(hit.chunk.text) for hit in hits)
    assert sum(len(span) for s in kept for span in s.spans) <= 0.5 * total + 2


@given(st.lists(st.lists(st.floats(0, 1), min_size=4, max_size=4), min_size=1, max_size=5), st.floats(0.01, 1))
def test_selection_keeps_within_its_share(scores: list[list[float]], keep: float) -> None:
    text = "Alpha one two. Beta three four. Gamma five six. Delta seven."
    units = tuple(units_of(text))
    scored = [
        Scored(make_hit(text, f"d{i}", rank=i + 1), units, tuple(row), tuple(row)) for i, row in enumerate(scores)
    ]
    kept = select(scored, keep)
    used = sum(len(units[i].span) for indexes in kept for i in indexes)
    total = len(scores) * sum(len(unit.span) for unit in units)
    assert any(kept)
    assert used <= keep * total or sum(map(len, kept)) == 1


def test_an_unknown_compressor_names_the_known_ones(world: FakeWorld) -> None:
    with pytest.raises(UnknownKeyError, match="none, sentences"):
        make("gzip", world)


def _text(hit: Hit, span: Span) -> str:
    return hit.chunk.text[span.start - hit.chunk.span.start : span.end - hit.chunk.span.start]
