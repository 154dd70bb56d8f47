"""Tables that only the report page has room for: calibrations of judges and scores, and times by stage."""

from __future__ import annotations

from collections.abc import Mapping

from eval.report.table import Cell, Column, Row, Table, table
from eval.report.text import Bounded, interval, measured, number
from eval.results import CalibrationRecord, Figure, Latency, Reliability, Results
from eval.stats import Estimate

WHOLE = ("total", "wall")
"""Times of the whole flow, which stand below the stages they are made of."""

_SCORES = {
    "answerability": "answerability (the question is answerable)",
    "support": "support (the citation overlaps gold)",
}


def calibrated_table(results: Results) -> Table | None:
    """Return the metrics of judges that were calibrated, with the record; None if there is none."""
    judged = ((name, metric.judge.calibration) for name, metric in measured(results) if metric.judge)
    rows = [_calibrated_row(name, record) for name, record in judged if record is not None]
    names = ("n", "kappa", "accuracy", "of a constant", "labelled true", "judged true")
    columns = [Column("calibration on human labels", right=False), *map(Column, names), Column("made", right=False)]
    return table("Judges", columns, rows) if rows else None


def reliability_table(results: Results) -> Table | None:
    """Return how well predicted probabilities agree with what was observed; None where a run predicts nothing."""
    names = ("n", "base rate", "Brier score", "of a constant", "calibration error (ECE)")
    rows = [_reliability_row(name, found) for name, found in results.calibration.items()]
    return table("Calibration", [Column("score", right=False), *map(Column, names)], rows) if rows else None


def latency_table(results: Results) -> Table | None:
    """Return the times of every stage in the order of the flow; None where no time was taken."""
    names = ("p50 ms", "95 % interval", "p95 ms", "95 % interval", "n")
    rows = [
        (name, *_time(stage.p50), *_time(stage.p95), str(stage.p50.n)) for name, stage in ordered(results.latency_ms)
    ]
    return table("Times", [Column("stage", right=False), *map(Column, names)], rows) if rows else None


def ordered(stages: Mapping[str, Latency]) -> list[tuple[str, Latency]]:
    """Return the stages in the order of the flow, and the whole after its parts."""
    return sorted(stages.items(), key=lambda item: (item[0] in WHOLE, item[0] == "wall"))


def _calibrated_row(name: str, record: CalibrationRecord) -> Row:
    found = record.agreement
    no_better = found.accuracy is not None and found.accuracy.value <= found.constant_accuracy
    return (
        Cell(name, record.model),
        str(found.n),
        _figure(found.kappa),
        _figure(found.accuracy),
        Cell(number(found.constant_accuracy, "share"), bad=no_better),
        number(found.base_rate.value if found.base_rate else None, "share"),
        number(found.judge_rate.value if found.judge_rate else None, "share"),
        record.at[:10],
    )


def _figure(figure: Figure | None) -> str | Cell:
    return Cell(number(figure.value, "share"), interval(figure, "share")) if figure else "–"


def _reliability_row(name: str, found: Reliability) -> Row:
    worse = found.brier > found.brier_constant
    return (
        _SCORES.get(name, name),
        str(found.n),
        number(found.base_rate, "share"),
        Cell(number(found.brier, "share"), bad=worse),
        number(found.brier_constant, "share"),
        number(found.ece, "share"),
    )


def _time(found: Estimate) -> tuple[str, str]:
    return f"{found.value:.1f}", _milliseconds(found)


def _milliseconds(found: Bounded) -> str:
    return "–" if found.low is None else f"[{found.low:.1f}, {found.high:.1f}]"
