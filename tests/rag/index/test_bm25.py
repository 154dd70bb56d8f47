from pathlib import Path

import numpy as np
import pytest
from rank_bm25 import BM25Okapi

from rag.errors import StateError
from rag.index.bm25 import Bm25Index, best_rows
from rag.settings import Bm25Settings

TEXTS = ["pump oil filter", "oil change interval", "pump house key", "the ferry leaves", "oil oil pump"]


@pytest.fixture
def index(tmp_path: Path) -> Bm25Index:
    """Five chunks that one generation added in two parts."""
    index = Bm25Index(tmp_path, Bm25Settings())
    index.add(1, [1, 2, 3], TEXTS[:3])
    index.add(1, [4, 5], TEXTS[3:])
    index.publish(1, [(pk, f"c{pk}") for pk in range(1, 6)])
    return index


def test_scores_are_those_of_rank_bm25(index: Bm25Index) -> None:
    oracle = BM25Okapi([index.terms(text) for text in TEXTS])
    for question in ("oil pump", "ferry", "pump pump key"):
        wanted = oracle.get_scores(index.terms(question))
        found = {candidate.pk: candidate.score for candidate in index.search(question, 5, 1)}
        assert found == pytest.approx({pk: score for pk, score in enumerate(wanted, 1) if score > 0}, abs=1e-5)


def test_best_rows_break_ties_by_row_at_the_cut_too() -> None:
    scores = np.array([0.0, 2.0, 1.0, 2.0, -1.0, 1.0, 1.0])
    assert best_rows(scores, 9).tolist() == [1, 3, 2, 5, 6]
    assert best_rows(scores, 3).tolist() == [1, 3, 2]
    assert best_rows(scores, 1).tolist() == [1]
    assert best_rows(np.zeros(3), 2).tolist() == []


def test_what_is_held_may_weigh_nothing(tmp_path: Path) -> None:
    index = Bm25Index(tmp_path, Bm25Settings())
    index.add(1, [1, 2], ["oil pump", "oil key"])
    index.publish(1, [(1, "a"), (2, "b")])
    assert index.held(["oil", "pump", "ferri"], 1) == {"oil", "pump"}
    assert index.held(["oil", "pump"], 1, frozenset({2})) == {"oil"}
    assert [candidate.pk for candidate in index.search("pump", 5, 1, frozenset({2}))] == []


def test_another_process_goes_on_with_the_parts_of_a_generation(tmp_path: Path) -> None:
    Bm25Index(tmp_path, Bm25Settings()).add(1, [1], ["pump oil"])
    later = Bm25Index(tmp_path, Bm25Settings())
    later.add(1, [2], ["ferry"])
    later.publish(1, [(1, "a"), (2, "b")])
    assert later.pks(1) == {1, 2} and later.count(1) == 2


def test_what_was_never_counted_cannot_be_published(index: Bm25Index) -> None:
    with pytest.raises(StateError, match="no terms of chunk.*doctor --repair"):
        index.publish(2, [(99, "c99")])
    with pytest.raises(StateError, match="no weights of generation 2"):
        index.search("oil", 5, 2)


def test_compacting_keeps_what_is_named_and_drops_the_rest(index: Bm25Index, tmp_path: Path) -> None:
    index.publish(2, [(1, "c1"), (2, "c2")])
    index.compact([2], [1, 2])
    assert index.pks(2) == {1, 2}
    with pytest.raises(StateError):
        index.count(1)
    with pytest.raises(StateError, match="no terms"):
        index.publish(3, [(5, "c5")])
    index.recount(1, [([5], [TEXTS[4]])])
    index.publish(3, [(5, "c5")])
    index.discard(3)
    assert sorted(path.name for path in (tmp_path / "weights").iterdir()) == ["2"]


def test_a_text_for_every_pk(index: Bm25Index) -> None:
    with pytest.raises(ValueError, match="2 pks for 1 texts"):
        index.add(2, [8, 9], ["one"])
