"""The keyword index returns what rank_bm25 would, whatever was added and removed before."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rank_bm25 import BM25Okapi

from rag.errors import StateError
from rag.index.bm25 import Bm25Index
from rag.index.terms import Analyzer
from rag.ports import KeywordIndex
from rag.settings import Bm25Settings

PLAIN = Bm25Settings(stemmer="none", stop_words=False)
WORDS = ["ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen"]


def chunk_id(pk: int) -> str:
    return f"{(pk * 7919) % 104729:016x}"  # another order than the pks'


def expected(texts: dict[int, str], question: str, top_k: int, terms: Bm25Settings) -> list[tuple[int, float]]:
    analyzer = Analyzer(terms)
    pks = sorted(texts)
    corpus = [analyzer.terms(texts[pk]) for pk in pks]
    if not any(corpus):
        return []
    scores = BM25Okapi(corpus, k1=terms.k1, b=terms.b, epsilon=terms.epsilon).get_scores(analyzer.terms(question))
    ranked = sorted(zip(pks, scores, strict=True), key=lambda row: (-row[1], chunk_id(row[0])))
    return [(pk, score) for pk, score in ranked if score > 1e-9][:top_k]


def publish(index: KeywordIndex, generation: int, pks: Sequence[int]) -> None:
    index.publish(generation, [(pk, chunk_id(pk)) for pk in pks])


def assert_same(
    index: KeywordIndex, generation: int, texts: dict[int, str], question: str, terms: Bm25Settings
) -> None:
    found = index.search(question, 1000, generation)
    wanted = dict(expected(texts, question, 1000, terms))
    assert {c.pk: c.score for c in found} == pytest.approx(wanted, abs=1e-5)
    scores = [c.score for c in found]
    assert scores == sorted(scores, reverse=True)
    for first, second in zip(found, found[1:], strict=False):
        assert first.score > second.score or chunk_id(first.pk) < chunk_id(second.pk)


@pytest.fixture
def index(tmp_path: Path) -> Bm25Index:
    return Bm25Index(tmp_path, PLAIN)


_TEXT = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
_TERMS = st.builds(
    Bm25Settings,
    k1=st.sampled_from([0.1, 0.9, 1.5, 3.0]),
    b=st.sampled_from([0.0, 0.4, 0.75, 0.99]),
    epsilon=st.sampled_from([0.0, 0.25, 1.0]),
    stemmer=st.just("none"),
    stop_words=st.just(False),
)


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(_TEXT, max_size=12), question=_TEXT, terms=_TERMS)
def test_scores_equal_rank_bm25(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], question: str, terms: Bm25Settings
) -> None:
    index = Bm25Index(tmp_path_factory.mktemp("bm25"), terms)
    rows = dict(enumerate(texts, 1))
    index.add(1, list(rows), list(rows.values()))
    publish(index, 1, list(rows))
    assert_same(index, 1, rows, question, terms)


_CHANGE = st.tuples(st.lists(_TEXT, max_size=4), st.sets(st.integers(1, 20), max_size=4))


@settings(max_examples=40, deadline=None)
@given(changes=st.lists(_CHANGE, min_size=1, max_size=5), question=_TEXT)
def test_every_generation_equals_rank_bm25_after_any_changes(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[list[str], set[int]]], question: str
) -> None:
    folder = tmp_path_factory.mktemp("bm25")
    rows: dict[int, str] = {}
    states: dict[int, dict[int, str]] = {}
    next_pk = 1
    for generation, (texts, removed) in enumerate(changes, 1):
        index = Bm25Index(folder, PLAIN)
        for text in texts:  # one call each: calls add up
            index.add(generation, [next_pk], [text])
            rows[next_pk] = text
            next_pk += 1
        rows = {pk: text for pk, text in rows.items() if pk not in removed}
        publish(index, generation, list(rows))
        states[generation] = dict(rows)
    reader = Bm25Index(folder, PLAIN)
    for generation, state in states.items():
        assert reader.count(generation) == len(state)
        assert_same(reader, generation, state, question, PLAIN)


def test_english_text_scores_as_rank_bm25_does(tmp_path: Path) -> None:
    index = Bm25Index(tmp_path, Bm25Settings())
    rows = {
        1: "The retry limit is set with max_retry_count (default 3).",
        2: "Version 4.2.1 fixes ERR-1042, which users of the gateway's console saw.",
        3: "Retries are not counted when the gateway answers 503.",
        4: "",
    }
    index.add(1, list(rows), list(rows.values()))
    publish(index, 1, list(rows))
    for question in ("How do I set max_retry_count?", "err-1042 in 4.2.1", "retry retry gateway", "the of"):
        assert_same(index, 1, rows, question, Bm25Settings())
    assert index.search("error 1042", 1, 1)[0].pk == 2


@pytest.mark.parametrize("top_k", [1, 2, 3, 5, 8, 100])
def test_ties_at_the_cut_go_to_the_lower_chunk_id(index: Bm25Index, top_k: int) -> None:
    rows = {pk: "fox hen" if pk % 3 else "fox fox gnu" for pk in range(1, 10)} | {10: "ant", 11: "bee", 12: "cat"}
    rows |= {pk: f"filler{pk}" for pk in range(13, 40)}
    index.add(1, list(rows), list(rows.values()))
    publish(index, 1, list(rows))
    wanted = [pk for pk, _ in expected(rows, "fox", top_k, PLAIN)]
    assert [c.pk for c in index.search("fox", top_k, 1)] == wanted


def test_allowed_limits_results_but_not_statistics(index: Bm25Index) -> None:
    rows = {1: "ant bee", 2: "ant cat", 3: "dog", 4: "eel", 5: "fox"}
    index.add(1, list(rows), list(rows.values()))
    publish(index, 1, list(rows))
    everything = {c.pk: c.score for c in index.search("ant", 10, 1)}
    assert {c.pk: c.score for c in index.search("ant", 10, 1, frozenset({2, 3, 99}))} == {2: everything[2]}
    assert index.search("ant", 10, 1, frozenset()) == []


def test_an_older_generation_stays_as_it_was(index: Bm25Index) -> None:
    index.add(1, [1, 2, 3], ["ant", "bee", "cat"])
    publish(index, 1, [1, 2, 3])
    before = index.search("ant", 10, 1)
    index.add(2, [4], ["ant ant"])
    publish(index, 2, [2, 3, 4])
    assert index.search("ant", 10, 1) == before
    assert [c.pk for c in index.search("ant", 10, 2)] == [4]


def test_an_empty_generation_finds_nothing(index: Bm25Index) -> None:
    publish(index, 1, [])
    assert index.count(1) == 0
    assert index.search("ant", 5, 1) == []


def test_a_generation_can_be_built_again_after_discard(index: Bm25Index) -> None:
    index.add(1, [1], ["ant"])
    index.discard(1)
    index.discard(1)
    index.add(1, [1, 2, 3], ["bee", "cat", "dog"])
    publish(index, 1, [1, 2, 3])
    assert index.search("ant", 5, 1) == []
    assert [c.pk for c in index.search("bee", 5, 1)] == [1]


def test_discard_removes_a_published_generation(index: Bm25Index) -> None:
    index.add(1, [1], ["ant"])
    publish(index, 1, [1])
    index.discard(1)
    with pytest.raises(StateError, match="no weights of generation 1; mend"):
        index.search("ant", 5, 1)
    with pytest.raises(StateError, match="no terms of chunk 1; mend it with: ragwright doctor --repair"):
        publish(index, 2, [1])


def test_retire_keeps_the_counts_that_later_generations_need(index: Bm25Index) -> None:
    index.add(1, [1, 2, 3], ["ant", "bee", "cat"])
    publish(index, 1, [1, 2, 3])
    index.retire(1)
    publish(index, 2, [1, 2, 3])
    assert [c.pk for c in index.search("ant", 5, 2)] == [1]
    with pytest.raises(StateError):
        index.count(1)


def test_a_chunk_added_twice_counts_once_as_it_was_last(index: Bm25Index) -> None:
    index.add(1, [1, 2, 3], ["ant", "bee", "cat"])
    index.add(1, [1], ["dog"])
    publish(index, 1, [1, 2, 3])
    assert index.search("ant", 5, 1) == []
    assert [c.pk for c in index.search("dog", 5, 1)] == [1]


def test_publishing_again_is_harmless(index: Bm25Index) -> None:
    index.add(1, [1, 2, 3], ["ant", "bee", "cat"])
    publish(index, 1, [1, 2, 3])
    first = index.search("ant", 5, 1)
    publish(index, 1, [1, 2, 3])
    assert index.search("ant", 5, 1) == first


def test_a_damaged_file_is_named(index: Bm25Index, tmp_path: Path) -> None:
    index.add(1, [1], ["ant"])
    publish(index, 1, [1])
    (tmp_path / "weights" / "1" / "values.npy").write_bytes(b"not an array")
    with pytest.raises(StateError, match="damaged"):
        Bm25Index(tmp_path, PLAIN).search("ant", 5, 1)


def test_a_missing_file_is_named(index: Bm25Index, tmp_path: Path) -> None:
    index.add(1, [1], ["ant"])
    publish(index, 1, [1])
    (tmp_path / "weights" / "1" / "rows.npy").unlink()
    with pytest.raises(StateError, match="generation 1"):
        Bm25Index(tmp_path, PLAIN).search("ant", 5, 1)


def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "bm25").write_text("a file where the folder should be")
    with pytest.raises(StateError, match="cannot write"):
        Bm25Index(tmp_path / "bm25", PLAIN).add(1, [1], ["ant"])


def test_what_a_crash_left_half_written_is_no_part(index: Bm25Index, tmp_path: Path) -> None:
    index.add(1, [1], ["ant"])
    (tmp_path / "parts" / "1" / "1.new").mkdir()
    (tmp_path / "counts" / "7.new").mkdir(parents=True)
    publish(index, 1, [1])
    assert index.count(1) == 1


def test_another_process_goes_on_where_one_ended(index: Bm25Index, tmp_path: Path) -> None:
    index.add(1, [1], ["ant"])
    index.add(1, [2], ["bee"])
    other = Bm25Index(tmp_path, PLAIN)
    other.add(1, [3], ["cat"])
    other.publish(1, ((pk, chunk_id(pk)) for pk in (1, 2, 3)))  # any iterable will do
    assert_same(other, 1, {1: "ant", 2: "bee", 3: "cat"}, "ant cat", PLAIN)
    other.recount(1, [([1], ["hen"]), ([2, 3], ["ant", "cat"])])
    publish(other, 1, [1, 2, 3])
    assert_same(other, 1, {1: "hen", 2: "ant", 3: "cat"}, "ant hen", PLAIN)


def test_a_thousand_chunks_agree(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    words = np.array([f"w{i}" for i in range(300)])
    rows = {pk: " ".join(words[rng.zipf(1.4, 40) % 300]) for pk in range(1, 1001)}
    index = Bm25Index(tmp_path, PLAIN)
    index.add(1, list(rows), list(rows.values()))
    publish(index, 1, list(rows))
    for question in ("w1 w7 w30", "w2", "w250 w250 w1"):
        assert_same(index, 1, rows, question, PLAIN)


@settings(max_examples=25, deadline=None)
@given(
    first=st.lists(_TEXT, min_size=1, max_size=6),
    second=st.lists(_TEXT, max_size=6),
    gone=st.sets(st.integers(1, 12), max_size=6),
    question=_TEXT,
)
def test_compacting_keeps_scores_and_forgets_the_rest(
    tmp_path_factory: pytest.TempPathFactory, first: list[str], second: list[str], gone: set[int], question: str
) -> None:
    folder = tmp_path_factory.mktemp("bm25")
    index, rows = Bm25Index(folder, PLAIN), dict(enumerate([*first, *second], 1))
    index.add(1, list(range(1, len(first) + 1)), first)
    publish(index, 1, list(range(1, len(first) + 1)))
    index.add(2, list(range(len(first) + 1, len(rows) + 1)), second)
    kept = {pk: text for pk, text in rows.items() if pk not in gone}
    publish(index, 2, list(kept))
    index.compact([2], kept)
    assert_same(index, 2, kept, question, PLAIN)
    publish(Bm25Index(folder, PLAIN), 3, list(kept))
    assert_same(index, 3, kept, question, PLAIN)
    stored = [set(np.load(path).tolist()) for path in folder.glob("counts/*/pks.npy")]
    assert set().union(*stored) == set(kept)
    vocabulary = set().union(*(np.load(path).tolist() for path in folder.glob("counts/*/vocabulary.npy")))
    assert len(vocabulary) == len({word for text in kept.values() for word in text.split()})
    assert index.pks(2) == frozenset(kept) and not (folder / "weights" / "1").exists()


def test_recounting_takes_the_place_of_what_was_counted(index: Bm25Index) -> None:
    index.add(1, [1, 2, 3], ["ant", "bee", "cat"])
    publish(index, 1, [1, 2, 3])
    index.recount(1, [([1, 2], ["dog", "bee"]), ([3], ["cat"])])
    publish(index, 1, [1, 2, 3])
    assert index.search("ant", 5, 1) == []
    assert [c.pk for c in index.search("dog", 5, 1)] == [1]


def test_a_replacement_that_was_cut_short_is_undone(index: Bm25Index, tmp_path: Path) -> None:
    index.add(1, [1, 2, 3], ["ant", "bee", "cat"])
    publish(index, 1, [1, 2, 3])
    for name in ("counts", "weights"):
        (tmp_path / name / "1").rename(tmp_path / name / "1.old")
    assert [c.pk for c in Bm25Index(tmp_path, PLAIN).search("ant", 5, 1)] == [1]
    index.compact([1], [1, 2, 3])
    publish(index, 2, [1, 2, 3])
    assert [c.pk for c in index.search("ant", 5, 2)] == [1]


@pytest.mark.parametrize("texts", [["ant"], ["ant bee", "ant cat"], ["ant"] * 3 + ["bee"]])
def test_what_is_held_is_known_whatever_it_weighs(index: Bm25Index, texts: list[str]) -> None:
    index.add(1, list(range(len(texts))), texts)
    publish(index, 1, range(len(texts)))
    assert not index.search("ant", 1, 1)  # half of the chunks hold it, or more
    assert index.held(["ant", "bee", "dog"], 1) == {word for text in texts for word in text.split()} & {"ant", "bee"}
    last = frozenset([len(texts) - 1])
    assert index.held(["ant", "bee", "cat", "dog"], 1, last) == set(texts[-1].split())
    assert index.held(["ant"], 1, frozenset()) == index.held([], 1) == frozenset()
