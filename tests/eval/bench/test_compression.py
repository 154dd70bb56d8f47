import pytest

from eval.bench.compression import held
from rag.types import Passage, Span


def passage(doc_id: str, *spans: tuple[int, int]) -> Passage:
    return Passage(1, doc_id, "", "", "", tuple(Span(*span) for span in spans), 0)


def test_recall_precision_and_iou_count_characters_of_all_passages():
    gold = {"a": [(0, 10)], "b": [(50, 60)]}
    found = held(gold, [passage("a", (5, 10), (20, 25)), passage("b", (40, 60))])
    assert found == pytest.approx((15 / 20, 15 / 30, 15 / 35))


def test_an_empty_context_holds_nothing():
    assert held({"a": [(0, 10)]}, []) == (0, 0, 0)
