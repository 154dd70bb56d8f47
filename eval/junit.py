"""JUnit XML of a run, so that any CI shows its cases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

_WHY = {
    "answered_unanswerable": "answered a question that the corpus cannot answer",
    "not_ingested": "the corpus holds nothing of the gold",
    "not_retrieved": "no hit touches the gold",
    "reranked_away": "reranking put the gold behind the hits that the context is made of",
    "ranked_too_low": "gold was found, but below the hits that the context is made of",
    "dropped_as_duplicate": "the hit with the gold was taken for a copy of another and left out of the context",
    "compressed_away": "compression left the gold out of the context",
    "over_budget": "the context's size left no room for the gold",
    "not_in_context": "gold was retrieved but is not in the context",
    "wrongly_abstained": "gold was in the context but the answer was refused",
    "not_cited": "the answer cites nothing of the gold",
    "unsupported": "a sentence of the answer says what its citations do not",
}
_NOT_XML = {i: "\ufffd" for i in (*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF, *range(0xD800, 0xE000))}


def junit_xml(name: str, rows: Sequence[dict[str, Any]]) -> bytes:
    """Return one test case per row: an error where it failed, a failure where a stage broke, else a pass or a skip."""
    suite = ElementTree.Element("testsuite", name=_clean(name), tests=str(len(rows)))
    counts = {"errors": 0, "failures": 0, "skipped": 0}
    for row in rows:
        seconds = row["timings_ms"].get("wall", 0.0) / 1000
        classname = _clean(f"{name}.{row['kind']}")
        case = ElementTree.SubElement(suite, "testcase", name=_clean(row["id"]), classname=classname)
        case.set("time", f"{seconds:.3f}")
        if row["status"] == "error":
            counts["errors"] += 1
            ElementTree.SubElement(case, "error", message=_clean(row["error"]))
        elif row["broken"]:
            counts["failures"] += 1
            failure = ElementTree.SubElement(case, "failure", type=row["broken"], message=_WHY[row["broken"]])
            failure.text = _clean(f"{row['question']}\n\n{row['answer'] or row['reason'] or ''}")
        elif row["status"] == "not_applicable":
            counts["skipped"] += 1
            ElementTree.SubElement(case, "skipped")
    for kind, count in counts.items():
        suite.set(kind, str(count))
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suite, encoding="unicode").encode()


def _clean(text: str) -> str:
    return text.translate(_NOT_XML)
