"""Human labels for calibration: one item a line, with what the judge is shown, or with the scores of a run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eval.judges.base import Material
from eval.saved import SavedRun
from rag.errors import ConfigError
from rag.shapes.rows import RowJson

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Labelled:
    """An item with the labels of one or more people, 0..1, and what a judge is shown of it."""

    id: str
    labels: tuple[float, ...]
    material: Material

    @property
    def label(self) -> float:
        """The mean of the labels."""
        return fmean(self.labels)


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore")
    id: str = Field(min_length=1)
    human: bool | float | list[bool | float]
    question: str = ""
    answer: str | None = None
    contexts: list[str] | None = None
    reference: str | None = None
    rubrics: dict[str, str] = {}


def read_labels(path: Path, scale: tuple[float, float] = (0.0, 1.0)) -> list[Labelled]:
    """Read a JSON-lines file of `{"id", "human", "question", "answer", "contexts", "reference", "rubrics"}`.

    `human` is true or false, a number, or a list of either with one entry for each person; `scale` says which numbers
    mean worst and best.

    Raises:
        ConfigError: the file is unreadable, a line does not fit, or an id is there twice.
    """
    problems: list[str] = []
    items: dict[str, Labelled] = {}
    for place, row in _rows(path, problems):
        labels = row.human if isinstance(row.human, list) else [row.human]
        scaled = [_scaled(label, scale) for label in labels]
        if row.id in items:
            problems.append(f"{place}: id: {row.id!r} was used before")
        if not scaled or not all(0 <= label <= 1 for label in scaled):
            problems.append(f"{place}: human: {row.human!r} is not on the scale {scale[0]:g}..{scale[1]:g} (--scale)")
        contexts = None if row.contexts is None else tuple(row.contexts)
        material = Material(row.question, row.answer, contexts, row.reference, row.rubrics)
        items[row.id] = Labelled(row.id, tuple(scaled), material)
    if problems:
        more = f" (and {len(problems) - _SHOWN} more)" if len(problems) > _SHOWN else ""
        raise ConfigError(f"{'; '.join(problems[:_SHOWN])}{more}")
    if not items:
        raise ConfigError(f"{path} holds no label")
    return list(items.values())


def check_ids(labels: Sequence[Labelled], run: SavedRun) -> dict[str, RowJson]:
    """Return the run's rows by id.

    Raises:
        ConfigError: a labelled id is not in the run.
    """
    rows = {row.id: row for row in run.rows}
    unknown = [item.id for item in labels if item.id not in rows]
    if unknown:
        raise ConfigError(f"{len(unknown)} labelled ids are not in {run.folder}, first {unknown[0]!r}")
    return rows


def _rows(path: Path, problems: list[str]) -> Iterator[tuple[str, _Row]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the labels {path}: {' '.join(str(error).split())}") from error
    for number, line in enumerate(lines, start=1):
        place = f"{path.name}:{number}"
        if not line.strip():
            continue
        try:
            yield place, _Row.model_validate(json.loads(line))
        except ValidationError as error:
            problems.extend(
                f"{place}: {item['loc'][0] if item['loc'] else 'row'}: {item['msg']}" for item in error.errors()
            )
        except ValueError as error:
            problems.append(f"{place}: not a JSON object: {error}")


def _scaled(label: bool | float, scale: tuple[float, float]) -> float:
    return float(label) if isinstance(label, bool) else (label - scale[0]) / (scale[1] - scale[0])
