"""Results as people read them: tables for every writer, and lines of text. No figure is shown without its n."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from eval.metrics.base import BOUNDED_UNITS
from eval.metrics.baselines import Abstention
from eval.report.plots import sparkline
from eval.report.table import Cell, Column, Group, Row, Table, markdown, md, table, terminal
from eval.results import Anchors, JudgedBy, MetricResult, Results, ScoredMetric, Slice
from eval.stats import Estimate

FAMILIES = ("documents", "spans", "citations", "abstention", "ragas", "judges", "cost")
KEY_METRICS = (
    "nDCG@10",
    "Recall@10",
    "context_recall@4000ch",
    "citation_recall",
    "gold_citation_recall",
    "abstention_recall",
    "false_abstention",
    "latency_ms",
    "cost_usd",
)
"""The few metrics that tell most of a run: found, packed, cited, refused rightly, how fast, at which price."""

_RULES = {"system": "this run", "always_abstain": "always abstain", "best_single_score": "best single score"}


class Bounded(Protocol):
    """Whatever has a 95 % interval."""

    @property
    def low(self) -> float | None:
        """The lower bound; None where it is undefined."""

    @property
    def high(self) -> float | None:
        """The upper bound; None where it is undefined."""


def number(value: float | None, unit: str) -> str:
    """Return a value as text in its unit's precision; `–` for none."""
    if value is None:
        return "–"
    if unit in ("ms", "tokens", "chars"):
        return f"{value:,.0f}"
    return f"{value:.5f}" if unit == "usd" else f"{value:.3f}"


def interval(figure: Bounded, unit: str) -> str:
    """Return `[low, high]`, or `–` where the interval is undefined."""
    if figure.low is None:
        return "–"
    return f"[{number(figure.low, unit)}, {number(figure.high, unit)}]"


def label(name: str, metric: ScoredMetric, primary: str) -> str:
    """Return a metric's name with what a reader must know about it."""
    marks = ["primary"] * (name == primary) + ["self-reported"] * metric.self_reported
    marks += [calibration_label(metric.judge)] if metric.judge else []
    return f"{name} ({', '.join(marks)})" if marks else name


def calibration_label(judged: JudgedBy) -> str:
    """Return how far a judge's metric can be trusted, in a few words."""
    record = judged.calibration
    if record is None:
        return "uncalibrated"
    if record.fingerprint != judged.fingerprint:
        return "calibrated as another model or wording"
    kappa = record.agreement.kappa
    shown = "undefined" if kappa is None else f"{kappa.value:.2f}"
    return f"calibrated, kappa {shown}, n={record.agreement.n}"


def judge_lines(results: Results) -> Iterator[str]:
    """Yield a line for every judge with what it used, and one for every metric that its calibration corrects."""
    for name, judge in results.judges.items():
        cost = judge.cost
        tokens = f"{cost.input_tokens:,} tokens in, {cost.output_tokens:,} out"
        usd = "price unknown" if cost.usd is None else f"{cost.usd:.4f} USD"
        failed = "".join(f", {count} x {reason}" for reason, count in cost.failed.items())
        asked = f"{cost.calls} requests, {cost.replayed} replies at hand{failed}"
        yield f"Judge {name} ({judge.model}): {asked}; {tokens}, {usd}"
    for name, metric in results.metrics.items():
        corrected = metric.judge.corrected if metric.judge else None
        if corrected:
            shown = f"{number(corrected.value, metric.unit)} {interval(corrected, metric.unit)}"
            yield f"{name}, as people would have it: {shown} ({corrected.method})"


def measured(results: Results) -> Iterator[tuple[str, ScoredMetric]]:
    """Yield the metrics that apply to at least one case, by family."""
    for family in FAMILIES:
        for name, metric in results.metrics.items():
            if metric.family == family and metric.applicable:
                yield name, metric


def heading(results: Results) -> str:
    """Return one line that says what was measured."""
    chosen = results.set
    parts = [f"split {chosen.split or 'all'}", *(f"{key}={value}" for key, value in chosen.where.items())]
    return f"{chosen.name} ({', '.join(parts)}) on corpus {results.corpus}, {results.cases} cases"


def metric_table(results: Results) -> Table:
    """Return every measured metric by family: value, 95 % interval, n of applicable, coverage."""
    rows: dict[str, list[Row]] = {}
    for name, metric in measured(results):
        rows.setdefault(metric.family, []).append(_metric_row(name, metric, results.primary))
    columns = (
        Column("metric", right=False),
        Column("value"),
        Column("95 % interval"),
        Column("0 to 1", right=False, shown=("html",)),
        Column("n"),
        Column("coverage"),
        Column("missing as 0", shown=("html",)),
    )
    return Table(heading(results), columns, tuple(Group(family, tuple(group)) for family, group in rows.items()))


def abstention_table(results: Results) -> Table | None:
    """Return the run's refusals beside their baselines; None where nothing was asked for an answer."""
    if not results.abstention:
        return None
    columns = [Column("rule", right=False, wide=True)]
    columns += [Column(name) for name in ("precision", "recall", "false abstention", "F1")]
    rows = (_abstention_row(name, rule) for name, rule in results.abstention.items())
    return table("abstention beside its baselines", columns, rows)


def slice_tables(results: Results) -> dict[str, Table]:
    """Return, for every dimension that has slices, their metrics."""
    shown = (results.primary, "gold_citation_precision", "abstention_recall", "false_abstention")
    return {
        dimension: table(
            f"By {dimension}",
            [Column(dimension, right=False), *map(Column, ("cases", *shown))],
            (_slice_row(name, group, shown) for name, group in groups.items()),
        )
        for dimension, groups in results.slices.items()
        if groups
    }


def render_table(results: Results, width: int = 110, color: bool = False) -> str:
    """Return the results as a terminal table: value, 95 % interval, n of applicable, coverage."""
    tables = filter(None, (metric_table(results), abstention_table(results)))
    warnings = (f"Warning: {warning}." for warning in results.warnings)
    return terminal(tables, [*judge_lines(results), _closing(results), *warnings], width=width, color=color)


def render_markdown(results: Results) -> str:
    """Return `summary.md`: what a pull request needs, in GitHub's Markdown."""
    lines = [f"## Evaluation: {md(heading(results))}", "", md(_closing(results)), ""]
    lines += [*warning_lines(results.warnings), markdown(metric_table(results))]
    abstention = abstention_table(results)
    if abstention:
        lines += ["", "### Abstention beside its baselines", "", markdown(abstention)]
    if results.judges:
        lines += ["", "### Judges", "", *(f"- {md(line)}" for line in judge_lines(results))]
    for slices in slice_tables(results).values():
        lines += ["", f"### {slices.title}", "", markdown(slices)]
    lines += ["", "Intervals: Wilson for rates, percentile bootstrap for means. Coverage: measured / applicable cases."]
    return "\n".join(lines) + "\n"


def warning_lines(warnings: Iterable[str]) -> list[str]:
    """Return what must be read first, as quotes in Markdown."""
    return [line for warning in warnings for line in (f"> **Warning:** {md(warning)}.", "")]


def _metric_row(name: str, metric: ScoredMetric, primary: str) -> Row:
    lower = ", lower is better" if metric.better == "lower" else ""
    reasons = (f"{count} unmeasured: {reason}" for reason, count in metric.unmeasured.items())
    named = Cell(
        label(name, metric, primary),
        more=(f"{metric.meaning}{lower}", *reasons),
        hover=metric.method or "nothing was measured",
    )
    partly = metric.coverage is not None and metric.coverage < 1
    return (
        named,
        number(metric.value, metric.unit),
        interval(metric, metric.unit),
        Cell("", drawing=_drawn(metric)),
        f"{metric.n}/{metric.applicable}",
        Cell("–" if metric.coverage is None else f"{metric.coverage:.1%}", bad=partly),
        number(metric.missing_as_zero, metric.unit),
    )


def _drawn(metric: MetricResult) -> str:
    """Return the interval as a small drawing, for values between 0 and 1."""
    if metric.unit not in BOUNDED_UNITS or metric.value is None or metric.low is None or metric.high is None:
        return ""
    return sparkline(metric.value, metric.low, metric.high)


def _abstention_row(name: str, rule: Abstention) -> Row:
    note = f": {rule.rule}" if name == "best_single_score" else ""
    rates = (_rate(rate) for rate in (rule.precision, rule.recall, rule.false_abstention))
    return (_RULES.get(name, name) + note, *rates, number(rule.f1, "share"))


def _rate(rate: Estimate | None) -> str | Cell:
    return Cell(number(rate.value, "share"), f"{interval(rate, 'share')} n={rate.n}") if rate else "–"


def _slice_row(name: str, group: Slice, shown: Sequence[str]) -> Row:
    return (name, str(group.cases), *(_slice_cell(group, metric) for metric in shown))


def _slice_cell(group: Slice, name: str) -> str | Cell:
    metric = group.metrics.get(name)
    if metric is None or metric.value is None:
        return "–"
    return Cell(number(metric.value, metric.unit), f"{interval(metric, metric.unit)} n={metric.n}")


def _closing(results: Results) -> str:
    status = _counts(results.status)
    broken = _counts(results.failures) or "none"
    unmeasured = sum(1 for _, m in measured(results) if m.coverage is not None and m.coverage < 1)
    partly = f"; {unmeasured} metrics do not cover every applicable case" if unmeasured else ""
    digest = results.set.sha256[:12]
    origin = f"Generation {results.generation}, settings {results.settings}, set sha256 {digest}"
    scored = _verifier(results)
    return f"Rows: {status}. First broken stage: {broken}. {_anchors(results.anchors)}{origin}{scored}{partly}."


def _verifier(results: Results) -> str:
    """Say who scored the support of citations; runs of older versions do not know."""
    settings = results.effective_settings or {}
    name = settings.get("answer", {}).get("verifier")
    return f", support scored by the verifier {name}" if name else ""


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


def _anchors(counts: Anchors) -> str:
    if not counts.moved and not counts.lost:
        return ""
    return f"Gold passages: {counts.moved} found at other offsets than labelled, {counts.lost} gone (missed). "
