"""Run folders read back, and what is said of a damaged one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eval.files import json_tree
from eval.saved import load_run, paired_values
from rag.errors import ConfigError
from tests.eval.lines import NEEDED

RESULTS = {"set": {"name": "s", "sha256": "f"}, "primary": "m", "metrics": {"m": {"unit": "share"}}}


def write(folder: Path, *rows: dict[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "results.json").write_text(json.dumps(RESULTS))
    lines = (json.dumps(NEEDED | row, ensure_ascii=False) for row in rows)
    (folder / "rows.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return folder


def test_a_run_folder_is_read_back_or_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no run folder.*results.json"):
        load_run(tmp_path)
    assert [row.id for row in load_run(write(tmp_path, {"id": "a\u2028b"}, {"id": "2"})).rows] == ["a\u2028b", "2"]
    (tmp_path / "rows.jsonl").write_text("{")
    with pytest.raises(ConfigError, match="damaged"):
        load_run(tmp_path)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"metrics": {"a": "high"}}, r"rows.jsonl, line 2: metrics.a: Input should be a valid number"),
        ({"hits": [{"doc_id": "d", "start": 0, "end": 1}]}, r"line 2: hits.0.score: Field required"),
        ({"context": []}, r"line 2: context: "),
    ],
)
def test_a_row_that_does_not_fit_is_named_with_its_line(tmp_path: Path, row: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=f"the run in .* is damaged: .*{said}"):
        load_run(write(tmp_path, {}, row))


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ("{", "Expecting property name"),
        ("[]", "the file: Input should be"),
        ("{}", "results.json: set: Field required"),
        (json.dumps(RESULTS | {"metrics": {"m": {"n": "many"}}}), "results.json: metrics.m.n: Input should be"),
    ],
)
def test_results_that_do_not_fit_are_damaged(tmp_path: Path, results: str, said: str) -> None:
    (write(tmp_path, {}) / "results.json").write_text(results)
    with pytest.raises(ConfigError, match=f"the run in .* is damaged: .*{said}"):
        load_run(tmp_path)


def test_what_another_version_wrote_is_kept_and_what_it_lacks_has_a_default(tmp_path: Path) -> None:
    (write(tmp_path, {}) / "results.json").write_text(json.dumps(RESULTS | {"of_a_later_version": [1]}))
    found = load_run(tmp_path).results
    assert found.more == {"of_a_later_version": [1]} and found.warnings == () and found.metrics["m"].judge is None
    assert json_tree(found)["of_a_later_version"] == [1]


@pytest.mark.parametrize("line", ["[]", "1", '"text"', "null"])
def test_a_line_that_is_no_object_is_damaged(tmp_path: Path, line: str) -> None:
    (write(tmp_path, {}) / "rows.jsonl").write_text(f"{line}\n")
    with pytest.raises(ConfigError, match="line 1: row: Input should be"):
        load_run(tmp_path)


def test_a_metric_is_paired_where_both_runs_measured_it(tmp_path: Path) -> None:
    old = load_run(
        write(tmp_path / "a", *({"id": i, "metrics": {"m": v}} for i, v in zip("123", (1, None, 3), strict=True)))
    )
    new = load_run(
        write(tmp_path / "b", *({"id": i, "metrics": m} for i, m in zip("123", ({"m": 2}, {"m": 2}, {}), strict=True)))
    )
    pairs = paired_values(old, new, "m")
    assert (pairs.ids, pairs.baseline, pairs.candidate) == (("1",), (1.0,), (2.0,))
    assert paired_values(old, new, "m", lambda row: row.id != "1").ids == ()
