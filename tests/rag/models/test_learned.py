from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.errors import ModelError
from rag.models.late_interaction import LateInteraction, QueryEncoder
from rag.models.learned import FEATURES, WEIGHTS, load_weights, ranking_features
from rag.models.rerankers import LearnedReranker
from rag.types import Hit, StageScore
from tests.fakes import FakeWorld, make_query, make_world


def features_of(question: str, hits: list[Hit], world: FakeWorld) -> dict[str, list[float]]:
    rows = ranking_features(LateInteraction(world.indexes, QueryEncoder(world.indexes)), make_query(question), hits)
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
    assert weights[0] > 0, "the shipped blend counts for a hit"
    assert json.loads(WEIGHTS.read_text())["weights"].keys() == FEATURES.keys()


def test_the_page_explains_every_feature_and_no_other() -> None:
    page = (Path(__file__).parents[3] / "docs" / "trained.md").read_text(encoding="utf-8")
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
    found = look("rotate vault key", "rotate vault key now", f"rotate{filler} vault{filler} key", "nothing of it")
    assert found["covered"][0] == found["covered"][1] > found["covered"][2] == 0
    assert found["window"][0] > found["window"][1] > found["window"][2]
    assert found["pairs"] == [1.0, 0.0, 0.0]
    assert found["length"][1] > found["length"][0]
    assert found["maxsim"][0] > found["maxsim"][2]


def test_numbers_of_the_question_are_looked_for() -> None:
    found = look("error 1042 in release 7", "error 1042", "error 9 in release 7 and 1042", "error")
    assert found["numbers"] == [0.5, 1.0, 0.0]
    assert look("which error", "error 1042")["numbers"] == [0.0]


def test_the_best_sentence_is_found_whatever_stands_around_it() -> None:
    found = look("vault key", "Vault key. The sea is wide and the ships sail on it.", "The sea. Ships sail.")
    assert found["sentence"][0] > found["maxsim"][0] - 1e-6
    assert found["sentence_scaled"] == [1.0, 0.0]


def test_stages_that_lack_a_hit_say_so() -> None:
    world = make_world({"a": "one", "b": "two", "c": "three"})
    ranked = hits_of(
        world,
        bm25=[StageScore(1, 9.0), None, StageScore(2, 4.0)],
        dense=[StageScore(2, 0.4), StageScore(1, 0.8), None],
    )
    found = features_of("one", ranked, world)
    assert found["keyword_rank"][0] > found["keyword_rank"][2] > found["keyword_rank"][1] == 0
    assert found["dense"] == [0.4, 0.8, 0.4]


def test_neighbours_openings_headers_and_names_are_seen() -> None:
    world = make_world(
        {"a": "The first part.\n\nThe second part.", "b": "It is like Harbour Tower.", "c": "Elsewhere."}
    )
    hits = hits_of(world)
    tower = replace(hits[3].chunk, title="Harbour Tower", header="Harbour Tower")
    hits[3] = replace(hits[3], chunk=tower)
    found = features_of("how high is the harbour", hits, world)
    assert found["opening"] == [1.0, 0.0, 1.0, 1.0]
    assert found["neighbour"][0] > 0 and found["neighbour"][1] == 1.0 and found["neighbour"][2:] == [0.0, 0.0]
    assert found["named"] == [0.0, 0.0, 0.0, 1.0]
    assert found["header_asked"] == [0.0, 0.0, 0.0, 0.5]
    assert found["header_covered"][3] > 0


def test_rare_closeness_favours_the_hit_with_the_telling_word() -> None:
    found = look("vault key", "vault one", "vault two", "key three")
    gap = found["rare"][2] - found["rare"][0]
    assert gap > found["maxsim"][2] - found["maxsim"][0]


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
    expected = ranking_features(interaction, query, hits) @ load_weights()
    found = await LearnedReranker(interaction, 20, 1.0).rerank(query, hits)
    scores = {hit.chunk.pk: hit.stages["learned"].score for hit in found}
    assert [scores[hit.chunk.pk] for hit in hits] == pytest.approx(expected.tolist())
    assert [hit.stages["learned"].rank for hit in found] == [1, 2, 3]
    closeness = interaction.chunks(query, [hit.chunk for hit in found])
    assert [hit.stages["maxsim"].score for hit in found] == pytest.approx(closeness)
