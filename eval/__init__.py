"""How good is it: golden sets, metrics with intervals, and gates; start with `eval.runner`.

The names below are the flow functions with their options and results, and all that `api` may import. A name is loaded
when it is asked for, so that a command which only compares two runs loads no judge.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eval.files import json_object
    from eval.flows.golden import Leak, SetCheck, SyntheticSet, check_set, set_coverage, synthesise
    from eval.flows.judges import (
        Calibration,
        CalibrationOptions,
        Rescored,
        calibrate_judge,
        judge_conflicts,
        known_calibrations,
        score_run,
    )
    from eval.flows.runs import (
        CompareResult,
        ErrorRates,
        Evaluation,
        GateResult,
        Selection,
        compare_runs,
        error_rates,
        evaluate,
        flip_gate,
        gate_runs,
    )
    from eval.flows.tune import TuneOptions, run_sweep, sweep_document, sweep_schema, sweep_text
    from eval.golden import GoldSpan
    from eval.golden.imports import import_set
    from eval.golden.labelling import LabelFile, Queued, label_row, open_labels, queue
    from eval.golden.question_log import Asked, read_traffic
    from eval.golden.rows import Expect
    from eval.golden.synthesis import SynthesisOptions
    from eval.results import CalibrationRecord
    from eval.runner import RunOptions

_HOMES = {
    "eval.files": ("json_object",),
    "eval.flows.golden": ("Leak", "SetCheck", "SyntheticSet", "check_set", "set_coverage", "synthesise"),
    "eval.flows.judges": (
        "Calibration",
        "CalibrationOptions",
        "Rescored",
        "calibrate_judge",
        "judge_conflicts",
        "known_calibrations",
        "score_run",
    ),
    "eval.flows.runs": (
        "CompareResult",
        "ErrorRates",
        "Evaluation",
        "GateResult",
        "Selection",
        "compare_runs",
        "error_rates",
        "evaluate",
        "flip_gate",
        "gate_runs",
    ),
    "eval.flows.tune": ("TuneOptions", "run_sweep", "sweep_document", "sweep_schema", "sweep_text"),
    "eval.golden": ("GoldSpan",),
    "eval.golden.imports": ("import_set",),
    "eval.golden.labelling": ("LabelFile", "Queued", "label_row", "open_labels", "queue"),
    "eval.golden.question_log": ("Asked", "read_traffic"),
    "eval.golden.rows": ("Expect",),
    "eval.golden.synthesis": ("SynthesisOptions",),
    "eval.results": ("CalibrationRecord",),
    "eval.runner": ("RunOptions",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Asked",
    "Calibration",
    "CalibrationOptions",
    "CalibrationRecord",
    "CompareResult",
    "ErrorRates",
    "Evaluation",
    "Expect",
    "GateResult",
    "GoldSpan",
    "LabelFile",
    "Leak",
    "Queued",
    "Rescored",
    "RunOptions",
    "Selection",
    "SetCheck",
    "SynthesisOptions",
    "SyntheticSet",
    "TuneOptions",
    "calibrate_judge",
    "check_set",
    "compare_runs",
    "error_rates",
    "evaluate",
    "flip_gate",
    "gate_runs",
    "import_set",
    "json_object",
    "judge_conflicts",
    "known_calibrations",
    "label_row",
    "open_labels",
    "queue",
    "read_traffic",
    "run_sweep",
    "score_run",
    "set_coverage",
    "sweep_document",
    "sweep_schema",
    "sweep_text",
    "synthesise",
]


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)
