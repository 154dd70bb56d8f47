"""From values to samples: what varies independently (questions or clusters), and what a value can be at most."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from eval.stats.values import MIN_CLUSTERS, Floats, Limits, Sample, Unit


def sample_of(data: Floats, clusters: Sequence[Hashable] | None, limits: Limits) -> Sample:
    """Return the units of values: clusters where there are at least 30, else questions.

    A cluster's value is the mean of all plus its own sum of deviations, in mean cluster sizes (the linearised ratio of
    Woodruff 1971), so that clusters of different sizes weigh as their questions do. Values beyond the limits, such as
    1.0000001 by rounding or those of a large cluster, stretch the limits.

        >>> sample_of(np.array([0.0, 1.0]), None, (0.0, 1.0)).unit
        'question'
    """
    unit, values = _units(data, clusters)
    return within(values, limits, unit)


def within(values: Floats, limits: Limits, unit: Unit) -> Sample:
    """Return a sample whose limits are stretched to hold all of its values.

    >>> within(np.array([0.5, 1.5]), (0.0, 1.0), "cluster").limits
    (0.0, 1.5)
    """
    return Sample(values, (min(limits[0], float(values.min())), max(limits[1], float(values.max()))), unit)


def _units(data: Floats, clusters: Sequence[Hashable] | None) -> tuple[Unit, Floats]:
    keys = {key: i for i, key in enumerate(dict.fromkeys(clusters or ()))}
    if clusters is None or len(keys) < MIN_CLUSTERS or len(keys) == len(data):
        return "question", data
    index = np.fromiter((keys[key] for key in clusters), dtype=np.intp, count=len(data))
    mean = float(data.mean())
    deviations: Floats = np.bincount(index, weights=data - mean).astype(np.float64)
    return "cluster", mean + deviations * (len(keys) / len(data))
