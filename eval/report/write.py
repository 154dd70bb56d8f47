"""Writes a run as the files that people, CI and other tools read: the data first, each file whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from eval.files import json_bytes, utf8, write_files
from eval.report.calibration import calibration
from eval.report.html import render_html
from eval.report.junit import junit_xml
from eval.report.rows import row_json, row_line
from eval.report.survival import gold_survival
from eval.report.text import render_markdown
from eval.report.trec import qrels_lines, run_lines
from eval.results import CalibrationRecord, Results, read_results
from eval.runner import Run
from eval.summary import summarise
from rag.errors import ReportError
from rag.files import write_atomic
from rag.shapes.rows import RowJson

Page = Callable[[], bytes]
"""Makes the content of a file."""

_DATA = "results.json and rows.jsonl"


@dataclass(frozen=True, slots=True)
class Written:
    """A report: its results, and which pages of it could not be made and why (empty if all are there)."""

    results: Results
    unwritten: str = ""


def write_report(run: Run, folder: Path, calibrations: Sequence[CalibrationRecord] = ()) -> Results:
    """Write results.json, rows.jsonl, run.trec, qrels.trec, junit.xml, summary.md and report.html; return the results.

    Rows and results are written first, so that no fault of a page can lose an evaluation.

    Raises:
        ConfigError: the folder cannot be written.
        ReportError: the rows are there, but the results or a page are not.
    """
    rows = [row_json(row) for row in run.rows]
    results = _saved_results(run, rows, folder, calibrations)
    seen = [row.seen for row in run.rows]
    pages: dict[str, Page] = {
        "run.trec": lambda: _lines(run_lines(seen)),
        "qrels.trec": lambda: _lines(qrels_lines(seen)),
        "junit.xml": lambda: junit_xml(results.set.name, rows),
    }
    write_pages(folder, pages | _score_pages(results, rows), kept=_DATA)
    return results


def write_or_tell(run: Run, folder: Path, calibrations: Sequence[CalibrationRecord] = ()) -> Written:
    """Write the report as `write_report` does, but return the results although a page is missing.

    Raises:
        ConfigError: the folder cannot be written.
        ReportError: there are no results either.
    """
    saved = folder / "results.json"
    try:
        return Written(write_report(run, folder, calibrations))
    except ReportError as error:
        if not saved.is_file():
            raise
        return Written(read_results(json.loads(saved.read_text(encoding="utf-8"))), str(error))


def write_scores(results: Results, rows: Sequence[RowJson], folder: Path) -> None:
    """Write the files of a run folder that hold scores: rows.jsonl, results.json, summary.md and report.html.

    Raises:
        ConfigError: the folder cannot be written.
        ReportError: the scores are there, but a page of them is not.
    """
    write_files(folder, [("rows.jsonl", _rows_bytes(rows)), ("results.json", json_bytes(results))])
    write_pages(folder, _score_pages(results, rows), kept=_DATA)


def write_pages(folder: Path, pages: Mapping[str, Page], *, kept: str) -> None:
    """Write what is made from data that is already saved as `kept`; one page that fails does not cost the others.

    An old file of that name goes: it would show another run beside these results.

    Raises:
        ReportError: a page could not be made or written; it names each, with the reason.
    """
    failed = []
    for name, made in pages.items():
        try:
            write_atomic(folder / name, made())
        except Exception as error:  # whatever is wrong with a page, what it shows took hours
            _remove(folder / name)
            failed.append(f"{name} ({_said(error)})")
    if failed:
        raise ReportError(f"{kept} are in {folder}, but these files could not be made: {', '.join(failed)}")


def _saved_results(
    run: Run, rows: Sequence[RowJson], folder: Path, calibrations: Sequence[CalibrationRecord]
) -> Results:
    """Return the results; rows, then results are written before anything is made of them."""
    _remove(folder / "results.json")  # no results of an earlier run beside the rows of this one
    write_files(folder, [("rows.jsonl", _rows_bytes(rows))])
    try:
        found = summarise(run, calibrations)
        results = replace(found, calibration=calibration(rows), survival=tuple(gold_survival(rows)))
        content = json_bytes(results)
    except Exception as error:  # the answers took hours; what is made of them can be made again
        raise ReportError(f"rows.jsonl is in {folder}, but results.json could not be made: {_said(error)}") from error
    write_files(folder, [("results.json", content)])
    return results


def _score_pages(results: Results, rows: Sequence[RowJson]) -> dict[str, Page]:
    return {
        "summary.md": lambda: utf8(render_markdown(results)),
        "report.html": lambda: utf8(render_html(results, rows)),
    }


def _rows_bytes(rows: Sequence[RowJson]) -> bytes:
    return _lines(map(row_line, rows))


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _remove(path: Path) -> None:
    if path.is_file():
        path.unlink()


def _lines(lines: Iterable[str]) -> bytes:
    return utf8("".join(f"{line}\n" for line in lines))
