"""The results of runs as values: frozen inside, JSON only at the edge (`eval.files.json_tree`, `read_results`)."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache

from pydantic import TypeAdapter

from eval.files import from_json
from eval.results.judged import (
    Agreement,
    CalibrationRecord,
    Confusion,
    Figure,
    JudgeCost,
    JudgedBy,
    JudgeUse,
    LabelsFile,
    Moments,
    nested_agreement,
)
from eval.results.run import (
    Anchors,
    GoldStep,
    Latency,
    MetricResult,
    Provenance,
    RefusalPoint,
    Reliability,
    ReliabilityBin,
    Results,
    ScoredMetric,
    SetInfo,
    Slice,
)

__all__ = [
    "Agreement",
    "Anchors",
    "CalibrationRecord",
    "Confusion",
    "Figure",
    "GoldStep",
    "JudgeCost",
    "JudgeUse",
    "JudgedBy",
    "LabelsFile",
    "Latency",
    "MetricResult",
    "Moments",
    "Provenance",
    "RefusalPoint",
    "Reliability",
    "ReliabilityBin",
    "Results",
    "ScoredMetric",
    "SetInfo",
    "Slice",
    "read_calibration",
    "read_results",
]


def read_results(tree: object) -> Results:
    """Return the content of a `results.json`, also of an earlier version; keys of a later one are kept in `more`.

    Raises:
        ValueError: a key on which comparisons rest is missing, or a value does not fit.
    """
    found = from_json(tree, _results_reader())
    known = {about.name for about in fields(Results)}
    others = {key: value for key, value in tree.items() if key not in known} if isinstance(tree, dict) else {}
    return replace(found, more=others)


def read_calibration(tree: object) -> CalibrationRecord:
    """Return a line of the calibrations.

    Raises:
        ValueError: a key is missing, or a value does not fit.
    """
    return from_json(nested_agreement(tree), _calibration_reader())


@cache
def _results_reader() -> TypeAdapter[Results]:
    return TypeAdapter(Results)


@cache
def _calibration_reader() -> TypeAdapter[CalibrationRecord]:
    return TypeAdapter(CalibrationRecord)
