from __future__ import annotations

import pytest

from rag.idf import coverage, local_idf


def test_a_term_that_every_text_holds_weighs_least_and_above_nothing() -> None:
    pool = [{"vault", "key"}, {"vault"}, {"vault", "sea"}]
    weights = local_idf(["vault", "key", "moon"], pool)
    assert 0 < weights["vault"] < weights["key"] < weights["moon"]


def test_coverage_is_the_weighted_share_and_nothing_without_terms() -> None:
    weights = {"vault": 1.0, "key": 3.0}
    assert coverage(weights, {"key", "sea"}) == pytest.approx(0.75)
    assert coverage(weights, {"vault", "key"}) == 1.0
    assert coverage({}, {"key"}) == 0.0
