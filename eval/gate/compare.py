"""Two runs over the same cases: paired differences with intervals, slices with correction, cases that flipped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from eval.gate.cases import flip_lines, flipped_cases
from eval.gate.differs import difference_lines, differences
from eval.golden.slices import SLICES, slices_of
from eval.paired import Paired, PairedDifference, compare_pairs
from eval.report.table import Cell, Column, Group, Row, Table, terminal
from eval.report.text import KEY_METRICS, interval, number
from eval.results.compared import Comparison, MetricDifference, NoDifference, Origin, SliceDifference
from eval.saved import SavedRun, check_comparable, paired_values, row_pairs, warnings_of
from eval.stats import benjamini_hochberg, mcnemar_exact
from rag.shapes.rows import RowJson

UNBROKEN = "unbroken"
"""The share of cases without a broken stage (`eval.failures`): the one measure that every case of a slice has."""

_SMALLEST_SLICE = 5


def compare_saved(baseline: SavedRun, candidate: SavedRun, *, seed: int = 0) -> Comparison:
    """Return candidate minus baseline for every metric that both measured.

    Raises:
        ConfigError: the runs asked different questions.
    """
    check_comparable(baseline, candidate)
    primary = baseline.results.primary
    flipped = flipped_cases(baseline, candidate)
    worse = sum(item.now_broken for item in flipped)
    return Comparison(
        baseline=_origin(baseline),
        candidate=_origin(candidate),
        set=baseline.results.set,
        differences=differences(baseline.results, candidate.results),
        warnings=tuple(warnings_of(baseline, candidate)),
        cases=len(baseline.rows),
        primary=primary,
        metrics=dict(_metrics(baseline, candidate, seed)),
        slices=_slices(baseline, candidate, primary, seed),
        flipped=flipped,
        mcnemar_p=mcnemar_exact(worse, len(flipped) - worse),
    )


def render_comparison(comparison: Comparison, width: int = 110, whole: bool = False) -> str:
    """Return a comparison as terminal tables: the metrics that matter most, with `whole` all that differ."""
    rest = [] if whole else _less_telling(comparison)
    notes = [f"{len(rest)} more metrics differ: {', '.join(rest)} (--all shows them)"] * bool(rest)
    same = same_everywhere(comparison)
    notes += [f"the same in every case: {', '.join(same)}"] * bool(same)
    groups = [_telling(comparison), *(_by_family(comparison) if whole else ())]
    lines = [*difference_lines(comparison.differences), *flip_lines(comparison.flipped, comparison.mcnemar_p)]
    lines += [f"warning: {warning}" for warning in comparison.warnings]
    return terminal([difference_table(comparison, groups, notes)], lines, width=width)


def difference_table(comparison: Comparison, groups: Iterable[Sequence[str]], notes: Sequence[str] = ()) -> Table:
    """Return the differences of the metrics that each group names."""
    old, new = comparison.baseline.settings, comparison.candidate.settings
    title = f"{comparison.set.name}: {new} (candidate) against {old} (baseline), {comparison.cases} cases"
    columns = (*difference_columns("metric"), Column("more cases", shown=("markdown", "html")))
    rows = (Group("", tuple(_metric_row(name, comparison) for name in names)) for names in groups)
    return Table(title, columns, tuple(rows), tuple(notes))


def difference_columns(*names: str) -> tuple[Column, ...]:
    """Return the columns of a table of differences, behind those that name a row."""
    figures = ("baseline", "candidate", "difference", "95 % interval", "p", "MDE", "n")
    return (*(Column(name, right=False) for name in names), *map(Column, figures))


def difference_cells(found: PairedDifference | NoDifference, unit: str) -> tuple[str, ...]:
    """Return the cells of `difference_columns` that hold figures."""
    p = "–" if found.p is None else f"{found.p:.3f}"
    values = (number(value, unit) for value in (found.baseline, found.candidate, found.value))
    return (*values, interval(found, unit), p, number(found.mde, unit), str(found.n))


def _metric_row(name: str, comparison: Comparison) -> Row:
    item = comparison.metrics[name]
    more = item.difference.more_cases
    primary = name == comparison.primary
    named = Cell(name, "(primary)", strong=True) if primary else Cell(name)
    return (named, *difference_cells(item.difference, item.unit), "–" if more is None else f"{more:,}")


def _telling(comparison: Comparison) -> list[str]:
    """Return the metrics that matter most and differ, the primary one first."""
    chosen = (comparison.primary, *(name for name in KEY_METRICS if name != comparison.primary))
    same = same_everywhere(comparison)
    return [name for name in chosen if name in comparison.metrics and name not in same]


def _less_telling(comparison: Comparison) -> list[str]:
    """Return the other metrics that differ."""
    aside = {*_telling(comparison), *same_everywhere(comparison)}
    return [name for name in comparison.metrics if name not in aside]


def _by_family(comparison: Comparison) -> list[list[str]]:
    """Return the other metrics that differ, by family."""
    groups: dict[str, list[str]] = {}
    for name in _less_telling(comparison):
        groups.setdefault(comparison.metrics[name].family, []).append(name)
    return list(groups.values())


def same_everywhere(comparison: Comparison) -> list[str]:
    """Return the metrics, the primary one aside, in which no case differs."""
    metrics = comparison.metrics.items()
    return [name for name, item in metrics if not item.difference.changed and name != comparison.primary]


def _metrics(baseline: SavedRun, candidate: SavedRun, seed: int) -> Iterator[tuple[str, MetricDifference]]:
    for name, about in baseline.results.metrics.items():
        pairs = paired_values(baseline, candidate, name)
        if pairs.ids:
            difference = compare_pairs(pairs, about.unit, seed=seed)
            yield name, MetricDifference(difference, about.unit, about.better, about.family)


def _slices(baseline: SavedRun, candidate: SavedRun, primary: str, seed: int) -> tuple[SliceDifference, ...]:
    found = [
        (dimension, name, metric, compare_pairs(pairs, unit, seed=seed))
        for dimension, name in slices_of(baseline.rows)
        for metric, unit, pairs in _slice_pairs(baseline, candidate, primary, dimension, name)
        if len(pairs.ids) >= _SMALLEST_SLICE
    ]
    adjusted = benjamini_hochberg([difference.p for *_, difference in found])
    return tuple(SliceDifference(*item, p) for item, p in zip(found, adjusted, strict=True))


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
    unit = baseline.results.metrics[primary].unit
    return [(primary, unit, paired_values(baseline, candidate, primary, keep)), (UNBROKEN, "share", unbroken)]


def _origin(run: SavedRun) -> Origin:
    made = run.results
    return Origin(made.settings, made.generation, made.corpus, made.provenance, made.ended_at)
