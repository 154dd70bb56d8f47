"""Agreement against scikit-learn, worked examples of the literature, and figures of statsmodels and krippendorff."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.judges.agreement import cohen_kappa, krippendorff_alpha, rank_correlation, sensitivity, specificity

Table = tuple[tuple[int, int], tuple[int, int]]

# Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", example C; and the one of the encyclopaedias.
FOUR_RATERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]
THREE_RATERS = [
    [None, None, None, None, None, 3, 4, 1, 2, 1, 1, 3, 3, None, 3],
    [1, None, 2, 1, 3, 3, 4, 3, None, None, None, None, None, None, None],
    [None, None, 2, 1, 3, 4, 4, None, 2, 1, 1, 3, 3, None, 4],
]


def raters(table: Table) -> tuple[list[bool], list[bool]]:
    pairs = [(bool(i), bool(j)) for i in (0, 1) for j in (0, 1) for _ in range(table[i][j])]
    return [a for a, _ in pairs], [b for _, b in pairs]


@pytest.mark.parametrize(
    ("table", "kappa", "low", "high"),
    [  # statsmodels 0.15.0, cohens_kappa; the first table is the one of Cohen's kappa in Wikipedia
        (((20, 5), (10, 15)), 0.4, 0.151092290476661, 0.6489077095233389),
        (((45, 15), (25, 15)), 0.13043478260869554, -0.06293827779258965, 0.3238078430099807),
        (((118, 5), (2, 2)), 0.3370618941088739, -0.033550012612338476, 0.7076738008300862),
    ],
)
def test_kappa_and_its_interval(table: Table, kappa: float, low: float, high: float) -> None:
    found = cohen_kappa(*raters(table))
    assert found is not None and found.n == sum(map(sum, table))
    assert (found.value, found.low, found.high) == pytest.approx((kappa, low, high), abs=1e-9)


@settings(deadline=None)  # the oracle is imported in the first example
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_kappa_is_that_of_scikit_learn(pairs: list[tuple[bool, bool]]) -> None:
    from sklearn.metrics import cohen_kappa_score

    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    found = cohen_kappa(first, second)
    if len({*first, *second}) == 1:
        assert found is None  # chance agrees always
        return
    assert found is not None and found.low is not None and found.high is not None
    assert found.value == pytest.approx(cohen_kappa_score(first, second), abs=1e-9)
    assert -1 <= found.low <= found.value <= found.high <= 1


def test_perfect_agreement_does_not_claim_certainty() -> None:
    few, many = (cohen_kappa(raters(((n, 0), (0, n)))[0], raters(((n, 0), (0, n)))[1]) for n in (5, 100))
    assert few is not None and many is not None and few.value == many.value == 1.0
    assert few.low is not None and many.low is not None and few.low < 0.5 < 0.9 < many.low


def test_kappa_needs_pairs() -> None:
    with pytest.raises(ValueError, match="paired ratings"):
        cohen_kappa([True], [])


@pytest.mark.parametrize(
    ("ratings", "level", "alpha"),
    [  # krippendorff 0.9.0; the article gives .743, .815 and .849
        (FOUR_RATERS, "nominal", 0.743421052631579),
        (FOUR_RATERS, "ordinal", 0.8153875037548814),
        (FOUR_RATERS, "interval", 0.8491071428571428),
        (THREE_RATERS, "nominal", 0.691358024691358),
        (THREE_RATERS, "ordinal", 0.8067214199413153),
        (THREE_RATERS, "interval", 0.8108448928121059),
    ],
)
def test_alpha(ratings: list[list[float | None]], level: str, alpha: float) -> None:
    assert krippendorff_alpha(ratings, level) == pytest.approx(alpha, abs=1e-9)  # type: ignore[arg-type]


def test_alpha_is_undefined_without_two_ratings_or_two_values() -> None:
    assert krippendorff_alpha([[1.0, None], [None, 2.0]]) is None
    assert krippendorff_alpha([[1.0, 1.0], [1.0, 1.0]]) is None
    assert krippendorff_alpha([[None], [None]]) is None
    assert krippendorff_alpha([[0.0, 1.0], [0.0, 1.0]]) == 1.0


def test_rates_of_both_classes() -> None:
    truth, said = [True, True, True, False, False], [True, True, False, False, True]
    found = sensitivity(truth, said), specificity(truth, said)
    assert [(rate.value, rate.n) for rate in found if rate] == [(pytest.approx(2 / 3), 3), (0.5, 2)]
    assert sensitivity([False], [True]) is None and specificity([True], [True]) is None


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=4, max_size=40))
def test_rank_correlation_is_spearmans(pairs: list[tuple[int, int]]) -> None:
    from scipy.stats import spearmanr

    first, second = [float(a) for a, _ in pairs], [float(b) for _, b in pairs]
    found = rank_correlation(first, second)
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert found is None
        return
    assert found is not None and found.value == pytest.approx(float(spearmanr(first, second).statistic), abs=1e-9)
    if found.low is not None and found.high is not None:
        assert -1 <= found.low <= found.value <= found.high <= 1


def test_three_pairs_have_no_rank_correlation() -> None:
    assert rank_correlation([1, 2, 3], [3, 1, 2]) is None
    assert rank_correlation(list(np.arange(9.0)), list(np.arange(9.0))).low is None  # type: ignore[union-attr]
