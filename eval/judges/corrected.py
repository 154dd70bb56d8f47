"""What a judge's figure would be if people had judged: estimates corrected by a labelled sample. Pure.

Both corrections hold if the labelled items are a sample of the kind of item that the judge scored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from eval.results import Confusion, Moments
from eval.stats import TWO_SIDED_Z, Estimate


def moments(human: Sequence[float], judge: Sequence[float]) -> Moments:
    """Return the moments of paired labels and scores; variances are unbiased.

    Raises:
        ValueError: there are fewer than two pairs, or the two differ in length.
    """
    if len(human) != len(judge) or len(human) < 2:
        raise ValueError(f"moments need two or more pairs, got {len(human)} and {len(judge)}")
    covariance = np.cov(np.asarray(human, dtype=np.float64), np.asarray(judge, dtype=np.float64))
    means = float(np.mean(human)), float(np.mean(judge))
    return Moments(len(human), *means, float(covariance[0, 0]), float(covariance[1, 1]), float(covariance[0, 1]))


def ppi_mean(labelled: Moments, judged: Sequence[float]) -> Estimate:
    """Return the mean of human labels that the judged items would have, by power-tuned prediction-powered inference.

    The judge's scores count as far as they go with the labels (lambda in 0..1): a judge that knows nothing leaves the
    labelled sample's own mean. Angelopoulos, Duchi & Zrnic 2023, PPI++, https://arxiv.org/abs/2311.01453

    Raises:
        ValueError: nothing was judged.
    """
    if not judged:
        raise ValueError("prediction-powered inference needs judged items")
    scores = np.asarray(judged, dtype=np.float64)
    n, total = labelled.n, len(scores)
    weight = _tuned(labelled, total)
    value = labelled.human + weight * (float(scores.mean()) - labelled.judge)
    spread = float(scores.var(ddof=1)) if total > 1 else labelled.judge_variance
    rectifier = labelled.human_variance - 2 * weight * labelled.covariance + weight**2 * labelled.judge_variance
    error = math.sqrt(weight**2 * spread / total + max(0.0, rectifier) / n)
    half = TWO_SIDED_Z * error
    return Estimate(value, total, value - half, value + half, f"prediction-powered, {n} labels, lambda {weight:.2f}")


def _tuned(labelled: Moments, total: int) -> float:
    if labelled.judge_variance == 0:
        return 0.0
    return min(1.0, max(0.0, labelled.covariance / ((1 + labelled.n / total) * labelled.judge_variance)))


def rogan_gladen(called_true: int, n: int, labelled: Confusion) -> Estimate | None:
    """Return the true rate behind `called_true` of `n` verdicts, corrected for the judge's sensitivity and specificity.

    None where the judge does not tell true from false (sensitivity + specificity <= 1), or one of the two is unknown.
    Rogan & Gladen 1978; the interval is that of Lang & Reiczigel 2014, cut to 0..1.

    Raises:
        ValueError: `called_true` is not in 0..n, or `n` is 0.
    """
    if not 0 <= called_true <= n or n == 0:
        raise ValueError(f"a rate needs 0 <= called_true <= n and n > 0, got {called_true} of {n}")
    if not labelled.true or not labelled.false:
        return None
    sensitive, specific = labelled.called_true / labelled.true, labelled.called_false / labelled.false
    if sensitive + specific <= 1:
        return None
    value = min(1.0, max(0.0, (called_true / n + specific - 1) / (sensitive + specific - 1)))
    low, high = _lang_reiczigel(called_true, n, labelled)
    labels = labelled.true + labelled.false
    return Estimate(value, n, min(low, value), max(high, value), f"Rogan-Gladen, {labels} labels")


def _lang_reiczigel(called_true: int, n: int, labelled: Confusion) -> tuple[float, float]:
    z = TWO_SIDED_Z
    trials, positives, negatives = n + z * z, labelled.true + 2, labelled.false + 2
    rate = (called_true + z * z / 2) / trials
    sensitive, specific = (labelled.called_true + 1) / positives, (labelled.called_false + 1) / negatives
    youden = sensitive + specific - 1
    if youden <= 0:  # so few labels that the judge may know nothing
        return 0.0, 1.0
    centre = (rate + specific - 1) / youden
    from_sensitivity = sensitive * (1 - sensitive) / positives
    from_specificity = specific * (1 - specific) / negatives
    shift = 2 * z * z * (centre * from_sensitivity - (1 - centre) * from_specificity)
    variance = rate * (1 - rate) / trials + centre**2 * from_sensitivity + (1 - centre) ** 2 * from_specificity
    half = z * math.sqrt(variance) / youden
    return max(0.0, centre + shift - half), min(1.0, centre + shift + half)
