"""A paired difference over several sets at once: every question weighs the same, each set is resampled in itself."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from eval.stats import Difference, Floats, paired_difference, sign_flip_p


@dataclass(frozen=True, slots=True)
class Stratum:
    """Paired values of one set, with the clusters of its questions."""

    baseline: Sequence[float]
    candidate: Sequence[float]
    clusters: Sequence[Hashable]


def stratified_difference(strata: Sequence[Stratum], *, seed: int = 0, draws: int = 10_000) -> Difference:
    """Return the mean of `candidate - baseline` over the questions of all strata, with a stratified interval.

    Strata keep their sizes in every draw (a stratified bootstrap); within one, clusters or questions are resampled as
    `paired_difference` does. The p-value flips the signs of single questions over all strata.

    Raises:
        ValueError: there is no stratum, or one is empty or not paired.
    """
    if not strata:
        raise ValueError("a stratified difference needs at least one stratum")
    parts = [
        paired_difference(part.baseline, part.candidate, part.clusters, seed=seed + number, draws=draws)
        for number, part in enumerate(strata)
    ]
    sizes = np.array([part.n for part in parts], np.float64)
    shares = sizes / sizes.sum()
    values = np.concatenate([_differences(part) for part in strata])
    p = sign_flip_p(values.tolist(), seed=seed, draws=draws)
    value = float(shares @ np.array([part.value for part in parts]))
    if any(part.low is None for part in parts):
        return Difference(value, len(values), None, None, float("inf"), p, "undefined for a single value", values)
    sampled: Floats = sum(
        (share * part.draws for share, part in zip(shares, parts, strict=True)), start=np.zeros(draws, np.float64)
    )
    low, high = np.quantile(sampled, [0.025, 0.975])
    method = f"paired bootstrap stratified by set, {draws} draws"
    return Difference(value, len(values), float(low), float(high), float(sampled.std()), p, method, sampled)


def _differences(part: Stratum) -> Floats:
    return np.asarray(part.candidate, np.float64) - np.asarray(part.baseline, np.float64)
