"""A paired difference over several sets at once: every question weighs the same, each set varies in itself."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from eval.stats import (
    DIFFERENCE,
    Difference,
    Floats,
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


def stratified_difference(strata: Sequence[Stratum], *, seed: int = 0, draws: int = 10_000) -> Difference:
    """Return the mean of `candidate - baseline` over the questions of all strata, with a stratified interval.

    Values are shares. Every set keeps its size: what the sets differ in does not widen the interval. It is that of
    `paired_difference` over the units of all sets, each moved by how far its set's mean lies from the pooled one and
    weighing as its questions do. The p-value flips the signs of single questions over all strata.

    Raises:
        ValueError: there is no stratum, or one is empty or not paired.
    """
    if not strata:
        raise ValueError("a stratified difference needs at least one stratum")
    parts = [paired_difference(part.baseline, part.candidate, part.clusters, draws=0) for part in strata]
    values = np.concatenate([_differences(part) for part in strata])
    value, n = float(values.mean()), len(values)
    p = sign_flip_p(values.tolist(), seed=seed, draws=draws)
    samples = [part.sample for part in parts if part.sample is not None]
    if len(samples) < len(parts):
        return Difference(value, n, None, None, math.inf, p, "undefined for a single value", None)
    found = difference_of(_pooled(parts, samples, value), value, n, p)
    return replace(found, method=f"{found.method}, stratified by set")


def _pooled(parts: Sequence[Difference], samples: Sequence[Sample], value: float) -> Sample:
    """Return the units of all strata around the pooled mean."""
    units, n = sum(len(sample.values) for sample in samples), sum(part.n for part in parts)
    moved = [
        value + (sample.values - part.value) * (part.n * units / (n * len(sample.values)))
        for part, sample in zip(parts, samples, strict=True)
    ]
    unit: Unit = "cluster" if any(sample.unit == "cluster" for sample in samples) else "question"
    return within(np.concatenate(moved), DIFFERENCE, unit)


def _differences(part: Stratum) -> Floats:
    return np.asarray(part.candidate, np.float64) - np.asarray(part.baseline, np.float64)
