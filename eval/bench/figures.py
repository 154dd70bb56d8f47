"""What every benchmark reports: figures with intervals, one table on the terminal, one JSON file."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias, cast

import numpy as np

from eval.stats import CONFIDENCE, mean_interval


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value of `n` repeats with its 95 % interval; None where there is none, `note` says why."""

    value: float | None
    n: int
    low: float | None = None
    high: float | None = None
    note: str = ""

    def shown(self) -> str:
        """Return the figure as the table shows it."""
        if self.value is None:
            return f"unmeasured: {self.note}"
        bounds = "" if self.low is None or self.high is None else f" [{self.low:.4g}, {self.high:.4g}]"
        return f"{self.value:.4g}{bounds} n={self.n}{f' ({self.note})' if self.note else ''}"


Leaf: TypeAlias = Figure | str | int | float | None | Sequence[str]
Figures: TypeAlias = Mapping[str, "Leaf | Figures"]
"""What a benchmark found: figures and plain values by name, nested as deep as it likes."""


def figure_at(figures: Figures, name: str) -> Figure:
    """Return a figure by its name.

    Raises:
        KeyError: there is no figure of that name.
    """
    found = figures[name]
    if not isinstance(found, Figure):
        raise KeyError(f"{name} is no figure")
    return found


def branch(figures: Figures, name: str) -> Figures:
    """Return what is nested under a name; empty where there is nothing.

    Raises:
        KeyError: the name is that of a single value.
    """
    found = figures.get(name, {})
    if not isinstance(found, Mapping):
        raise KeyError(f"{name} is a single value")
    return found


def single(value: float, note: str = "") -> Figure:
    """Return what was measured once."""
    return Figure(value, 1, note=note)


def unmeasured(reason: str) -> Figure:
    """Return the figure of something that was not measured."""
    return Figure(None, 0, note=reason)


def mean_of(values: Sequence[float], note: str = "") -> Figure:
    """Return the mean of repeats with its interval; nothing is known of how far another may be.

    Raises:
        ValueError: there is no value.
    """
    estimate = mean_interval(values, limits=None)
    return Figure(estimate.value, estimate.n, estimate.low, estimate.high, note)


def quantile_of(values: Sequence[float], share: float, note: str = "", *, seed: int = 0, draws: int = 2000) -> Figure:
    """Return a quantile, 0..1, of repeats with a percentile bootstrap interval.

    Raises:
        ValueError: there is no value.
    """
    if not values:
        raise ValueError("no values, no quantile")
    found = np.asarray(values, np.float64)
    chosen = found[np.random.default_rng(seed).integers(0, len(found), (draws, len(found)))]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(np.quantile(chosen, share, axis=1), [tail, 1 - tail])
    return Figure(float(np.quantile(found, share)), len(found), float(low), float(high), note)


def ratio_of_sums(
    over: Sequence[float], under: Sequence[float], note: str = "", *, seed: int = 0, draws: int = 2000
) -> Figure:
    """Return `sum(over) / sum(under)` of paired measurements, with a percentile bootstrap interval over the pairs.

    Raises:
        ValueError: the two differ in length or are empty.
    """
    if len(over) != len(under) or not over:
        raise ValueError(f"a ratio needs pairs: {len(over)} against {len(under)}")
    top, bottom = np.asarray(over, np.float64), np.asarray(under, np.float64)
    value = float(top.sum() / bottom.sum())
    if len(top) < 2:
        return Figure(value, len(top), note=note)
    chosen = np.random.default_rng(seed).integers(0, len(top), (draws, len(top)))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(top[chosen].sum(1) / bottom[chosen].sum(1), [tail, 1 - tail])
    return Figure(value, len(top), float(low), float(high), note)


def to_json(figures: Figures) -> dict[str, object]:
    """Return figures, also nested ones, as JSON: `{"value", "n", "low", "high"}`, and a note where there is one."""
    return {key: _plain(value) for key, value in figures.items()}


def from_json(tree: object) -> Figures:
    """Return figures from what `to_json` made of them.

    Raises:
        ValueError: it is no JSON object.
    """
    if not isinstance(tree, dict):
        raise ValueError("it holds no JSON object")
    return {key: _read(value) for key, value in tree.items()}


def _read(value: object) -> Leaf | Figures:
    if isinstance(value, dict):
        return Figure(**value) if {"value", "n"} <= value.keys() else from_json(value)
    return cast(Leaf, value)


def _plain(value: Leaf | Figures) -> object:
    if isinstance(value, Figure):
        return {key: item for key, item in asdict(value).items() if key != "note" or item}
    return to_json(value) if isinstance(value, Mapping) else value


def table(title: str, figures: Figures) -> str:
    """Return figures as lines of text, one a line, nested ones below their name."""
    return "\n".join([title, *_lines(figures, "  ")])


def _lines(figures: Figures, indent: str) -> list[str]:
    width = max((len(key) for key in figures), default=0) + 2
    lines: list[str] = []
    for key, value in figures.items():
        if isinstance(value, Mapping):
            lines += [f"{indent}{key}", *_lines(value, indent + "  ")]
        else:
            lines.append(f"{indent}{key:<{width}}{value.shown() if isinstance(value, Figure) else value}")
    return lines


def machine() -> dict[str, str | int]:
    """Return what the figures depend on: the day, the processor, its cores, Python."""
    today = datetime.now(UTC).date().isoformat()
    cores = os.cpu_count() or 1
    return {"date": today, "machine": platform.machine(), "cores": cores, "python": platform.python_version()}


def write_figures(folder: Path, name: str, figures: Figures) -> Path:
    """Write `folder/NAME.json` and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(to_json(figures), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
