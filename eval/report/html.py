"""The report page: one file, no network, readable without scripts, in light and dark, on screen and paper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup, escape

from eval.metrics.baselines import Abstention
from eval.report.highlights import Piece
from eval.report.html_cases import case_view
from eval.report.page_tables import WHOLE, calibrated_table, latency_table, ordered, reliability_table
from eval.report.plots import Bar, Interval, Point, bars, curve, forest, reliability
from eval.report.survival import failure_clusters, gold_survival, hit_survival
from eval.report.table import Table, html
from eval.report.text import abstention_table, heading, interval, judge_lines, metric_table, number, slice_tables
from eval.results import GoldStep, Latency, Reliability, Results
from eval.stats import Estimate, wilson
from rag.shapes.rows import RowJson


def render_html(results: Results, rows: Sequence[RowJson]) -> str:
    """Return the whole page; every text of the run is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("eval.report", "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(interval=interval, number=number, percent=_percent, chips=_chips, marked=_marked)
    return environment.get_template("report.html.j2").render(
        results=results,
        title=heading(results),
        unbroken=_unbroken(rows),
        judge_lines=list(judge_lines(results)),
        tables={name: Markup(html(value)) for name, value in _tables(results).items()},
        slices={dimension: Markup(html(value)) for dimension, value in slice_tables(results).items()},
        clusters=failure_clusters(rows),
        survival=gold_survival(rows),
        plots={name: Markup(plot) for name, plot in _plots(results, rows).items()},
        kinds=sorted({name for row in rows for name in (row.kind, row.expect, *row.tags)}),
        cases=[case_view(i, row, results.primary) for i, row in enumerate(rows, start=1)],
    )


def _percent(share: float) -> str:
    return f"{share:.1%}".replace("%", " %")


def _chips(values: Mapping[str, float], form: str) -> Markup:
    """Return name and value of each as a label; in one go, since a page of a thousand cases has sixty thousand."""
    return Markup(" ".join(f'<span class="tag">{escape(name)} {form % value}</span>' for name, value in values.items()))


def _marked(pieces: Iterable[Piece]) -> Markup:
    """Return a text whose marked pieces stand out; in one go, since a page of many cases has thousands."""
    return Markup("".join(_piece(piece) for piece in pieces))


def _piece(piece: Piece) -> str:
    text = str(escape(piece.text))
    return f'<mark class="{piece.kinds}">{text}</mark>' if piece.kinds else text


def _unbroken(rows: Sequence[RowJson]) -> Estimate:
    return wilson(sum(not row.broken for row in rows), len(rows))


def _tables(results: Results) -> dict[str, Table]:
    """Return the page's tables by name; one that has nothing to show is left out."""
    found = {
        "metrics": metric_table(results),
        "calibrated": calibrated_table(results),
        "abstention": abstention_table(results),
        "reliability": reliability_table(results),
        "latency": latency_table(results),
    }
    return {name: value for name, value in found.items() if value is not None}


def _plots(results: Results, rows: Sequence[RowJson]) -> dict[str, str]:
    """Return the page's plots by name; one that has nothing to show is left out."""
    plots = {}
    if results.latency_ms:
        plots["time"] = bars("time", "Time per stage: p50, and lighter up to p95", _time_bars(results.latency_ms))
    survival = gold_survival(rows)
    if survival:
        plots["survival"] = bars("survival", "Cases whose gold survives each step", _survival_bars(survival))
    hits = hit_survival(rows)
    if hits:
        kept = [Bar(h.stage, 0, h.mean, h.mean, f"{h.mean:.1f} a case, n {h.n}") for h in hits]
        plots["hits"] = bars("hits", "Hits that survive each stage, mean per case", kept)
    return plots | _slice_plots(results) | _calibration_plots(results)


def _time_bars(stages: Mapping[str, Latency]) -> list[Bar]:
    found, start = [], 0.0
    for name, stage in ordered(stages):
        p50, p95 = stage.p50.value, stage.p95.value
        begin = 0.0 if name in WHOLE else start
        note = f"{p50:,.1f} / {p95:,.1f} ms, n {stage.p50.n}"
        found.append(Bar(name, begin, begin + p50, begin + max(p50, p95), note))
        start = begin + p50
    return found


def _survival_bars(survival: Sequence[GoldStep]) -> list[Bar]:
    total = survival[0].left
    found, before = [], total
    for step in survival:
        lost = before - step.left
        note = f"{step.left} of {total} ({_percent(step.share.value)})" + (f", {lost} lost here" if lost else "")
        found.append(Bar(step.step, 0, step.left, before, note))
        before = step.left
    return found


def _slice_plots(results: Results) -> dict[str, str]:
    primary, plots = results.primary, {}
    for dimension, groups in results.slices.items():
        found = [(name, group.metrics.get(primary)) for name, group in groups.items()]
        rows = [
            Interval(name, m.value, m.low, m.high, f"{m.value:.3f} {interval(m, m.unit)} n {m.n}")
            for name, m in found
            if m is not None and m.value is not None
        ]
        if len(rows) > 1:
            overall = results.metrics[primary].value
            title = f"{primary} by {dimension}, 95 % intervals; dashed: the whole set"
            plots[f"slice-{dimension}"] = forest(f"slice-{dimension}", title, rows, overall)
    return plots


def _calibration_plots(results: Results) -> dict[str, str]:
    found = results.calibration
    titles = {
        "answerability": "Answerability: estimated probability against the share of answerable questions",
        "support": "Citations: support score against the share that overlaps gold",
    }
    plots = {name: _reliability_plot(name, titles[name], found[name]) for name in titles if name in found}
    if "answerability" in found:
        line = [
            (step.false_abstention, step.abstention_recall)
            for step in found["answerability"].curve or ()
            if step.false_abstention is not None and step.abstention_recall is not None
        ]
        if line:
            title = "Refusing below a threshold of the answerability: what is gained, what it costs"
            axes = ("answerable questions refused", "unanswerable questions refused")
            plots["refusal"] = curve("refusal", title, line, _operating_points(results.abstention), *axes)
    return plots


def _reliability_plot(name: str, title: str, found: Reliability) -> str:
    rows = [
        Interval(
            f"{b.from_:.1f} to {b.to:.1f}",
            b.observed,
            b.low,
            b.high,
            f"predicted {b.predicted:.2f}, observed {b.observed:.2f} {interval(b, 'share')}, n {b.n}",
        )
        for b in found.bins
    ]
    at, counts = [b.predicted for b in found.bins], [b.n for b in found.bins]
    return reliability(name, title, rows, at, counts)


def _operating_points(abstention: Mapping[str, Abstention]) -> list[Point]:
    labels = {"system": "this run", "best_single_score": "best single score"}
    return [
        Point(labels[name], rule.false_abstention.value, rule.recall.value)
        for name, rule in abstention.items()
        if name in labels and rule.false_abstention and rule.recall
    ]
