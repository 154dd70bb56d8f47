"""JUnit XML of a run and of a gate, so that any CI shows their cases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree

from eval.results.compared import Decision
from eval.stats import Verdict
from rag.shapes.rows import RowJson
from rag.types.loss import meaning

_NOT_XML = {i: "\ufffd" for i in (*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF, *range(0xD800, 0xE000))}


def junit_xml(name: str, rows: Sequence[RowJson]) -> bytes:
    """Return one test case per row: an error where it failed, a failure where a stage broke, else a pass or a skip."""
    suite = ElementTree.Element("testsuite", name=_clean(name), tests=str(len(rows)))
    counts = {"errors": 0, "failures": 0, "skipped": 0}
    for row in rows:
        seconds = row.timings_ms.get("wall", 0.0) / 1000
        classname = _clean(f"{name}.{row.kind}")
        case = ElementTree.SubElement(suite, "testcase", name=_clean(row.id), classname=classname)
        case.set("time", f"{seconds:.3f}")
        if row.status == "error":
            counts["errors"] += 1
            ElementTree.SubElement(case, "error", message=_clean(row.error or ""))
        elif row.broken:
            counts["failures"] += 1
            failure = ElementTree.SubElement(case, "failure", type=row.broken, message=meaning(row.broken))
            failure.text = _clean(f"{row.question}\n\n{row.answer or row.reason or ''}")
        elif row.status == "not_applicable":
            counts["skipped"] += 1
            ElementTree.SubElement(case, "skipped")
    for kind, count in counts.items():
        suite.set(kind, str(count))
    return _document(suite)


def gate_junit_xml(decision: Decision) -> bytes:
    """Return one test case per thing the gate decided: a failure for FAIL, an error for INCONCLUSIVE, else a pass."""
    checks = list(_checks(decision))
    suite = ElementTree.Element("testsuite", name="gate", tests=str(len(checks)), skipped="0")
    for name, verdict, reason in checks:
        case = ElementTree.SubElement(suite, "testcase", name=_clean(name), classname="gate")
        if verdict != "PASS":
            kind = "failure" if verdict == "FAIL" else "error"
            ElementTree.SubElement(case, kind, type=verdict, message=_clean(reason))
    suite.set("failures", str(sum(verdict == "FAIL" for _, verdict, _ in checks)))
    suite.set("errors", str(sum(verdict == "INCONCLUSIVE" for _, verdict, _ in checks)))
    return _document(suite)


def _checks(decision: Decision) -> Iterator[tuple[str, Verdict, str]]:
    """Yield the name, verdict and reason of everything that was decided."""
    for name, item in decision.metrics.items():
        yield name, item.verdict, item.reason
    for required in decision.required:
        yield f"required: {required.name}", required.verdict, required.reason
    for case in decision.must_pass_broken:
        yield f"must pass: {case}", "FAIL", "the case is broken"
    if decision.unsigned:
        yield "sign-off", "INCONCLUSIVE", decision.unsigned


def _document(suite: ElementTree.Element) -> bytes:
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suite, encoding="unicode").encode()


def _clean(text: str) -> str:
    return text.translate(_NOT_XML)
