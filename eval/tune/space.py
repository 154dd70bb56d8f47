"""The search space of a sweep: which settings vary, over which values, and under which condition."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from eval.tune.points import Floats, Point, Value
from rag.errors import ConfigError

_LEVELS = 5  # of a range without a step, where a grid is asked for

STAGES = ("embedder", "ingest", "bm25", "query", "retrieval", "rerank", "context", "models", "answer", "judge")
"""Sections of the settings in the order of the flow. A change of the first three builds another index."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One setting that varies. `when` names the values of other settings under which it counts; else it is left out."""

    key: str
    when: tuple[tuple[str, tuple[Value, ...]], ...] = ()

    def active(self, values: Mapping[str, Value], base: Mapping[str, Value]) -> bool:
        """Say whether the setting counts beside the other values; `base` has those that do not vary."""
        return all(values.get(key, base.get(key)) in allowed for key, allowed in self.when)

    def levels(self) -> tuple[Value, ...]:
        """Return the values that a grid takes."""
        raise NotImplementedError

    def has(self, value: Value) -> bool:
        """Say whether the value is one of the setting's."""
        return value in self.levels()

    def draw(self, rng: np.random.Generator) -> Value:
        """Return a value at random."""
        raise NotImplementedError

    def coordinates(self, value: Value | None) -> list[float]:
        """Return the value as numbers of 0..1; None, of a setting that does not count, lies in the middle."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Choice(Parameter):
    """One of some values."""

    options: tuple[Value, ...] = ()

    def levels(self) -> tuple[Value, ...]:
        """Return the options."""
        return self.options

    def draw(self, rng: np.random.Generator) -> Value:
        """Return one of the options."""
        return self.options[int(rng.integers(len(self.options)))]

    def coordinates(self, value: Value | None) -> list[float]:
        """Return a 1 for the option and 0 for the others."""
        return [float(value == option) for option in self.options]


@dataclass(frozen=True, slots=True)
class Range(Parameter):
    """A number from `low` to `high`, both included; `step` 0 is any number of them, `log` draws evenly in ratios."""

    low: float = 0.0
    high: float = 1.0
    step: float = 0.0
    log: bool = False
    whole: bool = False

    def levels(self) -> tuple[Value, ...]:
        """Return every step, or a few levels of a range without one."""
        if self.step:
            count = math.floor((self.high - self.low) / self.step + 1e-9)
            return tuple(dict.fromkeys(self._value(self.low + i * self.step) for i in range(count + 1)))
        return tuple(dict.fromkeys(self._at(i / (_LEVELS - 1)) for i in range(_LEVELS)))

    def has(self, value: Value) -> bool:
        """Say whether the value is one of the steps, or in the range."""
        if self.step or not isinstance(value, int | float):
            return value in self.levels()
        return self.low <= value <= self.high

    def draw(self, rng: np.random.Generator) -> Value:
        """Return one of the steps, or any number of the range."""
        if self.step:
            steps = self.levels()
            return steps[int(rng.integers(len(steps)))]
        return self._at(float(rng.random()))

    def coordinates(self, value: Value | None) -> list[float]:
        """Return where the value lies between `low` (0) and `high` (1)."""
        if not isinstance(value, int | float) or self.low == self.high:
            return [0.5]
        low, high, here = (math.log(x) if self.log else x for x in (self.low, self.high, float(value)))
        return [(here - low) / (high - low)]

    def _at(self, share: float) -> Value:
        if self.log:
            return self._value(math.exp(math.log(self.low) + share * (math.log(self.high) - math.log(self.low))))
        return self._value(self.low + share * (self.high - self.low))

    def _value(self, number: float) -> Value:
        kept = min(self.high, max(self.low, number))
        return round(kept) if self.whole else float(f"{kept:.6g}")


@dataclass(frozen=True)
class Space:
    """All settings that vary. `base` has the values of the settings that conditions name and that do not vary."""

    parameters: tuple[Parameter, ...]
    base: tuple[tuple[str, Value], ...] = ()

    def __post_init__(self) -> None:
        if not self.parameters:
            raise ConfigError("space: name at least one setting with the values to try")

    @cached_property
    def _ordered(self) -> tuple[Parameter, ...]:
        """The parameters, each behind those that its condition names.

        Raises:
            ConfigError: conditions go round in a circle.
        """
        waiting, done = list(self.parameters), list[Parameter]()
        names = {item.key for item in waiting}
        while waiting:
            known = {item.key for item in done} | ({key for item in waiting for key, _ in item.when} - names)
            ready = [item for item in waiting if all(key in known for key, _ in item.when)]
            if not ready:
                circle = ", ".join(item.key for item in waiting)
                raise ConfigError(f"space: the conditions of {circle} wait for each other")
            done += ready
            waiting = [item for item in waiting if item not in ready]
        return tuple(done)

    @property
    def keys(self) -> tuple[str, ...]:
        """The dotted keys that vary, in the order of the flow."""
        return tuple(sorted((item.key for item in self.parameters), key=lambda key: (stage_of(key), key)))

    def most(self) -> int:
        """Return how many points the grid has at most: as if every setting counted everywhere."""
        return math.prod(len(item.levels()) for item in self.parameters)

    def holds(self, point: Point) -> bool:
        """Say whether the point is one of the space: it has the settings that count, with values of theirs."""
        values = dict(point.values)
        active = {item.key: item for item in self.parameters if item.active(values, dict(self.base))}
        return values.keys() == active.keys() and all(active[key].has(value) for key, value in values.items())

    def grid(self) -> Sequence[Point]:
        """Return every point, each once; a setting that does not count is left out."""
        return tuple(dict.fromkeys(Point.of(values) for values in self._products(0, {})))

    def random(self, rng: np.random.Generator) -> Point:
        """Return a point drawn at random."""
        values: dict[str, Value] = {}
        for item in self._ordered:
            if item.active(values, dict(self.base)):
                values[item.key] = item.draw(rng)
        return Point.of(values)

    def coordinates(self, point: Point) -> Floats:
        """Return the point as numbers of 0..1, shape `(d,)`: a range is one, a choice one per option."""
        values = dict(self.base) | dict(point.values)
        return np.array([number for item in self.parameters for number in item.coordinates(values.get(item.key))])

    def stages(self) -> Sequence[tuple[str, ...]]:
        """Return the keys that vary by stage of the flow, the first first."""
        return [tuple(group) for _, group in itertools.groupby(self.keys, key=stage_of)]

    def _products(self, done: int, values: dict[str, Value]) -> Iterator[dict[str, Value]]:
        if done == len(self._ordered):
            yield values
            return
        item = self._ordered[done]
        if not item.active(values, dict(self.base)):
            yield from self._products(done + 1, values)
            return
        for value in item.levels():
            yield from self._products(done + 1, {**values, item.key: value})


def stage_of(key: str) -> int:
    """Return the place of a setting's stage in the flow, from 0.

    Raises:
        ConfigError: the section is none that decides a result.
    """
    section = key.partition(".")[0]
    if section not in STAGES:
        raise ConfigError(f"space: {key} decides no result; sections that do: {', '.join(STAGES)}")
    return STAGES.index(section)


def builds_index(key: str) -> bool:
    """Say whether another value of the setting needs an index of its own: documents are read and embedded anew."""
    return stage_of(key) < STAGES.index("query")
