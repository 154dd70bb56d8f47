"""One metric on the same cases of two runs: its values side by side, and their paired difference with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval.metrics.base import BOUNDED_UNITS
from eval.stats import (
    DIFFERENCE,
    Difference,
    Floats,
    cases_to_detect,
    minimal_detectable_effect,
    paired_difference,
)
from rag.shapes.rows import RowJson


@dataclass(frozen=True, slots=True)
class MetricValues:
    """One metric of a run, a value a case in the order of its rows.

    Args:
        ids: the cases, (n,).
        values: (n,) float64 in the metric's unit, NaN where the case was not scored.
        clusters: what each case varies with, (n,).
    """

    ids: tuple[str, ...]
    values: Floats
    clusters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Paired:
    """Values of one metric on the cases where both runs have one, with the cases' clusters."""

    ids: tuple[str, ...]
    baseline: tuple[float, ...]
    candidate: tuple[float, ...]
    clusters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Candidate minus baseline over `n` shared cases, of which `changed` differ. All values have the metric's unit.

    `baseline` and `candidate` are the means. `value` is their difference with its 95 % interval and the two-sided `p`
    of no difference. `mde` is the minimal detectable effect, `more_cases` how many more cases would find the difference
    seen. A bound, `mde` and `more_cases` are None where they are undefined.
    """

    baseline: float
    candidate: float
    value: float
    low: float | None
    high: float | None
    p: float
    n: int
    changed: int
    mde: float | None
    more_cases: int | None
    method: str


def metric_values(rows: Sequence[RowJson], metric: str) -> MetricValues:
    """Return the values of a metric by case; a metric that no row has is NaN everywhere."""
    found = (row.metrics.get(metric) for row in rows)
    values = np.array([np.nan if value is None else value for value in found], dtype=np.float64)
    return MetricValues(tuple(row.id for row in rows), values, tuple(row.cluster for row in rows))


def paired(baseline: MetricValues, candidate: MetricValues) -> Paired:
    """Return the cases that both scored, matched by id, in the baseline's order and with its clusters.

    >>> a = MetricValues(("x", "y"), np.array([0.0, 1.0]), ("x", "y"))
    >>> b = MetricValues(("y", "x"), np.array([0.5, np.nan]), ("y", "x"))
    >>> paired(a, b).ids
    ('y',)
    """
    theirs = dict(zip(candidate.ids, candidate.values.tolist(), strict=True))
    found = [
        (key, ours, theirs[key], cluster)
        for key, ours, cluster in zip(baseline.ids, baseline.values.tolist(), baseline.clusters, strict=True)
        if key in theirs and not np.isnan(ours) and not np.isnan(theirs[key])
    ]
    ids, before, after, clusters = zip(*found, strict=True) if found else ((), (), (), ())
    return Paired(ids, before, after, clusters)


def difference_of_pairs(pairs: Paired, unit: str, seed: int = 0) -> Difference:
    """Return candidate minus baseline of a metric in `unit`, whose name says how far two values can be apart.

    Raises:
        ValueError: there is no pair.
    """
    limits = DIFFERENCE if unit in BOUNDED_UNITS else None
    return paired_difference(pairs.baseline, pairs.candidate, pairs.clusters, limits=limits, seed=seed)


def told(pairs: Paired, difference: Difference) -> PairedDifference:
    """Return a paired difference with the means that it is of, and what its cases could detect."""
    n = len(pairs.ids)
    return PairedDifference(
        baseline=sum(pairs.baseline) / n,
        candidate=sum(pairs.candidate) / n,
        value=difference.value,
        low=difference.low,
        high=difference.high,
        p=difference.p,
        n=n,
        changed=sum(old != new for old, new in zip(pairs.baseline, pairs.candidate, strict=True)),
        mde=None if difference.low is None else minimal_detectable_effect(difference),
        more_cases=cases_to_detect(difference),
        method=difference.method,
    )


def compare_pairs(pairs: Paired, unit: str = "share", *, seed: int = 0) -> PairedDifference:
    """Return candidate minus baseline with its 95 % interval, by cluster where there are enough (`eval.stats`).

    >>> one = Paired(tuple("abcd"), (0.0, 0.0, 1.0, 1.0), (1.0, 0.0, 1.0, 1.0), tuple("abcd"))
    >>> found = compare_pairs(one)
    >>> (found.value, found.n, found.changed)
    (0.25, 4, 1)

    Args:
        pairs: the values of both runs.
        unit: the metric's (`eval.metrics.base.Unit`); differences of shares and scores lie in -1..1.
        seed: of the sign flips behind `p`.

    Raises:
        ValueError: there is no pair.
    """
    return told(pairs, difference_of_pairs(pairs, unit, seed))
