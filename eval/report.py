"""Writes a run as the files that people, CI and other tools read; each file appears whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from eval.calibration import calibration
from eval.html import render_html
from eval.junit import junit_xml
from eval.render import render_markdown
from eval.rows import row_json
from eval.runner import Run
from eval.summary import summarise
from eval.survival import gold_survival
from eval.trec import qrels_lines, run_lines
from rag.errors import ConfigError


def write_report(run: Run, folder: Path, calibrations: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """Write results.json, rows.jsonl, run.trec, qrels.trec, junit.xml, summary.md and report.html; return the results.

    Raises:
        ConfigError: the folder cannot be written.
    """
    rows = [row_json(row) for row in run.rows]
    results = summarise(run, calibrations) | {"calibration": calibration(rows), "survival": gold_survival(rows)}
    seen = [row.seen for row in run.rows]
    files = [
        ("run.trec", _lines(run_lines(seen))),
        ("qrels.trec", _lines(qrels_lines(seen))),
        ("junit.xml", junit_xml(results["set"]["name"], rows)),
    ]
    write_files(folder, files)
    write_scores(results, rows, folder)
    return results


def write_scores(results: dict[str, Any], rows: Sequence[dict[str, Any]], folder: Path) -> None:
    """Write the files of a run folder that hold scores: rows.jsonl, summary.md, report.html and results.json.

    Raises:
        ConfigError: the folder cannot be written.
    """
    write_files(folder, _scores(results, rows))


def _scores(results: dict[str, Any], rows: Sequence[dict[str, Any]]) -> Iterator[tuple[str, bytes]]:
    """Yield name and content, one at a time: a report of many cases is large."""
    yield "rows.jsonl", _lines(_json(row) for row in rows)
    yield "summary.md", utf8(render_markdown(results))
    yield "report.html", utf8(render_html(results, rows))
    # last, so that a folder with results is a finished run
    yield "results.json", utf8(_json(results, indent=2) + "\n")


def write_files(folder: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Write files into a folder, in their order, each whole or not at all.

    Raises:
        ConfigError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files:
            write_atomic(folder / name, content)
    except OSError as error:
        raise ConfigError(f"cannot write the report to {folder}: {error.strerror}") from error


def write_atomic(path: Path, content: bytes) -> None:
    """Replace a file by a new one in one step.

    Raises:
        OSError: it cannot be written; what was there before stays.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except OSError:
        os.unlink(name)
        raise


def utf8(text: str) -> bytes:
    """Return text as UTF-8; half a surrogate, which a model can emit but no file can hold, becomes `?`."""
    return text.encode("utf-8", "replace")


def _lines(lines: Iterable[str]) -> bytes:
    return utf8("".join(f"{line}\n" for line in lines))


def _json(value: object, indent: int | None = None) -> str:
    # NaN is no JSON; metrics never return it, so it would be a defect
    return json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False)
