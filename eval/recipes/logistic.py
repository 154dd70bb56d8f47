"""Fitting of `rag.answer.logistic.Logistic`, and the figures that a recipe prints about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize

from eval.stats.areas import Floats, auroc
from rag.answer.logistic import Logistic

__all__ = ["Floats", "auroc", "balanced_weights", "bootstrap", "fit_logistic"]


def fit_logistic(
    rows: Sequence[Mapping[str, float]], labels: Floats, weights: Floats, names: Sequence[str], l2: float = 1.0
) -> Logistic:
    """Fit by penalised maximum likelihood on standardised features; `weights` are per row, labels 0 or 1."""
    x = np.array([[row[name] for name in names] for row in rows], dtype=np.float64)
    mean, spread = x.mean(0), x.std(0) + 1e-9
    z = np.column_stack([np.ones(len(x)), (x - mean) / spread])
    penalty = np.r_[0.0, np.full(len(names), l2)]

    def loss(b: Floats) -> tuple[float, Floats]:
        s = z @ b
        p = 1 / (1 + np.exp(-s))
        value = float(np.sum(weights * (np.logaddexp(0, s) - labels * s)) + np.sum(penalty * b**2) / 2)
        return value, z.T @ (weights * (p - labels)) + penalty * b

    solution: Any = minimize(loss, np.zeros(len(names) + 1), jac=True, method="L-BFGS-B")
    slopes = solution.x[1:] / spread
    intercept = float(solution.x[0] - (slopes * mean).sum())
    return Logistic(
        round(intercept, 3), {name: round(float(slope), 3) for name, slope in zip(names, slopes, strict=True)}
    )


def balanced_weights(labels: Floats, groups: Sequence[str], per_cell: float = 100.0) -> Floats:
    """Give every (group, label) cell the same total weight."""
    weights = np.zeros(len(labels))
    names = np.array(groups)
    for group in set(groups):
        for label in (0.0, 1.0):
            cell = (names == group) & (labels == label)
            weights[cell] = per_cell / max(1, int(cell.sum()))
    return weights


def bootstrap(scores: Floats, labels: Floats, statistic: Any, draws: int = 1000, seed: int = 7) -> tuple[float, float]:
    """Return the percentile bootstrap 95 % interval of `statistic(scores, labels)`."""
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(draws):
        i = rng.integers(0, len(labels), len(labels))
        values.append(statistic(scores[i], labels[i]))
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)
