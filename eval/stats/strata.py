"""A paired difference over several sets at once, every question or every set weighing the same."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from eval.stats import (
    DIFFERENCE,
    Difference,
    Floats,
    Limits,
    Sample,
    Unit,
    difference_of,
    paired_difference,
    sign_flip_p,
    within,
)


@dataclass(frozen=True, slots=True)
class Stratum:
    """Paired values of one set, with the clusters of its questions."""

    baseline: Sequence[float]
    candidate: Sequence[float]
    clusters: Sequence[Hashable]


def stratified_difference(
    strata: Sequence[Stratum], *, even: bool = False, limits: Limits = DIFFERENCE, seed: int = 0, draws: int = 10_000
) -> Difference:
    """Return the mean of `candidate - baseline` over the questions of all strata, with a stratified interval.

    Values are shares, or have other `limits` of a difference. Every set keeps its size: what the sets differ in does
    not widen the interval. It is that of `paired_difference` over the units of all sets, each moved by how far its
    set's mean lies from the pooled one and weighing as its questions do. With `even` every set weighs the same,
    whatever its size. The p-value flips the signs of single questions over all strata; with `draws` 0 it is 1.

    Raises:
        ValueError: there is no stratum, or one is empty or not paired.
    """
    if not strata:
        raise ValueError("a stratified difference needs at least one stratum")
    parts = [paired_difference(p.baseline, p.candidate, p.clusters, limits=limits, draws=0) for p in strata]
    n = sum(part.n for part in parts)
    shares = [1 / len(parts) if even else part.n / n for part in parts]
    pairs = list(zip(parts, strata, shares, strict=True))
    values = np.concatenate([_differences(stratum) * (share * n / part.n) for part, stratum, share in pairs])
    value = float(values.mean())
    p = sign_flip_p(values.tolist(), seed=seed, draws=draws) if draws else 1.0
    samples = [part.sample for part in parts if part.sample is not None]
    if len(samples) < len(parts):
        return Difference(value, n, None, None, math.inf, p, "undefined for a single value", None)
    found = difference_of(_pooled(parts, samples, shares, value, limits), value, n, p)
    weighing = ", every set alike" if even and len(parts) > 1 else ""
    return replace(found, method=f"{found.method}, stratified by set{weighing}")


def _pooled(
    parts: Sequence[Difference], samples: Sequence[Sample], shares: Sequence[float], value: float, limits: Limits
) -> Sample:
    """Return the units of all strata around the pooled mean; what weighs more than its size has wider limits."""
    units = sum(len(sample.values) for sample in samples)
    factors = [share * units / len(sample.values) for sample, share in zip(samples, shares, strict=True)]
    moved = [
        value + (sample.values - part.value) * factor
        for part, sample, factor in zip(parts, samples, factors, strict=True)
    ]
    unit: Unit = "cluster" if any(sample.unit == "cluster" for sample in samples) else "question"
    most = max(1.0, *factors) if len(factors) > 1 else 1.0
    return within(np.concatenate(moved), (limits[0] * most, limits[1] * most), unit)


def _differences(part: Stratum) -> Floats:
    return np.asarray(part.candidate, np.float64) - np.asarray(part.baseline, np.float64)
