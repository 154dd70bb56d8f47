from __future__ import annotations

import pytest

from rag.errors import ConfigError, ModelError, UnknownKeyError
from rag.models.late_interaction import LateInteraction, QueryEncoder
from rag.ports import Reranker
from rag.rerank.rerankers import RERANKERS, CrossEncoderReranker, blend, reranker
from rag.settings import RerankSettings
from rag.types import Hit, StageScore
from tests.fakes import FakeWorld, make_hit, make_query, make_world

TEXTS = {"a": "Colours of the sea.", "b": "The vault key is rotated.", "c": "Rotate keys yearly.", "d": "Nothing else."}


class WordOverlap:
    """A cross-encoder that counts shared words."""

    def predict(self, pairs: list[tuple[str, str]], show_progress_bar: bool) -> list[float]:
        return [float(len(set(q.lower().split()) & set(t.lower().split()))) for q, t in pairs]


def make_reranker(name: str, world: FakeWorld, top_n: int = 20, weight: float = 1.0) -> Reranker:
    interaction = LateInteraction(world.indexes, QueryEncoder(world.indexes))
    made = reranker(
        RerankSettings(name=name, top_n=top_n, weight=weight, model="any" if name == "cross-encoder" else None),
        interaction,
    )
    if isinstance(made, CrossEncoderReranker):
        made._loaded = WordOverlap()
    return made


def hits_of(world: FakeWorld) -> list[Hit]:
    return [Hit(c, r, 1 / r, {"fused": StageScore(r, 1 / r)}) for r, c in enumerate(world.chunks, 1)]


@pytest.mark.parametrize("name", sorted(RERANKERS))
class TestReranker:
    async def test_it_returns_the_same_hits_ranked_from_one(self, name: str) -> None:
        world = make_world(TEXTS)
        stage = make_reranker(name, world, top_n=2)
        assert isinstance(stage, Reranker)
        found = await stage.rerank(make_query("rotate vault key"), hits_of(world))
        assert {hit.chunk.pk for hit in found} == {chunk.pk for chunk in world.chunks}
        assert [hit.rank for hit in found] == [1, 2, 3, 4]
        assert all("fused" in hit.stages for hit in found)

    async def test_no_hits_are_no_hits(self, name: str) -> None:
        assert await make_reranker(name, make_world(TEXTS)).rerank(make_query("x y"), []) == []


@pytest.mark.parametrize("name", sorted(set(RERANKERS) - {"none"}))
async def test_only_the_first_n_are_scored_and_stay_on_top(name: str) -> None:
    world = make_world(TEXTS)
    found = await make_reranker(name, world, top_n=2).rerank(make_query("the vault key is rotated."), hits_of(world))
    assert [hit.chunk.doc_id for hit in found] == ["b", "a", "c", "d"]
    assert ["reranked" in hit.stages for hit in found] == [True, True, False, False]
    assert found[0].stages["reranked"] == StageScore(1, 1.0)
    assert found[0].stages[name].rank == 1


async def test_stored_and_computed_token_vectors_give_the_same_order() -> None:
    stored, computed = make_world(TEXTS), make_world(TEXTS, store_tokens=False)
    query = make_query("rotate vault key")
    one = await make_reranker("maxsim", stored).rerank(query, hits_of(stored))
    two = await make_reranker("maxsim", computed).rerank(query, hits_of(computed))
    assert [hit.chunk.chunk_id for hit in one] == [hit.chunk.chunk_id for hit in two]
    assert [hit.score for hit in one] == pytest.approx([hit.score for hit in two])
    assert len(stored.embedder.calls) == 1, "stored vectors need no model run over passages"


def test_weight_zero_keeps_the_first_stage_and_ties_break_by_chunk_id() -> None:
    hits = [make_hit("one", rank=1), make_hit("two", rank=2)]
    assert [h.chunk.text for h in blend(hits, [0.0, 1.0], 0.0, "s")] == ["one", "two"]
    assert [h.chunk.text for h in blend(hits, [0.0, 1.0], 1.0, "s")] == ["two", "one"]
    equal = blend([make_hit("one", score=1.0), make_hit("two", score=1.0)], [0.5, 0.5], 0.5, "s")
    assert [h.chunk.chunk_id for h in equal] == sorted(h.chunk.chunk_id for h in equal)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        (RerankSettings(name="oracle"), UnknownKeyError),
        (RerankSettings(name="cross-encoder"), ConfigError),
    ],
)
def test_bad_settings_are_clear_errors(settings: RerankSettings, error: type[Exception]) -> None:
    world = make_world(TEXTS)
    with pytest.raises(error):
        reranker(settings, LateInteraction(world.indexes, QueryEncoder(world.indexes)))


async def test_a_missing_cross_encoder_is_a_model_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    stage = CrossEncoderReranker("./no/such/folder/here", 5, 0.5)
    with pytest.raises(ModelError, match="rerank.model"):
        await stage.rerank(make_query("a question"), [make_hit("text")])
