"""Two runs over the same cases: paired differences with intervals, slices with correction, cases that flipped."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from eval.gate.cases import flip_lines, flipped_cases
from eval.gate.differs import difference_lines, differences
from eval.golden.slices import SLICES, slices_of
from eval.metrics.base import BOUNDED_UNITS
from eval.report.text import KEY_METRICS, number
from eval.saved import Paired, SavedRun, check_comparable, paired_values, row_pairs, warnings_of
from eval.stats import (
    DIFFERENCE,
    Difference,
    benjamini_hochberg,
    cases_to_detect,
    mcnemar_exact,
    minimal_detectable_effect,
    paired_difference,
)
from rag.shapes.rows import RowJson

Json = dict[str, Any]

UNBROKEN = "unbroken"
"""The share of cases without a broken stage (`eval.failures`): the one measure that every case of a slice has."""

_SMALLEST_SLICE = 5


def compare_saved(baseline: SavedRun, candidate: SavedRun, *, seed: int = 0) -> Json:
    """Return candidate minus baseline for every metric that both measured.

    `metrics[NAME]` holds both means over the `n` shared cases, of which `changed` differ, `value` (the difference), its
    interval, the sign-flip `p`, the `mde` and `more_cases`, how many would find the difference seen; `slices` the
    primary metric and the share of unbroken cases by kind, answerability, split and tag, with Benjamini-Hochberg
    `p_adjusted`; `flipped` the cases that went from well to broken or back, with both answers, and `mcnemar_p` of them;
    `differences` how differently the runs were made (`eval.gate.differs`).

    Raises:
        ConfigError: the runs asked different questions.
    """
    check_comparable(baseline, candidate)
    primary = baseline.results["primary"]
    flipped = flipped_cases(baseline, candidate)
    worse = sum(item["now_broken"] for item in flipped)
    return {
        "baseline": _origin(baseline),
        "candidate": _origin(candidate),
        "set": baseline.results["set"],
        "differences": differences(baseline.results, candidate.results),
        "warnings": warnings_of(baseline, candidate),
        "cases": len(baseline.rows),
        "primary": primary,
        "metrics": _metrics(baseline, candidate, seed),
        "slices": _slices(baseline, candidate, primary, seed),
        "flipped": flipped,
        "mcnemar_p": mcnemar_exact(worse, len(flipped) - worse),
    }


def render_comparison(comparison: Json, width: int = 110, whole: bool = False) -> str:
    """Return a comparison as terminal tables: the metrics that matter most, with `whole` all that differ."""
    from rich.console import Console

    page = io.StringIO()
    console = Console(file=page, width=width, no_color=True)
    console.print(_metric_table(comparison, whole))
    rest = [] if whole else _less_telling(comparison)
    lines = [f"{len(rest)} more metrics differ: {', '.join(rest)} (--all shows them)"] * bool(rest)
    same = same_everywhere(comparison)
    lines += [f"the same in every case: {', '.join(same)}"] * bool(same)
    lines += difference_lines(comparison["differences"])
    lines += flip_lines(comparison["flipped"], comparison["mcnemar_p"])
    for line in (*lines, *(f"warning: {warning}" for warning in comparison["warnings"])):
        console.print(line, highlight=False, markup=False)
    return page.getvalue()


def _metric_table(comparison: Json, whole: bool) -> Any:
    from rich import box
    from rich.table import Table

    old, new = comparison["baseline"]["settings"], comparison["candidate"]["settings"]
    title = f"{comparison['set']['name']}: {new} (candidate) against {old} (baseline), {comparison['cases']} cases"
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("metric")
    for column in ("baseline", "candidate", "difference", "95 % interval", "p", "MDE", "n"):
        table.add_column(column, justify="right")
    first, others = _telling(comparison), _by_family(comparison)
    for name in first:
        table.add_row(*_metric_cells(name, comparison))
    for names in others if whole else ():
        table.add_section()
        for name in names:
            table.add_row(*_metric_cells(name, comparison))
    return table


def _metric_cells(name: str, comparison: Json) -> list[str]:
    row = comparison["metrics"][name]
    unit = row["unit"]
    shown = [number(row[key], unit) for key in ("baseline", "candidate", "value")]
    bounds = "–" if row["low"] is None else f"[{number(row['low'], unit)}, {number(row['high'], unit)}]"
    marked = f"{name} (primary)" if name == comparison["primary"] else name
    return [marked, *shown, bounds, f"{row['p']:.3f}", number(row["mde"], unit), str(row["n"])]


def _telling(comparison: Json) -> list[str]:
    """Return the metrics that matter most and differ, the primary one first."""
    chosen = (comparison["primary"], *(name for name in KEY_METRICS if name != comparison["primary"]))
    same = same_everywhere(comparison)
    return [name for name in chosen if name in comparison["metrics"] and name not in same]


def _less_telling(comparison: Json) -> list[str]:
    """Return the other metrics that differ."""
    aside = {*_telling(comparison), *same_everywhere(comparison)}
    return [name for name in comparison["metrics"] if name not in aside]


def _by_family(comparison: Json) -> list[list[str]]:
    """Return the other metrics that differ, by family."""
    groups: dict[str, list[str]] = {}
    for name in _less_telling(comparison):
        groups.setdefault(comparison["metrics"][name]["family"], []).append(name)
    return list(groups.values())


def same_everywhere(comparison: Mapping[str, Any]) -> list[str]:
    """Return the metrics, the primary one aside, in which no case differs."""
    metrics = comparison["metrics"].items()
    return [name for name, item in metrics if not item["changed"] and name != comparison["primary"]]


def difference_of_pairs(pairs: Paired, unit: str, seed: int) -> Difference:
    """Return candidate minus baseline of a metric in `unit`, whose name says how far two values can be apart."""
    limits = DIFFERENCE if unit in BOUNDED_UNITS else None
    return paired_difference(pairs.baseline, pairs.candidate, pairs.clusters, limits=limits, seed=seed)


def difference_json(pairs: Paired, difference: Difference) -> Json:
    """Return a paired difference as JSON; an undefined bound or MDE is null."""
    n = len(pairs.ids)
    defined = difference.low is not None
    return {
        "baseline": sum(pairs.baseline) / n,
        "candidate": sum(pairs.candidate) / n,
        "value": difference.value,
        "low": difference.low,
        "high": difference.high,
        "p": difference.p,
        "n": n,
        "changed": sum(old != new for old, new in zip(pairs.baseline, pairs.candidate, strict=True)),
        "mde": minimal_detectable_effect(difference) if defined else None,
        "more_cases": cases_to_detect(difference),
        "method": difference.method,
    }


def _metrics(baseline: SavedRun, candidate: SavedRun, seed: int) -> Json:
    compared: Json = {}
    for name, about in baseline.results["metrics"].items():
        pairs = paired_values(baseline, candidate, name)
        if pairs.ids:
            difference = difference_of_pairs(pairs, about["unit"], seed)
            told = {key: about.get(key, "") for key in ("unit", "better", "family")}
            compared[name] = difference_json(pairs, difference) | told
    return compared


def _slices(baseline: SavedRun, candidate: SavedRun, primary: str, seed: int) -> list[Json]:
    found: list[Json] = []
    for dimension, name in slices_of(baseline.rows):
        for metric, unit, pairs in _slice_pairs(baseline, candidate, primary, dimension, name):
            if len(pairs.ids) >= _SMALLEST_SLICE:
                difference = difference_of_pairs(pairs, unit, seed)
                about = {"dimension": dimension, "name": name, "metric": metric}
                found.append(about | difference_json(pairs, difference))
    for item, adjusted in zip(found, benjamini_hochberg([item["p"] for item in found]), strict=True):
        item["p_adjusted"] = adjusted
    return found


def _slice_pairs(
    baseline: SavedRun, candidate: SavedRun, primary: str, dimension: str, name: str
) -> Sequence[tuple[str, str, Paired]]:
    def keep(row: RowJson) -> bool:
        return name in SLICES[dimension](row)

    kept = [(old, new) for old, new in row_pairs(baseline, candidate) if keep(old)]
    unbroken = Paired(
        tuple(old.id for old, _ in kept),
        tuple(float(not old.broken) for old, _ in kept),
        tuple(float(not new.broken) for _, new in kept),
        tuple(old.cluster for old, _ in kept),
    )
    unit = baseline.results["metrics"][primary]["unit"]
    return [(primary, unit, paired_values(baseline, candidate, primary, keep)), (UNBROKEN, "share", unbroken)]


def _origin(run: SavedRun) -> Json:
    return {key: run.results[key] for key in ("settings", "generation", "corpus", "provenance", "ended_at")}
