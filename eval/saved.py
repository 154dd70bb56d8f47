"""Runs read back from their folders, and paired case by case."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rag.errors import ConfigError
from rag.shapes.rows import RowJson

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SavedRun:
    """A run as its folder holds it: `results.json` and the lines of `rows.jsonl`, in the order of the set."""

    folder: Path
    results: Json
    rows: tuple[RowJson, ...]


@dataclass(frozen=True, slots=True)
class Paired:
    """Values of one metric on the cases where both runs have one, with the cases' clusters."""

    ids: tuple[str, ...]
    baseline: tuple[float, ...]
    candidate: tuple[float, ...]
    clusters: tuple[str, ...]


def load_run(folder: Path) -> SavedRun:
    """Read a run folder.

    Raises:
        ConfigError: it is no run folder, or a file of it is damaged.
    """
    try:
        results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
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
    for key in ("sha256", "split", "where"):
        ours, theirs = baseline.results["set"][key], candidate.results["set"][key]
        if ours != theirs:
            raise ConfigError(
                f"the runs cannot be paired: the set's {key} is {ours!r} in one and {theirs!r} in the other"
            )
    if [row.id for row in baseline.rows] != [row.id for row in candidate.rows]:
        raise ConfigError("the runs cannot be paired: their rows name different cases")


def warnings_of(*runs: SavedRun) -> list[str]:
    """Return what a reader of any figure of the runs must know first, each warning once."""
    return list(dict.fromkeys(warning for run in runs for warning in run.results.get("warnings", ())))


def row_pairs(baseline: SavedRun, candidate: SavedRun) -> Iterator[tuple[RowJson, RowJson]]:
    """Yield both rows of every case."""
    return zip(baseline.rows, candidate.rows, strict=True)


def paired_values(
    baseline: SavedRun, candidate: SavedRun, metric: str, keep: Callable[[RowJson], bool] = lambda row: True
) -> Paired:
    """Return a metric's values on the kept cases that both runs measured."""
    found = [
        (old.id, before, after, old.cluster)
        for old, new in row_pairs(baseline, candidate)
        if keep(old)
        and (before := old.metrics.get(metric)) is not None
        and (after := new.metrics.get(metric)) is not None
    ]
    ids, ours, theirs, clusters = zip(*found, strict=True) if found else ((), (), (), ())
    return Paired(ids, ours, theirs, clusters)


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
