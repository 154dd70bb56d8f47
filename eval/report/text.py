"""Results as people read them: a terminal table and a Markdown summary. No figure is shown without its n."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]

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


def number(value: float | None, unit: str) -> str:
    """Return a value as text in its unit's precision; `–` for none."""
    if value is None:
        return "–"
    if unit in ("ms", "tokens", "chars"):
        return f"{value:,.0f}"
    return f"{value:.5f}" if unit == "usd" else f"{value:.3f}"


def interval(figure: Json, unit: str) -> str:
    """Return `[low, high]`, or `–` where the interval is undefined."""
    if figure["low"] is None:
        return "–"
    return f"[{number(figure['low'], unit)}, {number(figure['high'], unit)}]"


def label(name: str, metric: Json, primary: str) -> str:
    """Return a metric's name with what a reader must know about it."""
    marks = ["primary"] * (name == primary) + ["self-reported"] * bool(metric["self_reported"])
    marks += [calibration_label(metric["judge"])] if metric["judge"] else []
    return f"{name} ({', '.join(marks)})" if marks else name


def calibration_label(judged: Json) -> str:
    """Return how far a judge's metric can be trusted, in a few words."""
    record = judged["calibration"]
    if record is None:
        return "uncalibrated"
    if record["fingerprint"] != judged["fingerprint"]:
        return "calibrated as another model or wording"
    kappa = "undefined" if record["kappa"] is None else f"{record['kappa']['value']:.2f}"
    return f"calibrated, kappa {kappa}, n={record['n']}"


def judge_lines(results: Json) -> Iterator[str]:
    """Yield a line for every judge with what it used, and one for every metric that its calibration corrects."""
    for name, judge in results["judges"].items():
        cost = judge["cost"]
        tokens = f"{cost['input_tokens']:,} tokens in, {cost['output_tokens']:,} out"
        usd = "price unknown" if cost["usd"] is None else f"{cost['usd']:.4f} USD"
        failed = "".join(f", {count} x {reason}" for reason, count in cost["failed"].items())
        asked = f"{cost['calls']} requests, {cost['replayed']} replies at hand{failed}"
        yield f"Judge {name} ({judge['model']}): {asked}; {tokens}, {usd}"
    for name, metric in results["metrics"].items():
        corrected = metric["judge"] and metric["judge"]["corrected"]
        if corrected:
            shown = f"{number(corrected['value'], metric['unit'])} {interval(corrected, metric['unit'])}"
            yield f"{name}, as people would have it: {shown} ({corrected['method']})"


def measured(results: Json) -> Iterator[tuple[str, Json]]:
    """Yield the metrics that apply to at least one case, by family."""
    for family in FAMILIES:
        for name, metric in results["metrics"].items():
            if metric["family"] == family and metric["applicable"]:
                yield name, metric


def heading(results: Json) -> str:
    """Return one line that says what was measured."""
    chosen = results["set"]
    parts = [f"split {chosen['split'] or 'all'}", *(f"{key}={value}" for key, value in chosen["where"].items())]
    return f"{chosen['name']} ({', '.join(parts)}) on corpus {results['corpus']}, {results['cases']} cases"


def render_table(results: Json, width: int = 110, color: bool = False) -> str:
    """Return the results as a terminal table: value, 95 % interval, n of applicable, coverage."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=heading(results), box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("metric")
    for column in ("value", "95 % interval", "n", "coverage"):
        table.add_column(column, justify="right")
    family = ""
    for name, metric in measured(results):
        if family and metric["family"] != family:
            table.add_section()
        family = metric["family"]
        table.add_row(label(name, metric, results["primary"]), *_cells(metric))
    page = io.StringIO()
    console = Console(file=page, width=width, force_terminal=color, no_color=not color, legacy_windows=False)
    console.print(table)
    if results["abstention"]:
        console.print(_abstention_table(results))
    for line in judge_lines(results):
        console.print(line, highlight=False, markup=False)
    console.print(_closing(results), highlight=False, markup=False)
    for warning in results["warnings"]:
        console.print(f"Warning: {warning}.", highlight=False, markup=False)
    return page.getvalue()


def render_markdown(results: Json) -> str:
    """Return `summary.md`: what a pull request needs, in GitHub's Markdown."""
    lines = [f"## Evaluation: {md(heading(results))}", "", md(_closing(results)), ""]
    lines += warning_lines(results["warnings"])
    lines += ["| metric | value | 95 % interval | n | coverage |", "|---|---:|---:|---:|---:|"]
    for name, metric in measured(results):
        cells = [md(label(name, metric, results["primary"])), *_cells(metric)]
        lines.append(f"| {' | '.join(cells)} |")
    if results["abstention"]:
        lines += ["", "### Abstention beside its baselines", ""]
        lines += ["| rule | precision | recall | false abstention | F1 |", "|---|---:|---:|---:|---:|"]
        lines += [f"| {' | '.join(map(md, cells))} |" for cells in _abstention_cells(results)]
    if results["judges"]:
        lines += ["", "### Judges", "", *(f"- {md(line)}" for line in judge_lines(results))]
    for dimension, groups in results["slices"].items():
        lines += _slice_lines(dimension, groups, results["primary"])
    lines += ["", "Intervals: Wilson for rates, percentile bootstrap for means. Coverage: measured / applicable cases."]
    return "\n".join(lines) + "\n"


def warning_lines(warnings: Iterable[str]) -> list[str]:
    """Return what must be read first, as quotes in Markdown."""
    return [line for warning in warnings for line in (f"> **Warning:** {md(warning)}.", "")]


def slice_columns(primary: str) -> list[str]:
    """Return the metrics that a table of slices shows."""
    return [primary, "gold_citation_precision", "abstention_recall", "false_abstention"]


def _cells(metric: Json) -> list[str]:
    coverage = "–" if metric["coverage"] is None else f"{metric['coverage']:.1%}"
    return [
        number(metric["value"], metric["unit"]),
        interval(metric, metric["unit"]),
        f"{metric['n']}/{metric['applicable']}",
        coverage,
    ]


def _abstention_cells(results: Json) -> Iterator[list[str]]:
    for name, rule in results["abstention"].items():
        rates = [rule[rate] for rate in ("precision", "recall", "false_abstention")]
        shown = [f"{number(r['value'], 'share')} {interval(r, 'share')} n={r['n']}" if r else "–" for r in rates]
        note = f": {rule['rule']}" if name == "best_single_score" else ""
        yield [_RULES.get(name, name) + note, *shown, number(rule["f1"], "share")]


def _abstention_table(results: Json) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(title="abstention beside its baselines", box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("rule", ratio=2)
    for column in ("precision", "recall", "false abstention", "F1"):
        table.add_column(column, justify="right")
    for cells in _abstention_cells(results):
        table.add_row(*cells)
    return table


def _closing(results: Json) -> str:
    status = ", ".join(f"{count} {name}" for name, count in sorted(results["status"].items()))
    broken = ", ".join(f"{count} {name}" for name, count in sorted(results["failures"].items())) or "none"
    unmeasured = sum(1 for _, m in measured(results) if m["coverage"] is not None and m["coverage"] < 1)
    partly = f"; {unmeasured} metrics do not cover every applicable case" if unmeasured else ""
    digest = results["set"]["sha256"][:12]
    origin = f"Generation {results['generation']}, settings {results['settings']}, set sha256 {digest}"
    scored = _verifier(results)
    return f"Rows: {status}. First broken stage: {broken}. {_anchors(results['anchors'])}{origin}{scored}{partly}."


def _verifier(results: Json) -> str:
    """Say who scored the support of citations; runs of older versions do not know."""
    settings = results.get("effective_settings") or {}
    name = settings.get("answer", {}).get("verifier")
    return f", support scored by the verifier {name}" if name else ""


def _anchors(counts: Json) -> str:
    if not counts["moved"] and not counts["lost"]:
        return ""
    return f"Gold passages: {counts['moved']} found at other offsets than labelled, {counts['lost']} gone (missed). "


def _slice_lines(dimension: str, groups: Json, primary: str) -> Iterator[str]:
    if not groups:
        return
    columns = slice_columns(primary)
    yield from ("", f"### By {dimension}", "", f"| {dimension} | cases | {' | '.join(columns)} |")
    yield "|---|---:|" + "---:|" * len(columns)
    for name, group in groups.items():
        cells = [_slice_cell(group["metrics"].get(column)) for column in columns]
        yield f"| {md(name)} | {group['cases']} | {' | '.join(cells)} |"


def _slice_cell(metric: Json | None) -> str:
    if metric is None or metric["value"] is None:
        return "–"
    return f"{number(metric['value'], metric['unit'])} {interval(metric, metric['unit'])} n={metric['n']}"


def md(text: str) -> str:
    """Return text on one line that Markdown shows as it stands, also inside a table."""
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())
