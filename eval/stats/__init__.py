"""Statistics for decisions: intervals, paired tests, corrections, power, non-inferiority. Pure; seeds are passed in."""

from eval.stats.decisions import cases_to_detect, minimal_detectable_effect, non_inferiority
from eval.stats.means import mean_interval, quantile_interval
from eval.stats.paired import difference_of, mcnemar_exact, paired_difference, sign_flip_p
from eval.stats.rates import pass_rate_bounds, trials_needed, wilson
from eval.stats.samples import sample_of, within
from eval.stats.several import benjamini_hochberg, holm
from eval.stats.values import (
    CONFIDENCE,
    DIFFERENCE,
    MIN_CLUSTERS,
    SHARE,
    TWO_SIDED_Z,
    Difference,
    Estimate,
    Floats,
    Limits,
    NonInferiority,
    Sample,
    Unit,
    Verdict,
)

__all__ = [
    "CONFIDENCE",
    "DIFFERENCE",
    "MIN_CLUSTERS",
    "SHARE",
    "TWO_SIDED_Z",
    "NonInferiority",
    "Difference",
    "Estimate",
    "Floats",
    "Limits",
    "Sample",
    "Unit",
    "Verdict",
    "benjamini_hochberg",
    "cases_to_detect",
    "difference_of",
    "holm",
    "mcnemar_exact",
    "mean_interval",
    "minimal_detectable_effect",
    "non_inferiority",
    "paired_difference",
    "pass_rate_bounds",
    "quantile_interval",
    "sample_of",
    "sign_flip_p",
    "trials_needed",
    "wilson",
    "within",
]
