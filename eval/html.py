"""The report page: one file, no network, readable without scripts, in light and dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from eval.marks import mark_passage
from eval.render import FAMILIES, heading, interval, judge_lines, label, measured, number, slice_columns

Json = Mapping[str, Any]

_SHOWN_HITS = 10


def render_html(results: Json, rows: Sequence[Json]) -> str:
    """Return the whole page; every text of the run is escaped."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(interval=interval, number=number)
    template = environment.from_string(files("eval").joinpath("templates/report.html.j2").read_text(encoding="utf-8"))
    return template.render(
        results=results,
        title=heading(results),
        families=_families(results),
        judge_lines=list(judge_lines(results)),
        slice_columns=slice_columns(results["primary"]),
        stages=_stages(results),
        cases=[_case(i, row, results["primary"]) for i, row in enumerate(rows, start=1)],
    )


def _families(results: Json) -> list[tuple[str, list[dict[str, Any]]]]:
    groups: dict[str, list[dict[str, Any]]] = {family: [] for family in FAMILIES}
    for name, metric in measured(results):
        groups[metric["family"]].append({"label": label(name, metric, results["primary"]), **metric})
    return [(family, metrics) for family, metrics in groups.items() if metrics]


def _stages(results: Json) -> list[dict[str, Any]]:
    """Return the stages with p50 and p95 and their widths in percent of the slowest p95."""
    stages = results["latency_ms"]
    slowest = max((stage["p95"]["value"] for stage in stages.values()), default=0.0) or 1.0
    ordered = sorted(stages.items(), key=lambda item: (item[0] == "wall", item[0]))
    return [
        {
            "stage": name,
            "p50": stage["p50"],
            "p95": stage["p95"],
            "width50": 100 * stage["p50"]["value"] / slowest,
            "width95": 100 * stage["p95"]["value"] / slowest,
        }
        for name, stage in ordered
    ]


def _case(position: int, row: Json, primary: str) -> dict[str, Any]:
    citations = [citation for sentence in row["sentences"] for citation in sentence["citations"]]
    passages = row["context"]["passages"] if row["context"] else []
    return {
        **row,
        "number": position,
        "score": row["metrics"].get(primary),
        "sentences": [_sentence(row, i) for i in range(len(row["sentences"]))],
        "passages": [_passage(passage, citations, row["gold"]["spans"]) for passage in passages],
        "hits": [{**hit, "gold": _is_gold(hit, row["gold"])} for hit in row["hits"][:_SHOWN_HITS]],
        "more_hits": max(0, len(row["hits"]) - _SHOWN_HITS),
        "shown_metrics": {name: value for name, value in row["metrics"].items() if value is not None},
    }


def _sentence(row: Json, i: int) -> dict[str, Any]:
    """Return a sentence with the blank space before it, as the answer has it."""
    sentence = row["sentences"][i]
    before = row["sentences"][i - 1]["end"] if i else 0
    return {**sentence, "gap": row["answer"][before : sentence["start"]]}


def _passage(passage: dict[str, Any], citations: Sequence[Json], gold: Sequence[Json]) -> dict[str, Any]:
    cited = [(item["start"], item["end"]) for item in citations if item["doc_id"] == passage["doc_id"]]
    wanted = [(item["start"], item["end"]) for item in gold if item["doc_id"] == passage["doc_id"]]
    return {**passage, "pieces": mark_passage(passage, cited, wanted)}


def _is_gold(hit: Json, gold: Json) -> bool:
    if not gold["spans"]:
        return hit["doc_id"] in gold["documents"]
    return any(
        hit["doc_id"] == span["doc_id"] and hit["start"] < span["end"] and span["start"] < hit["end"]
        for span in gold["spans"]
    )
