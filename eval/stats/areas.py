"""The area under the ROC curve."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]


def auroc(scores: Floats, labels: Floats) -> float:
    """Return the area under the ROC curve (0..1); NaN with one class only."""
    ranks = rankdata(scores)
    positive = float(labels.sum())
    negative = len(labels) - positive
    if not positive or not negative:
        return float("nan")
    return float((ranks[labels == 1].sum() - positive * (positive + 1) / 2) / (positive * negative))
