"""The report page over rows made by hand: self-contained, accessible, safe, and it shows what decides."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest

from eval.report.html import render_html
from eval.results import read_results
from tests.eval.lines import CITED, line

BROKEN = {1: "not_cited", 2: "error", 3: "answered_unanswerable"}
FIGURE = {"value": 0.5, "n": 4, "low": 0.2, "high": 0.8, "method": "Wilson"}
METRIC = FIGURE | {
    "mean": 0.5, "applicable": 5, "coverage": 0.8, "missing_as_zero": 0.4, "unmeasured": {"the case failed": 1},
    "unit": "share", "better": "higher", "family": "spans", "meaning": "share of gold", "self_reported": False,
    "judge": None,
}  # fmt: skip


def row(i: int) -> dict[str, Any]:
    text = f"Before <b>{i}</b>. The gold is here. After."
    cited = CITED | {"doc_id": "d<1>", "start": 18, "end": 34, "quote": "q"}
    return {
        "id": f"id-{i}", "status": "error" if i == 2 else "ok", "error": "boom <x>" if i == 2 else None,
        "question": f"Where is <script>alert({i})</script>?", "kind": "edge" if i % 2 else "golden", "expect": "answer",
        "answerable": i != 3, "cluster": str(i), "tags": ["t"], "split": "dev", "broken": BROKEN.get(i),
        "hits": [{"doc_id": "d<1>", "start": 0, "end": 40, "score": 1.0},
                 {"doc_id": "e", "start": 0, "end": 9, "score": 0.5}],
        "hits_used": 2, "answer": "It is. [1]", "abstained": False, "reason": None, "answerability": i / 10,
        "context": {
            "passages": [{"tag": 1, "doc_id": "d<1>", "title": "", "start": 0, "end": len(text),
                          "spans": [[0, len(text)]], "text": text, "tokens": 9}],
            "tokens": 9, "dropped": [{"doc_id": "e", "start": 0, "end": 9, "reason": "near_duplicate"}],
        },
        "sentences": [{"text": "It is. [1]", "start": 0, "end": 10, "citations": [cited]}],
        "gold": {"answers": ["Here."], "documents": ["d<1>"],
                 "spans": [{"doc_id": "d<1>", "start": 20, "end": 30, "text": "x"}]},
        "sources": [{"doc_id": "d<1>", "start": 0, "text": text}],
        "metrics": {"recall@4000ch": i / 10}, "timings_ms": {"retrieve": 2.0, "wall": 9.0},
    }  # fmt: skip


def results(rows: int) -> dict[str, Any]:
    bin_ = {"from": 0.1, "to": 0.2, "n": 4, "predicted": 0.15, "observed": 0.5, "low": 0.1, "high": 0.9}
    calibrated = {"n": 4, "base_rate": 0.5, "brier": 0.3, "brier_constant": 0.25, "ece": 0.2, "bins": [bin_]}
    step = {"threshold": 0.5, "abstention_recall": 0.4, "false_abstention": 0.1}
    rule = {"rule": "the system", "precision": FIGURE, "recall": FIGURE, "false_abstention": FIGURE, "f1": 0.5}
    group = {"cases": 2, "metrics": {"recall@4000ch": METRIC}}
    return {
        "set": {"name": "shop <s>", "sha256": "f" * 64, "split": "dev", "where": {}}, "corpus": "c", "cases": rows,
        "generations": [1], "settings": "abc", "provenance": {"prompts": ["p@1"], "models": ["m"], "releases": []},
        "started_at": "2026-11-22T10:00:00", "ended_at": "2026-11-22T10:01:00", "options": {"concurrency": 2},
        "primary": "recall@4000ch", "judges": {}, "warnings": ["synthetic <w>"],
        "status": {"ok": 4, "error": 1}, "anchors": {"kept": 5, "moved": 0, "lost": 0},
        "failures": {}, "metrics": {"recall@4000ch": METRIC}, "abstention": {"system": rule},
        "latency_ms": {"retrieve": {"p50": FIGURE, "p95": FIGURE}, "wall": {"p50": FIGURE, "p95": FIGURE}},
        "slices": {"kind": {"edge": group, "golden": group}, "expect": {}, "tag": {}},
        "calibration": {"answerability": calibrated | {"curve": [step]}, "support": calibrated},
    }  # fmt: skip


class Reader(HTMLParser):
    """Collects elements, their attributes and what is left open."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "input"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, (tag, self.open[-3:])
        self.open.pop()

    def all(self, tag: str, keep: Callable[[dict[str, Any]], bool] = lambda _: True) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag and keep(attributes)]


@pytest.fixture(scope="module")
def page() -> str:
    return render_html(read_results(results(5)), [line(row(i)) for i in range(5)])


def test_the_page_is_whole_and_needs_nothing_else(page: str) -> None:
    read = Reader(page)
    assert read.open == []
    assert not re.search(r"https?://|url\(|@import", page)
    assert not [a for _, a in read.elements if {"src", "onclick", "srcset"} & set(a)]
    assert len(read.all("script")) == 1 and "<script>alert" not in page.replace("&lt;", "")[: page.index("<script>")]
    ids = [a["id"] for _, a in read.elements if a.get("id")]
    assert len(ids) == len(set(ids))
    targets = [str(a["href"]) for a in read.all("a")]
    assert all(target.startswith("#") and target[1:] in ids for target in targets)


def test_every_part_is_there_with_its_plot(page: str) -> None:
    headings = re.findall(r"<h2[^>]*>([^<]+)", page)
    assert headings == ["Where cases break", "Metrics", "Abstention and calibration", "Slices", "Stages", "Cases"]
    titles = re.findall(r'<title id="([\w-]+)-title"', page)
    assert sorted(titles) == ["answerability", "hits", "refusal", "slice-kind", "support", "survival", "time"]


def test_plots_and_controls_can_be_read_without_eyes(page: str) -> None:
    read = Reader(page)
    for svg in read.all("svg"):
        assert svg.get("aria-hidden") == "true" or (svg["role"], bool(svg["aria-labelledby"])) == ("img", True)
    assert page.count("<label>") == len(read.all("input")) + len(read.all("select")) == 4
    assert all(th.get("scope") == "col" for th in read.all("th"))


def test_complete_cases_stand_beside_missing_as_zero(page: str) -> None:
    assert "0.400 with missing as 0" in page and "1 unmeasured: the case failed" in page
    assert re.search(r'class="n bad">80\.0%', page)


def test_a_case_shows_gold_and_citations_in_its_source(page: str) -> None:
    shown = re.search(r"<h3>In the source</h3>(.*?)</blockquote>", page, re.DOTALL)
    assert shown
    marked = re.findall(r'<mark class="([\w ]+)">([^<]*)</mark>', shown[1])
    assert [kinds for kinds, _ in marked] == [
        "retrieved",
        "cited retrieved",
        "cited gold retrieved",
        "cited retrieved",
        "retrieved",
    ]
    assert "".join(text for _, text in marked).startswith("Before &lt;b&gt;0")
    assert "in the context [1]" in page and "dropped as a duplicate" in page


def test_a_cluster_leads_to_its_cases(page: str) -> None:
    (link,) = Reader(page).all("a", lambda a: a.get("data-stage") == "not_cited")
    assert link["href"] == "#cases" and '<a href="#case-2">' in page
    assert 'data-status="error broken error"' in page and 'data-status="ok well"' in page


def test_a_judge_stands_beside_people_and_beside_a_constant() -> None:
    who = {"judge": "main", "model": "m<1>", "metric": "faithfulness", "fingerprint": "f"}
    unknown = ("alpha", "human_alpha", "sensitivity", "specificity", "position_bias", "position_flips", "length_bias")
    record = who | dict.fromkeys(unknown) | {
        "at": "2026-11-20T10:00:00", "labels": {"name": "l", "sha256": "0"}, "items": 40, "n": 40, "unmeasured": {},
        "threshold": 0.5, "annotators": 1, "kappa": FIGURE | {"value": 0.31}, "accuracy": FIGURE,
        "constant_accuracy": 0.7, "base_rate": FIGURE, "judge_rate": FIGURE,
        "moments": {"n": 40, "human": 0, "judge": 0, "human_variance": 1, "judge_variance": 1, "covariance": 0},
        "confusion": {"true": 20, "called_true": 9, "false": 20, "called_false": 11},
    }  # fmt: skip
    judged = who | {"calibration": record, "corrected": None}
    metric = METRIC | {"family": "judges", "judge": judged}
    cost = {"input_tokens": 9, "output_tokens": 1, "usd": None, "calls": 2, "replayed": 0, "failed": {}}
    found = results(1) | {"judges": {"main": {"model": "m<1>", "cost": cost}}}
    metrics = {**found["metrics"], "judge.faithfulness": metric}
    page = render_html(read_results(found | {"metrics": metrics}), [line(row(0))])
    assert Reader(page).open == [] and "calibrated, kappa 0.31, n=40" in page
    assert '<td class="n bad">0.700</td>' in page  # saying what is more frequent is right more often


def test_a_run_that_only_searched_has_a_page_too() -> None:
    searched = {
        "abstained": None,
        "context": None,
        "hits_used": None,
        "sentences": [],
        "sources": [],
        "answerability": None,
    }
    found = results(2) | {"abstention": {}, "calibration": {}, "slices": {"kind": {}}}
    page = render_html(read_results(found), [line(row(i) | searched) for i in range(2)])
    assert Reader(page).open == [] and "Abstention" not in page and "<h3>Gold</h3>" in page
