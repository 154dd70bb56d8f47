r"""A model that lends strength between points: questions that a few points answered say how the others would have done.

On question q the point x scores  y_q(x) = m(x) + u_q + g_q(x):  m is how good the point is, u_q how easy the question,
and g_q how the question answers to the settings, drawn anew for every question from one Gaussian process. Its kernel
is a sum over single settings and pairs of them, for most settings act alone or two by two. The weights of the sum are
those that fit the variances of paired differences best (non-negative least squares on the variogram: Cressie 1993,
"Statistics for spatial data", ch. 2.6). m has the same kernel, scaled by how far the means of points lie apart. Then
everything is linear: the unasked scores are predicted by kriging, question by question, and the mean over *all*
questions comes with the covariance that the unasked ones leave.

Points that are near share what is known of them, where independent arms of a bandit would each pay for it again
(Srinivas et al. 2010, https://arxiv.org/abs/0912.3995).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eval.tune.points import Floats, Point, Value

_LEAST_SHARED = 6  # questions that two points must share before their variance tells anything
_REACH = 1.5  # a numeric setting's two ends are correlated as exp(-1.5)
_NUGGET = 1e-3  # of the variance: keeps matrices invertible where points always agree
_UNKNOWN = 0.01  # variance of scores where nothing differed yet
_RATIO = (0.003, 1.0)  # bounds of the variance of means beside that of single scores


class Kernels:
    """The kernels of a pool of points: for every setting how alike two values are, 0..1."""

    def __init__(self, pool: Sequence[Point]) -> None:
        table = [dict(point.values) for point in pool]
        keys = sorted({key for row in table for key in row})
        self.single = [_alike([row.get(key, _ABSENT) for row in table]) for key in keys]
        # the default is written as the empty point: what it has of the settings is not known, so it is near to none

    def parts(self) -> Iterator[tuple[int, ...]]:
        """Yield the sets of settings that act together: alone, in pairs, and all at once."""
        places = range(len(self.single))
        yield from ((i,) for i in places)
        yield from itertools.combinations(places, 2)
        if len(self.single) > 2:
            yield tuple(places)

    def mean(self) -> Floats:
        """Return the mean of the kernels of single settings, `(n, n)`."""
        return np.asarray(np.mean(self.single, axis=0), np.float64)

    def of(self, part: tuple[int, ...], rows: NDArray[np.intp] | None = None) -> Floats:
        """Return the kernel of a set of settings, `(n, n)`, over all points or some of them."""
        chosen = [self.single[i] if rows is None else self.single[i][np.ix_(rows, rows)] for i in part]
        return np.asarray(np.prod(chosen, axis=0), np.float64)


_ABSENT = "\x00absent"


def _alike(values: Sequence[Value]) -> Floats:
    """Return how alike the values of one setting are: numbers by their places in order, others all or nothing."""
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    levels = {value: i for i, value in enumerate(sorted(set(numbers)))}
    span = max(1, len(levels) - 1)
    same = np.array([[a == b and isinstance(a, bool) == isinstance(b, bool) for b in values] for a in values], float)
    is_number = np.array([isinstance(v, int | float) and not isinstance(v, bool) for v in values])
    places = np.array([levels[v] / span if ok else 0.0 for v, ok in zip(values, is_number, strict=True)])  # type: ignore[index]
    close = np.exp(-_REACH * np.abs(places[:, None] - places[None, :]))
    return np.where(is_number[:, None] & is_number[None, :], close, same)


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed of every point's mean over all questions: `mean` is `(n,)`, `covariance` `(n, n)`."""

    mean: Floats
    covariance: Floats

    @property
    def error(self) -> Floats:
        """The standard error of each mean, `(n,)`."""
        return np.asarray(np.sqrt(np.maximum(np.diag(self.covariance), 0.0)), np.float64)

    def draws(self, rng: np.random.Generator, count: int) -> Floats:
        """Return means drawn from the belief, `(count, n)`."""
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        drawn: Floats = self.mean + rng.standard_normal((count, len(self.mean))) @ root.T
        return drawn


def believe(
    kernels: Kernels, scores: Floats, weights: Floats, silent: Sequence[tuple[NDArray[np.bool_], float]] = ()
) -> Belief:
    """Return the belief after scores `(points, questions)`, NaN where unknown; `weights` `(questions,)` sum to 1.

    `silent` are questions on which all points asked scored the same, with the chance that another point scores
    differently. They have beliefs of their own, for what is true where points differ is not true there: the kernel is
    that of the others, times that chance.
    """
    telling = ~np.any([mask for mask, _ in silent], axis=0) if silent else np.ones(scores.shape[1], bool)
    fitted = telling if telling.any() else ~telling
    arms = np.flatnonzero(np.isfinite(scores).any(axis=1))
    kernel = _fitted(kernels, scores[:, fitted], arms)
    ratio = _ratio(scores[:, fitted], arms)
    mean, covariance = np.zeros(len(scores)), np.zeros((len(scores), len(scores)))
    for chosen, scale in [(telling, 1.0), *silent]:
        share = float(weights[chosen].sum())
        if share > 0:
            part = _krige(scale * kernel, ratio, scores[:, chosen], weights[chosen] / share)
            mean += share * part.mean
            covariance += share**2 * part.covariance
    return Belief(mean, covariance)


def _fitted(kernels: Kernels, scores: Floats, arms: NDArray[np.intp]) -> Floats:
    """Return the kernel whose variogram fits the paired differences of the arms best."""
    from scipy.optimize import nnls

    shared, _, variance = _paired(scores[arms])
    first, second = np.nonzero(np.triu(shared >= _LEAST_SHARED, 1))
    seen = variance[first, second] / 2
    parts = list(kernels.parts())
    if not seen.any():
        unknown: Floats = _UNKNOWN * (kernels.of(parts[-1]) + _NUGGET * np.eye(len(scores)))
        return unknown
    root = np.sqrt(shared[first, second])
    design = np.stack([1.0 - kernels.of(part, arms)[first, second] for part in parts] + [np.ones(len(seen))], axis=1)
    found, _ = nnls(design * root[:, None], seen * root)
    used = [weight * kernels.of(part) for part, weight in zip(parts, found, strict=False) if weight > 0]
    total: Floats = sum(used, np.zeros((len(scores), len(scores))))
    total += (float(found[-1]) + _NUGGET * float(found.sum())) * np.eye(len(scores))
    return total


def _paired(values: Floats) -> tuple[Floats, Floats, Floats]:
    """Return for every two rows how many columns both have, and the mean and the variance of their difference there."""
    known = np.isfinite(values).astype(float)
    filled = np.nan_to_num(values)
    shared = known @ known.T
    sums = filled @ known.T - known @ filled.T
    squares = filled**2 @ known.T + known @ (filled**2).T - 2 * filled @ filled.T
    means = sums / np.maximum(shared, 1)
    return shared, means, np.maximum(0.0, squares - shared * means**2) / np.maximum(shared - 1, 1)


def _ratio(scores: Floats, arms: NDArray[np.intp]) -> float:
    """Return the variance of the points' means beside that of their scores on single questions."""
    shared, means, variance = _paired(scores[arms])
    counts = np.where(np.triu(shared >= _LEAST_SHARED, 1), shared, 0.0)
    above = float((counts * (means**2 - variance / np.maximum(shared, 1))).sum())
    below = float((counts * variance).sum())
    low, high = _RATIO
    return float(np.clip(above / below, low, high)) if below > 0 else low


def _krige(kernel: Floats, ratio: float, scores: Floats, weights: Floats) -> Belief:
    """Return mean and covariance of the points' means over all questions, asked or not."""
    known = np.isfinite(scores)
    groups = [_Group.of(kernel, scores, asked, questions) for asked, questions in _groups(known)]
    n = len(kernel)
    precision, pull = np.linalg.inv(ratio * kernel), np.zeros(n)
    for group in groups:
        precision[np.ix_(group.asked, group.asked)] += group.scores.shape[1] * group.centred
        pull[group.asked] += group.centred @ group.scores.sum(axis=1)
    spread = np.linalg.inv(precision)
    m = spread @ pull
    unasked = ~known.any(axis=0)
    mean, lean = np.zeros(n), float(weights[unasked].sum()) * np.eye(n)
    rest = float(weights[unasked] @ weights[unasked]) * kernel
    levels = 0.0
    for group in groups:
        weight = weights[group.questions]
        level = (group.ones @ (group.scores - m[group.asked, None])) / group.ones.sum()
        gain = kernel[:, group.asked] @ group.centred
        mean += gain @ ((group.scores - m[group.asked, None]) @ weight)
        levels += float(level @ weight)
        slope = np.eye(n)
        slope[:, group.asked] -= gain + group.ones / group.ones.sum()
        lean += weight.sum() * slope
        rest += float(weight @ weight) * group.left(kernel)
    asked_share = float(weights[~unasked].sum()) or 1.0
    return Belief(m + mean + levels / asked_share, lean @ spread @ lean.T + rest)


@dataclass(frozen=True, slots=True)
class _Group:
    """Questions that were asked of the same points; `centred` is the inverse kernel without the question's level."""

    asked: NDArray[np.intp]
    questions: NDArray[np.intp]
    scores: Floats
    inverse: Floats
    ones: Floats
    centred: Floats

    @staticmethod
    def of(kernel: Floats, scores: Floats, asked: NDArray[np.intp], questions: NDArray[np.intp]) -> _Group:
        inverse: Floats = np.linalg.inv(kernel[np.ix_(asked, asked)]).astype(np.float64)
        ones = inverse.sum(axis=1)
        centred = inverse - np.outer(ones, ones) / ones.sum()
        return _Group(asked, questions, scores[np.ix_(asked, questions)], inverse, ones, centred)

    def left(self, kernel: Floats) -> Floats:
        """Return the covariance of one question's scores that is left when those asked are known."""
        across = kernel[:, self.asked]
        short = 1.0 - across @ self.ones
        left: Floats = kernel - across @ self.inverse @ across.T + np.outer(short, short) / self.ones.sum()
        return left


def _groups(known: NDArray[np.bool_]) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Return the questions by which points were asked them; questions that nobody was asked are left out."""
    found: dict[bytes, list[int]] = {}
    for q in range(known.shape[1]):
        if known[:, q].any():
            found.setdefault(known[:, q].tobytes(), []).append(q)
    return [(np.flatnonzero(known[:, qs[0]]), np.array(qs)) for qs in found.values()]
