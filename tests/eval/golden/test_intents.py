"""Clusters of questions and the cases near them, with vectors that the test can compute itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.golden import Case
from eval.golden import intents as module
from eval.golden.intents import intents
from rag.types import Vectors

WORDS = "refund price delete region disk".split()


def embed(texts: Sequence[str]) -> Vectors:
    """Embed a question as the words that it holds."""
    found = np.array([[text.split().count(word) + 1e-3 for word in WORDS] for text in texts], np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def case(question: str) -> Case:
    return Case(question, question, True, "answer")


def test_questions_without_a_case_near_them_are_found() -> None:
    asked = ["refund when", "refund how", "refund when", "delete it", "delete now", "price of a disk"]
    found = intents(asked, [case("a refund"), case("the disk price")], embed)
    assert [(i.asked, i.questions, i.covered, i.nearest) for i in found] == [
        (3, 2, True, "a refund"),
        (2, 2, False, "the disk price"),
        (1, 1, True, "the disk price"),
    ]
    assert found[0].examples == ("refund how", "refund when") and found[2].similarity > 0.99
    assert intents([], [case("x")], embed) == []


def test_more_questions_than_a_matrix_holds_join_the_cluster_of_a_sample(monkeypatch) -> None:
    monkeypatch.setattr(module, "_MOST_CLUSTERED", 20)
    asked = [f"{word} {n}" for word in WORDS[:3] for n in range(20)]
    found = intents(asked, [case("refund")], embed)
    assert [(i.asked, i.examples[0].split()[0]) for i in found] == [(20, "delete"), (20, "price"), (20, "refund")]
    assert found == intents(asked[::-1], [case("refund")], embed)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join), min_size=1, max_size=30))
def test_every_question_is_counted_once(asked: list[str]) -> None:
    found = intents(asked, [case("refund")], embed)
    assert sum(i.asked for i in found) == len(asked)
    assert sum(i.questions for i in found) == len(set(asked))
    assert all(i.covered == (i.similarity >= module.SIMILARITY) for i in found)
