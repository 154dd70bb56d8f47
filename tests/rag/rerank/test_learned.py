from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.bridge import run_sync
from rag.errors import ModelError
from rag.models.late_interaction import LateInteraction, QueryEncoder
from rag.rerank.learned import FEATURES, WEIGHTS, load_weights, look_at, ranking_features
from rag.rerank.rerankers import LearnedReranker, reranker
from rag.settings import RerankSettings
from rag.types import Hit, StageScore
from tests.fakes import FakeWorld, make_query, make_world


def features_of(question: str, hits: list[Hit], world: FakeWorld) -> dict[str, list[float]]:
    interaction = LateInteraction(world.indexes, QueryEncoder(world.indexes))
    rows = ranking_features(look_at(interaction, make_query(question), hits))
    assert rows.shape == (len(hits), len(FEATURES))
    return {name: column.tolist() for name, column in zip(FEATURES, rows.T, strict=True)}


def hits_of(world: FakeWorld, **stages: list[StageScore | None]) -> list[Hit]:
    hits = []
    for i, chunk in enumerate(world.chunks):
        seen = {name: scores[i] for name, scores in stages.items()}
        trace = {"fused": StageScore(i + 1, 1 / (i + 1)), **{name: at for name, at in seen.items() if at}}
        hits.append(Hit(chunk, i + 1, 1 / (i + 1), trace))
    return hits


def look(question: str, *texts: str) -> dict[str, list[float]]:
    world = make_world({f"d{i}": text for i, text in enumerate(texts)})
    return features_of(question, hits_of(world), world)


def test_the_packaged_weights_are_of_these_features_and_without_pickle() -> None:
    weights = load_weights()
    assert weights.shape == (len(FEATURES),) and np.isfinite(weights).all()
    assert weights[0] > 0, "the blend that ranks without training counts for a hit"
    assert json.loads(WEIGHTS.read_text())["weights"].keys() == FEATURES.keys()


def test_the_page_explains_every_feature_and_no_other() -> None:
    page = (Path(__file__).parents[3] / "docs" / "lab" / "trained.md").read_text(encoding="utf-8")
    table = page.partition("| feature |")[2].partition("\n\n")[0]
    told = {name for row in re.findall(r"^\| (`[^|]+`) \|", table, re.MULTILINE) for name in re.findall(r"\w+", row)}
    assert told == FEATURES.keys()


@pytest.mark.parametrize("change", [{"weights": {}}, {"weights": None}, {}, {"extra": 1.0}, {"prior": None}, "{"])
def test_weights_of_other_features_are_refused(change: dict[str, object] | str, tmp_path: Path) -> None:
    known: dict[str, object] = dict(json.loads(WEIGHTS.read_text())["weights"])
    path = tmp_path / "ranker.json"
    if isinstance(change, str):
        path.write_text(change)
    else:
        path.write_text(json.dumps(change if not change or "weights" in change else {"weights": known | change}))
    with pytest.raises(ModelError, match="fit_ranker"):
        load_weights(path)


def test_weights_that_are_not_there_are_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="fit_ranker"):
        load_weights(tmp_path / "none.json")


def test_words_together_count_more_than_words_apart() -> None:
    filler = " filler" * 40
    found = look("rotate vault key", "rotate vault key now", f"Rotate{filler}. Vault{filler}. Key.", "nothing of it")
    assert found["unit"][0] == 1.0 > found["unit"][1] > found["unit"][2] == 0.0
    assert found["pairs"] == [1.0, 0.0, 0.0]
    assert found["length"][1] > found["length"][0]
    assert found["tuned_scaled"][0] == 1.0 > found["tuned_scaled"][2]
    assert found["tuned_rank"][0] > found["tuned_rank"][1] > found["tuned_rank"][2]


def test_a_table_row_is_read_with_its_header() -> None:
    table = "| item | 2024 | 2025 |\n|---|---|---|\n| cash | 7 | 8 |\n| debt | 1 | 2 |"
    found = look("cash 2025", table, "Cash was paid. In 2025 nothing was.", "nothing")
    assert found["unit"][0] == 1.0 > found["unit"][1] > found["unit"][2]


def test_numbers_of_the_question_are_looked_for() -> None:
    found = look("error 1042 in release 7", "error 1042", "error 9 in release 7 and 1042", "error")
    assert found["numbers"] == [0.5, 1.0, 0.0]
    assert look("which error", "error 1042")["numbers"] == [0.0]


def test_stages_that_lack_a_hit_say_so() -> None:
    world = make_world({"a": "one", "b": "two", "c": "three"})
    ranked = hits_of(
        world,
        bm25=[StageScore(1, 9.0), None, StageScore(2, 4.0)],
        dense=[StageScore(2, 0.4), StageScore(1, 0.8), None],
    )
    found = features_of("one", ranked, world)
    assert found["keyword_rank"][0] > found["keyword_rank"][2] > found["keyword_rank"][1] == 0
    assert found["dense_rank"][1] > found["dense_rank"][0] > found["dense_rank"][2] == 0


def test_openings_headers_and_names_are_seen() -> None:
    world = make_world(
        {"a": "The first part.\n\nThe second part.", "b": "It is like Harbour Tower.", "c": "Elsewhere."}
    )
    hits = hits_of(world)
    tower = replace(hits[3].chunk, title="Harbour Tower", header="Harbour Tower")
    hits[3] = replace(hits[3], chunk=tower)
    found = features_of("how high is the harbour", hits, world)
    assert found["opening"] == [1.0, 0.0, 1.0, 1.0]
    assert found["named"] == [0.0, 0.0, 0.0, 1.0]
    assert found["header_asked"] == [0.0, 0.0, 0.0, 0.5]
    assert found["header_covered"][3] > 0


def test_both_readings_of_the_question_count_each_in_its_features() -> None:
    world = make_world({"a": "one two", "b": "three four"})
    interaction = LateInteraction(world.indexes, QueryEncoder(world.indexes))
    seen = look_at(interaction, make_query("one two"), hits_of(world))
    assert seen.tuned.tolist() == seen.maxsim.tolist(), "this index has no encoder for questions"
    rows = ranking_features(replace(seen, maxsim=np.array([0.1, 0.9]), tuned=np.array([0.8, 0.2])))
    found = dict(zip(FEATURES, rows.T.tolist(), strict=True))
    assert found["prior"] == pytest.approx([0.8, 0.2])
    assert found["tuned_scaled"] == [1.0, 0.0] and found["tuned_rank"][0] > found["tuned_rank"][1]


def test_weights_of_ones_own_take_the_place_of_the_packaged_ones(tmp_path: Path) -> None:
    own = dict.fromkeys(FEATURES, 0.0) | {"opening": 1.0}
    path = tmp_path / "own.json"
    path.write_text(json.dumps({"weights": own}))
    world = make_world({"a": "It opens.\n\nThe vault key."})
    interaction = LateInteraction(world.indexes, QueryEncoder(world.indexes))
    order = {}
    for model in (None, str(path)):
        stage = reranker(RerankSettings(name="learned", model=model), interaction)
        found = run_sync(stage.rerank(make_query("the vault key"), hits_of(world)))
        order[model] = [hit.chunk.text for hit in found]
    assert order[str(path)][0] == "It opens." and order[None][0] == "The vault key."


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=40).filter(str.strip),
    st.lists(st.text(min_size=1, max_size=60).filter(str.strip), min_size=1, max_size=5),
)
def test_every_feature_is_a_number_whatever_the_text(question: str, texts: list[str]) -> None:
    world = make_world({f"d{i}": text for i, text in enumerate(texts)})
    hits = hits_of(world)
    if hits:
        values = features_of(question, hits, world)
        assert all(np.isfinite(column).all() for column in values.values())
        assert values == features_of(question, hits, world)


async def test_the_stage_scores_what_the_recipe_fits() -> None:
    world = make_world({"a": "Colours of the sea.", "b": "The vault key is rotated.", "c": "Rotate keys yearly."})
    interaction = LateInteraction(world.indexes, QueryEncoder(world.indexes))
    query, hits = make_query("rotate the vault key"), hits_of(world)
    expected = ranking_features(look_at(interaction, query, hits)) @ load_weights()
    found = await LearnedReranker(interaction, 20, 1.0).rerank(query, hits)
    scores = {hit.chunk.pk: hit.stages["learned"].score for hit in found}
    assert [scores[hit.chunk.pk] for hit in hits] == pytest.approx(expected.tolist())
    assert [hit.stages["learned"].rank for hit in found] == [1, 2, 3]
    closeness = interaction.chunks(query, [hit.chunk for hit in found])
    assert [hit.stages["maxsim"].score for hit in found] == pytest.approx(closeness)
