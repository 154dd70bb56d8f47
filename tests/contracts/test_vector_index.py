"""Every vector index passes the same suite: in the process, through the owner's socket, and on a Qdrant server."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qdrant_client import QdrantClient

from rag.conditions import Filter, OneOf, matches
from rag.errors import StateError
from rag.index.owner import VectorIndexes
from rag.index.qdrant_edge import open_edge_index
from rag.index.qdrant_server import QdrantServerIndex
from rag.ports import REMOVED_NEVER, Point, VectorIndex
from rag.state.home import Home
from rag.types import Metadata
from tests.fakes import equal_to

DIM = 8


def vector(seed: int) -> np.ndarray:
    values = np.random.default_rng(seed).standard_normal(DIM).astype(np.float32)
    return values / np.linalg.norm(values)


def point(pk: int, added: int = 1, fields: Metadata | None = None, seed: int | None = None) -> Point:
    return Point(pk, vector(pk if seed is None else seed), added, doc_pk=pk // 10, fields=fields or {})


@pytest.fixture(params=["edge", "owner", "client", "server"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[VectorIndex]:
    if request.param == "edge":
        edge = open_edge_index(tmp_path / "shard", DIM)
        yield edge
        edge.close()
    elif request.param == "server":
        with warnings.catch_warnings():  # the in-memory double says once that it keeps no payload indexes
            warnings.filterwarnings("ignore", message="Payload indexes have no effect")
            server = QdrantServerIndex(QdrantClient(":memory:"), "corpus-1", DIM)
            server.count(1)
        yield server
    else:
        with VectorIndexes(Home(tmp_path)) as first, VectorIndexes(Home(tmp_path)) as second:
            first.open(1, DIM).count(1)
            assert first.owns and not second.owns
            yield (first if request.param == "owner" else second).open(1, DIM)
            assert first.owns and not second.owns


def found(index: VectorIndex, seed: int, generation: int, top_k: int = 10, **filter: str) -> list[int]:
    return [candidate.pk for candidate in index.search(vector(seed), top_k, generation, equal_to(**filter))]


def test_it_is_a_vector_index(index: VectorIndex) -> None:
    assert isinstance(index, VectorIndex)


def test_an_empty_index_finds_nothing(index: VectorIndex) -> None:
    assert index.count(1) == 0
    assert found(index, 0, generation=1) == []


def test_results_fall_by_cosine(index: VectorIndex) -> None:
    index.upsert([point(pk) for pk in range(1, 31)])
    query = vector(99)
    expected = sorted(((float(vector(pk) @ query), pk) for pk in range(1, 31)), reverse=True)[:5]
    candidates = index.search(query, 5, 1, ())
    assert [candidate.pk for candidate in candidates] == [pk for _, pk in expected]
    assert [candidate.score for candidate in candidates] == pytest.approx([s for s, _ in expected], abs=1e-5)


@pytest.mark.filterwarnings("ignore:Local mode performs exact")  # the double of a server always does
@pytest.mark.parametrize("exact", [False, True])
def test_the_nearest_of_many_are_found_with_their_exact_scores(index: VectorIndex, exact: bool) -> None:
    rng = np.random.default_rng(3)
    vectors = rng.standard_normal((1200, DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index.upsert([Point(pk, vectors[pk], 1, 1, {}) for pk in range(len(vectors))])
    for query in vectors[:5]:
        similarity = vectors @ query
        nearest = np.argsort(-similarity, kind="stable")[:10]
        candidates = index.search(query, 10, 1, (), exact)
        assert [candidate.pk for candidate in candidates] == nearest.tolist()
        assert [candidate.score for candidate in candidates] == pytest.approx(similarity[nearest].tolist(), abs=1e-5)


def test_equal_scores_come_by_pk(index: VectorIndex) -> None:
    index.upsert([point(pk, seed=1) for pk in (7, 3, 5)])
    assert found(index, 1, generation=1) == [3, 5, 7]


def test_vectors_need_not_be_normalised(index: VectorIndex) -> None:
    index.upsert([Point(1, vector(1) * 7, 1, 1, {})])
    assert index.search(vector(1) * 3, 1, 1, ())[0].score == pytest.approx(1.0, abs=1e-5)


def test_an_upsert_may_be_repeated_and_overwrites(index: VectorIndex) -> None:
    index.upsert([point(1, fields={"lang": "en"}), point(2)])
    index.upsert([point(1, fields={"lang": "en"}), point(2)])
    assert index.count(1) == 2
    index.upsert([point(1, seed=50, fields={"lang": "de"})])
    assert found(index, 50, 1, top_k=1) == [1]
    assert found(index, 50, 1, lang="en") == []
    assert found(index, 50, 1, lang="de") == [1]


def test_an_upsert_brings_a_removed_chunk_back(index: VectorIndex) -> None:
    index.upsert([point(1)])
    index.set_removed([1], 2)
    index.upsert([point(1)])
    assert found(index, 1, generation=5) == [1]


def test_a_generation_sees_what_was_added_until_it_is_removed(index: VectorIndex) -> None:
    index.upsert([point(1, added=1), point(2, added=2), point(3, added=3)])
    index.set_removed([1], 3)
    assert [sorted(found(index, 1, generation=g)) for g in range(5)] == [[], [1], [1, 2], [2, 3], [2, 3]]
    assert [index.count(g) for g in range(5)] == [0, 1, 2, 2, 2]


def test_removal_can_be_taken_back(index: VectorIndex) -> None:
    index.upsert([point(1), point(2)])
    index.set_removed([1, 2], 2)
    index.set_removed([1], REMOVED_NEVER)
    assert found(index, 1, generation=2) == [1]


def test_removal_of_thousands_at_once(index: VectorIndex) -> None:
    index.upsert([point(pk, seed=pk % 7) for pk in range(1, 1501)])
    index.set_removed(range(1, 1500), 2)
    assert index.count(2) == 1


def test_unknown_pks_are_ignored(index: VectorIndex) -> None:
    index.upsert([point(1), point(2)])
    index.set_removed([1, 777], 2)
    index.set_removed([778], REMOVED_NEVER)
    index.delete([2, 779])
    assert (index.count(1), index.count(2)) == (1, 0)


def test_empty_writes_do_nothing(index: VectorIndex) -> None:
    index.upsert([])
    index.set_removed([], 1)
    index.delete([])
    index.flush()
    assert index.count(1) == 0


def test_deleted_points_are_gone(index: VectorIndex) -> None:
    index.upsert([point(1), point(2)])
    index.delete([1])
    index.delete([1])
    assert found(index, 1, generation=1) == [2]


def test_every_filter_field_must_match(index: VectorIndex) -> None:
    index.upsert(
        [
            point(1, fields={"lang": "en", "kind": "faq"}),
            point(2, fields={"lang": "en", "kind": "manual"}),
            point(3, fields={"lang": "de", "kind": "faq"}),
            point(4),
        ]
    )
    assert sorted(found(index, 1, 1, lang="en")) == [1, 2]
    assert found(index, 1, 1, lang="en", kind="faq") == [1]
    assert found(index, 1, 1, lang="fr") == []
    assert found(index, 1, 1, missing="x") == []


def test_marks_come_by_pk_and_page_by_page(index: VectorIndex) -> None:
    index.upsert([point(pk, added=pk % 3 + 1) for pk in (5, 2, 9, 7)])
    index.set_removed([7], 4)
    never = REMOVED_NEVER
    assert index.marks(0, 3) == [(2, 3, never), (5, 3, never), (7, 2, 4)]
    assert index.marks(7, 3) == [(9, 1, never)]
    assert index.marks(9, 3) == []


def test_compacting_changes_no_answer(index: VectorIndex) -> None:
    index.upsert([point(pk, fields={"lang": "en" if pk % 2 else "de"}) for pk in range(1, 1501)])
    index.set_removed([4, 6], 3)
    index.delete(list(range(10, 700)))
    before = [index.search(vector(seed), 10, g, equal_to(lang="en")) for seed in range(5) for g in (2, 3)]
    marks, vectors = index.marks(0, 5000), index.get([1, 4, 1500])
    for _ in range(2):
        index.compact()
        assert [index.search(vector(seed), 10, g, equal_to(lang="en")) for seed in range(5) for g in (2, 3)] == before
        assert index.marks(0, 5000) == marks and index.count(3) == 808
        assert all((index.get([pk])[pk] == vectors[pk]).all() for pk in vectors)
    index.upsert([point(2000)])
    index.delete([1])
    assert index.count(2) == 810


def test_filter_values_are_literal(index: VectorIndex) -> None:
    index.upsert([point(1, fields={"owner": "a=b c/é"}), point(2, fields={"owner": "a"})])
    assert found(index, 1, 1, owner="a=b c/é") == [1]
    assert found(index, 1, 1, owner="a") == [2]


def test_filter_and_generation_act_together(index: VectorIndex) -> None:
    index.upsert([point(1, added=1, fields={"lang": "en"}), point(2, added=2, fields={"lang": "en"})])
    index.set_removed([1], 2)
    assert found(index, 1, generation=1, lang="en") == [1]
    assert found(index, 1, generation=2, lang="en") == [2]


def test_large_keys_and_generations_are_exact(index: VectorIndex) -> None:
    big = 2**53 - 3
    index.upsert([point(big, added=big - 1, seed=1)])
    index.set_removed([big], big)
    assert [index.count(g) for g in (big - 2, big - 1, big)] == [0, 1, 0]
    assert found(index, 1, generation=big - 1) == [big]


def test_a_vector_of_another_size_is_refused(index: VectorIndex) -> None:
    with pytest.raises(StateError, match="holds vectors of 8 numbers"):
        index.search(np.ones(5, np.float32), 3, 1, ())
    with pytest.raises(StateError, match="holds vectors of 8 numbers"):
        index.upsert([Point(1, np.ones(5, np.float32), 1, 1, {})])


_ACTION = st.one_of(
    st.tuples(st.just("upsert"), st.sets(st.integers(1, 12), max_size=5), st.integers(1, 6)),
    st.tuples(st.just("remove"), st.sets(st.integers(1, 12), max_size=5), st.integers(1, 6) | st.just(REMOVED_NEVER)),
    st.tuples(st.just("delete"), st.sets(st.integers(1, 12), max_size=3), st.just(0)),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=st.lists(_ACTION, max_size=8))
def test_it_sees_what_a_plain_dict_would(index: VectorIndex, actions: list[tuple[str, set[int], int]]) -> None:
    index.delete(range(1, 13))
    model: dict[int, tuple[int, int]] = {}
    for kind, pks, generation in actions:
        if kind == "upsert":
            index.upsert([point(pk, added=generation) for pk in pks])
            model |= {pk: (generation, REMOVED_NEVER) for pk in pks}
        elif kind == "remove":
            index.set_removed(sorted(pks), generation)
            model |= {pk: (model[pk][0], generation) for pk in pks & model.keys()}
        else:
            index.delete(sorted(pks))
            model = {pk: row for pk, row in model.items() if pk not in pks}
    for g in range(1, 8):
        expected = {pk for pk, (added, removed) in model.items() if added <= g < removed}
        assert set(found(index, 0, g, top_k=50)) == expected
        assert index.count(g) == len(expected)


def test_a_filter_matches_any_item_of_a_list(index: VectorIndex) -> None:
    lists: list[Metadata] = [{"tags": ("a", "b")}, {"tags": "b"}, {"tags": ("c",), "acl": ("b",)}, {"tags": "a, b"}]
    index.upsert([point(pk, fields=fields) for pk, fields in enumerate(lists, start=1)])
    for value in ("a", "b", "c", "a, b", "d"):
        assert set(found(index, 1, 1, tags=value)) == {
            pk for pk, fields in enumerate(lists, start=1) if matches(fields, equal_to(tags=value))
        }
    assert found(index, 1, 1, tags="c", acl="b") == [3]


def test_any_of_some_values_and_none_of_them(index: VectorIndex) -> None:
    rows: list[Metadata] = [{"tags": ("a", "b")}, {"tags": "b"}, {"tags": "c", "lang": "en"}, {"lang": "de"}, {}]
    index.upsert([point(pk, fields=fields) for pk, fields in enumerate(rows, start=1)])
    filters: list[Filter] = [
        (OneOf("tags", ("a", "c")),),
        (OneOf("tags", ("b", "nothing")), OneOf("tags", ("a",))),
        (OneOf("tags", ("b",), negated=True),),
        (OneOf("tags", ("c",)), OneOf("lang", ("de", "fr"), negated=True)),
        (OneOf("tags", ()),),
        (OneOf("tags", (), negated=True),),
    ]
    for asked in filters:
        held = {pk for pk, fields in enumerate(rows, start=1) if matches(fields, asked)}
        assert {c.pk for c in index.search(vector(1), 10, 1, asked)} == held, asked


_FIELDS = st.dictionaries(
    st.sampled_from(["a", "b"]),
    st.one_of(st.sampled_from("xyz"), st.lists(st.sampled_from("xyz"), max_size=2).map(tuple)),
)
_FILTER = st.lists(
    st.builds(
        OneOf, st.sampled_from(["a", "b", "c"]), st.lists(st.sampled_from("wxyz"), max_size=3).map(tuple), st.booleans()
    ),
    max_size=3,
).map(tuple)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(_FIELDS, min_size=1, max_size=5), asked=_FILTER)
def test_what_a_filter_hides_never_leaves_the_index(index: VectorIndex, rows: list[Metadata], asked: Filter) -> None:
    index.delete(range(1, 7))
    index.upsert([point(pk, fields=fields) for pk, fields in enumerate(rows, start=1)])
    held = {pk for pk, fields in enumerate(rows, start=1) if matches(fields, asked)}
    assert {c.pk for c in index.search(vector(1), 10, 1, asked)} == held
