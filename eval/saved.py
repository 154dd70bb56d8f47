"""Runs read back from their folders, and set side by side."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from eval.paired import Paired, metric_values, paired
from eval.results import Results, read_results
from rag.errors import ConfigError
from rag.shapes.rows import RowJson


@dataclass(frozen=True, slots=True)
class SavedRun:
    """A run as its folder holds it: `results.json` and the lines of `rows.jsonl`, in the order of the set."""

    folder: Path
    results: Results
    rows: tuple[RowJson, ...]


def load_run(folder: Path) -> SavedRun:
    """Read a run folder.

    Raises:
        ConfigError: it is no run folder, or a file of it is damaged.
    """
    try:
        results = _results((folder / "results.json").read_text(encoding="utf-8"))
        lines = (folder / "rows.jsonl").read_text(encoding="utf-8").split("\n")
        return SavedRun(folder, results, tuple(_row(line, number) for number, line in enumerate(lines, 1) if line))
    except OSError as error:
        raise ConfigError(f"{folder} is no run folder: {error.strerror} ({Path(error.filename).name})") from error
    except ValueError as error:
        raise ConfigError(f"the run in {folder} is damaged: {' '.join(str(error).split())}") from error


def check_comparable(baseline: SavedRun, candidate: SavedRun) -> None:
    """Pass if both runs asked the same questions.

    Raises:
        ConfigError: the sets, or what was selected from them, differ.
    """
    old, new = baseline.results.set, candidate.results.set
    asked = {"sha256": (old.sha256, new.sha256), "split": (old.split, new.split), "where": (old.where, new.where)}
    for key, (ours, theirs) in asked.items():
        if ours != theirs:
            raise ConfigError(
                f"the runs cannot be paired: the set's {key} is {ours!r} in one and {theirs!r} in the other"
            )
    if [row.id for row in baseline.rows] != [row.id for row in candidate.rows]:
        raise ConfigError("the runs cannot be paired: their rows name different cases")


def warnings_of(*runs: SavedRun) -> list[str]:
    """Return what a reader of any figure of the runs must know first, each warning once."""
    return list(dict.fromkeys(warning for run in runs for warning in run.results.warnings))


def row_pairs(baseline: SavedRun, candidate: SavedRun) -> Iterator[tuple[RowJson, RowJson]]:
    """Yield both rows of every case."""
    return zip(baseline.rows, candidate.rows, strict=True)


def paired_values(
    baseline: SavedRun, candidate: SavedRun, metric: str, keep: Callable[[RowJson], bool] = lambda row: True
) -> Paired:
    """Return a metric's values on the kept cases that both runs measured."""
    kept = [(old, new) for old, new in row_pairs(baseline, candidate) if keep(old)]
    ours, theirs = (metric_values([pair[side] for pair in kept], metric) for side in (0, 1))
    return paired(ours, theirs)


def _results(text: str) -> Results:
    """Read the content of a `results.json`.

    Raises:
        ValueError: it is not JSON, or does not fit.
    """
    tree = json.loads(text)
    try:
        return read_results(tree)
    except ValueError as error:
        raise ValueError(f"results.json: {error}") from error


def _row(line: str, number: int) -> RowJson:
    """Read a line of `rows.jsonl`.

    Raises:
        ValueError: it is not JSON, or does not fit.
    """
    try:
        return RowJson.model_validate(json.loads(line))
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, item['loc'])) or 'row'}: {item['msg']}" for item in error.errors())
        raise ValueError(f"rows.jsonl, line {number}: {'; '.join(problems)}") from error
