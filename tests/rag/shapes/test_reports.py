"""The JSON of reports: every field of the value, in its order, and not one more."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from typing import Any

import pytest
from pydantic import ValidationError

from ingest.gate import Verdict
from ingest.report import IngestReport
from ingest.store.catalogue import Failure, GenerationRow
from ingest.store.registry import Remembered
from ingest.upkeep.backup import BackupReport
from ingest.upkeep.erase import Erasure
from ingest.upkeep.generations import CorpusStatus
from ingest.upkeep.removal import Removal
from rag.shapes import reports
from rag.shapes.reports import report_json

FAILURE = Failure("a b#1.docx", "it is no .docx file", "f" * 8, True, 2, "2026-01-02T03:04:05+00:00", "file:a", 1)
ROW = GenerationRow(4, 2, "kept", "abc", "t0", None, {"added": 1, "failed": 0}, {"name": "FAIL", "runs": ["r"]})
SOURCE = Remembered(1, "/srv/a", "p", ("*.md",), (), "t0", "t1", False, 3)
INGEST = IngestReport(
    "demo", None, 1, 2, 3, 4, 5, 6, 7, (FAILURE,), Verdict("FAIL", "fell", {"runs": "r", "n": [1, None]}), 5,
    (("old", "new"),), (("a", "b", 1.0), ("a", "c", 0.25)), ("slow",), ("/srv/a",), True, 1.0,
)  # fmt: skip
STATUS = CorpusStatus("demo", 4, 3, 9, (FAILURE,), (ROW,), "minilm", "ff", True, 10, {"en": 3, "": 1}, 2, (SOURCE,), 1)
VALUES = [
    (reports.FailureJson, FAILURE),
    (reports.VerdictJson, Verdict("PASS", "", {})),
    (reports.GenerationRowJson, ROW),
    (reports.SourceRowJson, SOURCE),
    (reports.IngestJson, INGEST),
    (reports.IngestJson, replace(INGEST, gate=None, held=None, failed=(), seconds=0.0)),
    (reports.CorpusStatusJson, STATUS),
    (reports.ErasureJson, Erasure("demo", ("a", "b"), 4, None)),
    (reports.BackupJson, BackupReport("demo", "b.zip", 1, 2, 3, 4)),
    (reports.RemovalJson, Removal("demo", "/srv/a", 2, 3)),
]


@pytest.mark.parametrize(("shape", "value"), VALUES)
def test_a_report_is_printed_as_it_is(shape: type[reports.ReportShape], value: Any) -> None:
    assert list(shape.model_fields) == [field.name for field in fields(value)]
    assert json.dumps(report_json(shape, value).model_dump()) == json.dumps(asdict(value))


def test_lists_of_reports_read_their_parts() -> None:
    status = report_json(reports.StatusJson, {"corpora": (STATUS, STATUS)})
    assert json.dumps(status.model_dump()) == json.dumps({"corpora": [asdict(STATUS)] * 2})
    listed = report_json(reports.GenerationsJson, STATUS)
    assert listed.model_dump(mode="json") == {"corpus": "demo", "live": 4, "generations": [asdict(ROW)]}


def test_file_names_that_are_no_text_are_still_named() -> None:
    odd = replace(FAILURE, doc_id="caf\udce9.md")
    assert report_json(reports.FailureJson, odd).model_dump()["doc_id"] == "caf\udce9.md"
    whole = report_json(reports.IngestJson, replace(INGEST, failed=(odd,)))
    assert json.dumps(whole.model_dump(), ensure_ascii=False).count("caf\udce9.md") == 1


def test_a_value_of_another_kind_is_a_defect() -> None:
    with pytest.raises(ValidationError, match="bytes"):
        report_json(reports.BackupJson, Erasure("demo", (), 0, None))
