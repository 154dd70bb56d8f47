from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import ConfigError, UnknownKeyError
from rag.retrieve.fusion import (
    FUSIONS,
    contenders,
    convex,
    convex_theoretical,
    convex_z,
    distribution_based,
    fuse,
    fusion_of,
    reciprocal_rank,
    to_hits,
    variant,
)
from rag.settings import RetrievalSettings
from rag.types import Candidate
from tests.fakes import make_chunk

IDS = {pk: f"{pk * 7919 % 1000:04d}" for pk in range(60)}


@st.composite
def rankings(draw: st.DrawFn) -> dict[str, list[Candidate]]:
    found = {}
    for name in draw(st.lists(st.sampled_from(["dense", "bm25", "sparse"]), min_size=1, unique=True)):
        scores = draw(
            st.dictionaries(st.integers(0, 50), st.floats(-5, 30, allow_nan=False, width=32), min_size=0, max_size=12)
        )
        ordered = sorted(scores.items(), key=lambda item: (-item[1], IDS[item[0]]))
        found[name] = [Candidate(pk, score) for pk, score in ordered]
    return found


@given(rankings(), st.sampled_from(sorted(FUSIONS)))
def test_the_order_of_the_retrievers_changes_nothing(found: dict[str, list[Candidate]], name: str) -> None:
    fusion = fusion_of(RetrievalSettings(fusion=name, weights={"dense": 0.3, "bm25": 0.7}))
    reverse = dict(reversed(list(found.items())))
    assert fuse(found, fusion(found), IDS) == fuse(reverse, fusion(reverse), IDS)


@given(rankings(), st.sampled_from(sorted(FUSIONS)))
def test_every_candidate_comes_out_once_best_first_with_its_trace(found: dict[str, list[Candidate]], name: str) -> None:
    fused = fuse(found, fusion_of(RetrievalSettings(fusion=name))(found), IDS)
    assert sorted(f.pk for f in fused) == sorted({c.pk for ranking in found.values() for c in ranking})
    assert fused == sorted(fused, key=lambda f: (-f.score, IDS[f.pk]))
    for rank, item in enumerate(fused, 1):
        assert item.stages["fused"].rank == rank
        for stage, ranking in found.items():
            assert (stage in item.stages) == any(c.pk == item.pk for c in ranking)


@given(rankings())
def test_scores_stay_in_their_bounds(found: dict[str, list[Candidate]]) -> None:
    assert all(0 < score <= len(found) / 61 + 1e-12 for score in reciprocal_rank(found).values())
    for fusion in (convex, convex_theoretical, distribution_based):
        assert all(-1e-9 <= score <= 1 + 1e-9 for score in fusion(found).values())


@given(rankings(), st.sampled_from(sorted(FUSIONS)), st.data())
def test_a_better_rank_in_one_ranking_never_hurts(
    found: dict[str, list[Candidate]], name: str, data: st.DataObject
) -> None:
    fusion = fusion_of(RetrievalSettings(fusion=name))
    ranking = found[sorted(found)[0]]
    if len(ranking) < 2:
        return
    i = data.draw(st.integers(1, len(ranking) - 1))
    # the two swap their scores, so the distribution of scores stays what it was
    better, worse = ranking[i].pk, ranking[i - 1].pk
    swapped = list(ranking)
    swapped[i - 1], swapped[i] = Candidate(better, ranking[i - 1].score), Candidate(worse, ranking[i].score)
    before, after = fusion(found), fusion({**found, sorted(found)[0]: swapped})
    assert after[better] >= before[better] - 1e-12
    assert after[worse] <= before[worse] + 1e-12


def test_reciprocal_rank_by_hand() -> None:
    found = {"a": [Candidate(1, 9.0), Candidate(2, 8.0)], "b": [Candidate(2, 0.5)]}
    scores = reciprocal_rank(found, k=60, weights={"a": 2.0})
    assert scores[1] == pytest.approx(2 / 61)
    assert scores[2] == pytest.approx(2 / 62 + 1 / 61)


def test_convex_by_hand() -> None:
    found = {"a": [Candidate(1, 10.0), Candidate(2, 5.0), Candidate(3, 0.0)], "b": [Candidate(3, 0.4)]}
    assert convex(found, {"a": 3.0, "b": 1.0}) == pytest.approx({1: 0.75, 2: 0.375, 3: 0.25})


def test_standard_scores_by_hand() -> None:
    found = {"a": [Candidate(1, 3.0), Candidate(2, 1.0)], "b": [Candidate(3, 0.4)]}
    assert convex_z(found) == pytest.approx({1: 0.5, 2: -0.5, 3: -0.5}), "what a ranking lacks has its lowest there"


def test_the_theoretical_minimum_spares_the_last_of_good_candidates() -> None:
    found = {"dense": [Candidate(1, 0.9), Candidate(2, 0.8)], "bm25": [Candidate(2, 12.0), Candidate(3, 9.0)]}
    assert convex(found) == pytest.approx({1: 0.5, 2: 0.5, 3: 0.0})
    assert convex_theoretical(found) == pytest.approx({1: 0.5, 2: (1.8 / 1.9 + 1) / 2, 3: 0.375})
    other = {"sparse": [Candidate(1, 4.0), Candidate(2, 2.0)]}
    assert convex_theoretical(other) == convex(other), "another retriever's lowest score is the lowest seen"


@given(rankings(), st.sampled_from(sorted(FUSIONS)))
def test_a_weight_of_zero_is_a_retriever_that_was_not_asked(found: dict[str, list[Candidate]], name: str) -> None:
    asked = ("dense", "bm25", "sparse")
    silent = fusion_of(RetrievalSettings(fusion=name, retrievers=asked, weights={"bm25": 0.0}))
    without = {key: ranking for key, ranking in found.items() if key != "bm25"}
    assert silent(found) == fusion_of(RetrievalSettings(fusion=name))(without)


@given(rankings(), st.sampled_from(sorted(FUSIONS)))
def test_a_ranking_without_candidates_changes_no_order(found: dict[str, list[Candidate]], name: str) -> None:
    fusion = fusion_of(RetrievalSettings(fusion=name))
    filled = {key: ranking for key, ranking in found.items() if ranking}
    late = {**filled, "late": []}
    with_empty, without = fuse(late, fusion(late), IDS), fuse(filled, fusion(filled), IDS)
    ranks = {item.pk: item.stages["fused"].rank for item in without}
    scores = {item.pk: item.score for item in without}
    for a, b in zip(with_empty, with_empty[1:], strict=False):
        # rounding may make equal what was apart by the last bit
        assert ranks[a.pk] < ranks[b.pk] or scores[a.pk] == pytest.approx(scores[b.pk])


@given(rankings(), st.sampled_from(sorted(FUSIONS)))
def test_equal_scores_come_by_chunk_id(found: dict[str, list[Candidate]], name: str) -> None:
    fused = fuse(found, fusion_of(RetrievalSettings(fusion=name))(found), IDS)
    for a, b in zip(fused, fused[1:], strict=False):
        assert a.score > b.score or (a.score == b.score and IDS[a.pk] < IDS[b.pk])


@given(rankings(), st.sampled_from(sorted(FUSIONS)), st.integers(0, 20))
def test_the_contenders_are_enough_to_find_the_first(found: dict[str, list[Candidate]], name: str, first: int) -> None:
    scores = fusion_of(RetrievalSettings(fusion=name))(found)
    pks = contenders(scores, first)
    known = {pk: IDS[pk] for pk in pks}
    assert fuse(found, scores, known, first) == fuse(found, scores, IDS)[:first]
    assert contenders(scores, None) == sorted(scores)
    if 0 < first < len(scores):
        least = sorted(scores.values(), reverse=True)[first - 1]
        assert pks == sorted(pk for pk, score in scores.items() if score >= least)


@pytest.mark.parametrize("name", sorted(FUSIONS))
def test_a_form_of_the_question_weighs_what_its_retriever_weighs(name: str) -> None:
    fusion = fusion_of(RetrievalSettings(fusion=name, weights={"dense": 0.0}))
    found = {"bm25": [Candidate(1, 3.0), Candidate(2, 1.0)], variant("dense", 1): [Candidate(9, 0.9)]}
    assert set(fusion(found)) == {1, 2}


def test_without_any_weight_there_is_nothing_to_fuse() -> None:
    with pytest.raises(ConfigError, match="weight above 0"):
        fusion_of(RetrievalSettings(weights={"dense": 0.0, "bm25": 0.0}))
    with pytest.raises(ValueError, match="weights.dense"):
        RetrievalSettings(weights={"dense": -1.0})


def test_ties_break_by_chunk_id_and_removed_chunks_vanish() -> None:
    found = {"a": [Candidate(1, 1.0)], "b": [Candidate(2, 1.0)], "c": [Candidate(3, 1.0)]}
    fused = fuse(found, reciprocal_rank(found), {1: "zz", 2: "aa"})
    assert [item.pk for item in fused] == [2, 1]
    hits = to_hits(fused, {2: make_chunk("two", pk=2)})
    assert [(hit.chunk.pk, hit.rank) for hit in hits] == [(2, 1)]


def test_an_unknown_fusion_names_the_known_ones() -> None:
    with pytest.raises(UnknownKeyError, match="rrf"):
        fusion_of(RetrievalSettings(fusion="magic"))
