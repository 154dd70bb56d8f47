"""Corrections of p-values where several questions are asked at once."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for the family-wise error rate, in the order given (Holm 1979).

    The k-th smallest of m is multiplied by m - k + 1, and none may be below a smaller one's.

        >>> holm([0.01, 0.04])
        [0.02, 0.04]
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for step, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - step) * p_values[i]))
        adjusted[i] = highest
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for the false discovery rate, in the order given (Benjamini & Hochberg 1995).

    The k-th smallest of m is multiplied by m / k, and none may be above a larger one's.

        >>> benjamini_hochberg([0.01, 0.04])
        [0.02, 0.04]
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i], reverse=True)
    adjusted = [0.0] * len(p_values)
    lowest = 1.0
    for step, i in enumerate(order):
        lowest = min(lowest, p_values[i] * len(p_values) / (len(p_values) - step))
        adjusted[i] = lowest
    return adjusted
