"""What a sentence is worth in a context: how close it is, where it stands, and whether it says the like of the best."""

from __future__ import annotations

import math
import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rag.context.unit_scores import score_units
from rag.types import Hit, Reading
from tests.fakes import make_hit, make_query

QUERY = make_query("which one")
DULL = "Nothing here is of any help."


def reading(close: float, direction: int | None = None, chosen: float | None = None) -> Reading:
    vector = None if direction is None else np.eye(8, dtype=np.float32)[direction]
    return Reading(close, close if chosen is None else chosen, vector)


def values_of(hits: list[Hit], readings: list[list[Reading]]) -> list[tuple[float, ...]]:
    return [item.values for item in score_units(QUERY, hits, lambda _query, _pieces: readings)]


def test_a_sentence_in_the_document_of_a_better_hit_is_worth_more() -> None:
    hits = [make_hit(DULL, "best", score=1.0), make_hit(DULL, "best", 90_000, score=0.2), make_hit(DULL, score=0.2)]
    _, same_document, another = values_of(hits, [[reading(0.5)]] * 3)
    assert same_document > another


def test_a_sentence_near_a_better_hit_is_worth_more_than_one_far_from_it() -> None:
    hits = [make_hit(DULL, score=1.0), make_hit(DULL, start=200, score=0.2), make_hit(DULL, start=20_000, score=0.2)]
    _, near, far = values_of(hits, [[reading(0.5)]] * 3)
    assert near > far


def test_a_sentence_that_says_the_like_of_the_best_is_worth_more() -> None:
    hits = [
        make_hit(DULL, "a", score=1.0),
        *(make_hit(DULL, doc_id, score=0.2) for doc_id in "bc"),
        make_hit(DULL, "d"),
    ]
    found = [[reading(0.9, 0)], [reading(0.3, 0)], [reading(0.3, 1)], [reading(0.8, 2)]]
    fillers = [make_hit(DULL, f"f{i}", score=0.9) for i in range(3)]
    _, alike, other, *_ = values_of([*hits, *fillers], [*found, *([reading(0.7, 3)] for _ in fillers)])
    assert alike > other
    # What the model saw nothing of is like nothing, and does not hinder the others.
    blind = values_of(hits, [[reading(0.9)], [reading(0.3)], [reading(0.3)], [reading(0.8)]])
    assert blind[1] == blind[2]


def test_what_is_shown_is_the_closeness_alone() -> None:
    hits = [make_hit(DULL, "best", score=1.0), make_hit(DULL, "best", 100, score=0.1), make_hit(DULL, score=0.0)]
    readings = [[reading(0.5, 0, chosen=0.9)], [reading(0.5, 0, chosen=0.6)], [reading(0.5, 1, chosen=0.1)]]
    scored = score_units(QUERY, hits, lambda _query, _pieces: readings)
    assert len({item.scores for item in scored}) == 1 and len({item.values for item in scored}) == 3


def test_one_hit_of_one_sentence_and_none_at_all() -> None:
    ((value,),) = values_of([make_hit(DULL)], [[reading(0.5, 0)]])
    assert math.isfinite(value)
    assert values_of([], []) == []


@given(st.integers(0, 10**6), st.integers(2, 6))
def test_the_order_in_which_hits_come_makes_no_difference(seed: int, n: int) -> None:
    rng = random.Random(seed)
    bodies = ["One is here. Two is there. Three is nowhere.", DULL]
    hits = [make_hit(rng.choice(bodies), rng.choice("ab"), 1000 * i, score=rng.random()) for i in range(n)]
    readings = [
        [Reading(rng.random(), rng.random(), unit(rng)) for _ in range(3 if hit.chunk.text != DULL else 1)]
        for hit in hits
    ]
    order = rng.sample(range(n), n)
    straight = values_of(hits, readings)
    turned = values_of([hits[i] for i in order], [readings[i] for i in order])
    for place, i in enumerate(order):
        np.testing.assert_allclose(turned[place], straight[i], atol=1e-6)


def unit(rng: random.Random) -> np.ndarray:
    vector = np.array([rng.gauss(0, 1) for _ in range(8)], np.float32)
    return vector / np.linalg.norm(vector)
