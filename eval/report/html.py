"""The report page: one file, no network, readable without scripts, in light and dark, on screen and paper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from eval.report.highlights import Piece
from eval.report.html_cases import case_view
from eval.report.plots import Bar, Interval, Point, bars, curve, forest, reliability, sparkline
from eval.report.survival import failure_clusters, gold_survival, hit_survival
from eval.report.text import FAMILIES, heading, interval, judge_lines, label, measured, number, slice_columns
from eval.stats import wilson
from rag.shapes.rows import RowJson

Json = Mapping[str, Any]

_WHOLE = ("total", "wall")
"""Times of the whole flow, which stand below the stages they are made of."""


def render_html(results: Json, rows: Sequence[RowJson]) -> str:
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
        families=_families(results),
        judge_lines=list(judge_lines(results)),
        calibrated=_calibrated(results),
        slice_columns=slice_columns(results["primary"]),
        clusters=failure_clusters(rows),
        survival=gold_survival(rows),
        plots={name: Markup(plot) for name, plot in _plots(results, rows).items()},
        sparkline=lambda metric: Markup(sparkline(metric["value"], metric["low"], metric["high"])),
        stages=_ordered(results["latency_ms"]),
        kinds=sorted({name for row in rows for name in (row.kind, row.expect, *row.tags)}),
        cases=[case_view(i, row, results["primary"]) for i, row in enumerate(rows, start=1)],
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


def _unbroken(rows: Sequence[RowJson]) -> Json:
    found = wilson(sum(not row.broken for row in rows), len(rows))
    return {"value": found.value, "n": found.n, "low": found.low, "high": found.high}


def _families(results: Json) -> list[tuple[str, list[dict[str, Any]]]]:
    groups: dict[str, list[dict[str, Any]]] = {family: [] for family in FAMILIES}
    for name, metric in measured(results):
        groups[metric["family"]].append({"label": label(name, metric, results["primary"]), **metric})
    return [(family, metrics) for family, metrics in groups.items() if metrics]


def _calibrated(results: Json) -> list[tuple[str, Json]]:
    """Return the metrics of judges that were calibrated, with the record."""
    judged = [(name, metric["judge"]["calibration"]) for name, metric in measured(results) if metric["judge"]]
    return [(name, record) for name, record in judged if record is not None]


def _ordered(stages: Mapping[str, Json]) -> list[tuple[str, Json]]:
    """Return the stages in the order of the flow, and the whole after its parts."""
    return sorted(stages.items(), key=lambda item: (item[0] in _WHOLE, item[0] == "wall"))


def _plots(results: Json, rows: Sequence[RowJson]) -> dict[str, str]:
    """Return the page's plots by name; one that has nothing to show is left out."""
    plots = {}
    if results["latency_ms"]:
        plots["time"] = bars("time", "Time per stage: p50, and lighter up to p95", _time_bars(results["latency_ms"]))
    survival = gold_survival(rows)
    if survival:
        plots["survival"] = bars("survival", "Cases whose gold survives each step", _survival_bars(survival))
    hits = hit_survival(rows)
    if hits:
        kept = [Bar(h["stage"], 0, h["mean"], h["mean"], f"{h['mean']:.1f} a case, n {h['n']}") for h in hits]
        plots["hits"] = bars("hits", "Hits that survive each stage, mean per case", kept)
    return plots | _slice_plots(results) | _calibration_plots(results)


def _time_bars(stages: Mapping[str, Json]) -> list[Bar]:
    found, start = [], 0.0
    for name, stage in _ordered(stages):
        p50, p95 = stage["p50"]["value"], stage["p95"]["value"]
        begin = 0.0 if name in _WHOLE else start
        note = f"{p50:,.1f} / {p95:,.1f} ms, n {stage['p50']['n']}"
        found.append(Bar(name, begin, begin + p50, begin + max(p50, p95), note))
        start = begin + p50
    return found


def _survival_bars(survival: Sequence[Json]) -> list[Bar]:
    total = survival[0]["left"]
    found, before = [], total
    for step in survival:
        lost = before - step["left"]
        note = f"{step['left']} of {total} ({_percent(step['share']['value'])})" + (
            f", {lost} lost here" if lost else ""
        )
        found.append(Bar(step["step"], 0, step["left"], before, note))
        before = step["left"]
    return found


def _slice_plots(results: Json) -> dict[str, str]:
    primary, plots = results["primary"], {}
    for dimension, groups in results["slices"].items():
        found = [(name, group["metrics"].get(primary)) for name, group in groups.items()]
        shown = [(name, metric) for name, metric in found if metric and metric["n"]]
        if len(shown) > 1:
            rows = [
                Interval(name, m["value"], m["low"], m["high"], f"{m['value']:.3f} {interval(m, m['unit'])} n {m['n']}")
                for name, m in shown
            ]
            overall = results["metrics"][primary]["value"]
            title = f"{primary} by {dimension}, 95 % intervals; dashed: the whole set"
            plots[f"slice-{dimension}"] = forest(f"slice-{dimension}", title, rows, overall)
    return plots


def _calibration_plots(results: Json) -> dict[str, str]:
    found = results.get("calibration", {})
    titles = {
        "answerability": "Answerability: estimated probability against the share of answerable questions",
        "support": "Citations: support score against the share that overlaps gold",
    }
    plots = {name: _reliability_plot(name, titles[name], found[name]) for name in titles if name in found}
    if "answerability" in found:
        line = [
            (step["false_abstention"], step["abstention_recall"])
            for step in found["answerability"]["curve"]
            if None not in (step["false_abstention"], step["abstention_recall"])
        ]
        if line:
            title = "Refusing below a threshold of the answerability: what is gained, what it costs"
            axes = ("answerable questions refused", "unanswerable questions refused")
            plots["refusal"] = curve("refusal", title, line, _operating_points(results["abstention"]), *axes)
    return plots


def _reliability_plot(name: str, title: str, found: Json) -> str:
    rows = [
        Interval(
            f"{b['from']:.1f} to {b['to']:.1f}",
            b["observed"],
            b["low"],
            b["high"],
            f"predicted {b['predicted']:.2f}, observed {b['observed']:.2f} {interval(b, 'share')}, n {b['n']}",
        )
        for b in found["bins"]
    ]
    at, counts = [b["predicted"] for b in found["bins"]], [b["n"] for b in found["bins"]]
    return reliability(name, title, rows, at, counts)


def _operating_points(abstention: Mapping[str, Json]) -> list[Point]:
    labels = {"system": "this run", "best_single_score": "best single score"}
    return [
        Point(labels[name], rule["false_abstention"]["value"], rule["recall"]["value"])
        for name, rule in abstention.items()
        if name in labels and rule["false_abstention"] and rule["recall"]
    ]
