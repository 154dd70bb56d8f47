"""The specification of a sweep: what varies, on which questions, by which figures, within which bounds and budget."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from eval.metrics import METRICS, Metric
from eval.tune.points import Value
from eval.tune.space import Choice, Parameter, Range, Space, builds_index, stage_of
from rag.errors import ConfigError, UnknownKeyError
from rag.settings import Settings
from rag.settings.doubled import doubled_keys
from rag.state.home import check_corpus_name

SPECS = Path(__file__).with_name("specs")
"""The sweeps that come with Ragwright, by the names of their files."""

Split = Literal["dev", "select", "sealed", "half-a", "half-b"]
"""A split of a golden set; the halves are of a set without splits, by the hash of a question's cluster."""

_STEPS = 10_000
_CONSTRAINT = re.compile(r"\s*([^\s<>=]+)\s*(<=|>=)\s*([-+0-9.eE]+)\s*")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SetSpec(_Part):
    """A golden set: its folder, where its questions are asked, and which of them."""

    set: Path = Field(description="a folder with questions.jsonl")
    corpus: str | None = Field(
        default=None,
        description="a corpus that is asked as it stands; without one an index is built from the set's documents",
    )
    search: Split | None = Field(default="dev", description="split that the search looks at; null takes all questions")
    confirm: Split | None = Field(
        default="select", description="split that decides at the end; null takes no confirmation"
    )
    where: tuple[str, ...] = Field(default=(), description="key=value conditions on the questions")


class RangeSpec(_Part):
    """A range of numbers: `{float: [low, high]}` or `{int: [low, high]}`, with a step or evenly in ratios."""

    float_: tuple[float, float] | None = Field(default=None, alias="float", description="the lowest and highest number")
    int_: tuple[int, int] | None = Field(default=None, alias="int", description="the same of whole numbers")
    choice: tuple[Any, ...] | None = Field(default=None, description="values to choose from, where there is a when")
    step: float = Field(default=0.0, ge=0, description="distance of neighbouring values; 0 takes any")
    log: bool = Field(default=False, description="draw evenly in ratios")
    when: Mapping[str, Value] = Field(
        default_factory=dict, description="values of other settings under which this one counts"
    )


def _as_range(value: Any) -> Any:
    return {"choice": value} if isinstance(value, list | tuple) else value


class Budget(_Part):
    """When a search ends; what is null does not end it."""

    trials: int | None = Field(default=None, ge=1, description="most settings that are tried, the default included")
    minutes: float | None = Field(default=None, gt=0, description="of the search; the confirmation comes on top")
    usd: float | None = Field(default=None, gt=0, description="most that language models may cost")
    share: float = Field(
        default=0.25, gt=0, le=1, description="of the question evaluations that trying every setting whole would take"
    )


class SweepSpec(_Part):
    """A sweep, as its YAML file says it."""

    name: str = Field(default="sweep", pattern=r"^[^\r\n]{1,80}$", description="what the report calls it, one line")
    sets: tuple[SetSpec, ...] = Field(min_length=1, description="the golden sets; each counts the same")
    space: Mapping[str, Annotated[RangeSpec, BeforeValidator(_as_range)]] = Field(
        min_length=1, description="dotted keys of settings, each with a list of values or a range"
    )
    objectives: tuple[str, ...] = Field(
        default=(), description="metrics to improve, the first decides; default: the sets' primary metric"
    )
    constraints: tuple[str, ...] = Field(default=(), description="such as false_abstention<=0.05")
    search: str = Field(default="race", description="race, grid, random, tpe, …")
    budget: Budget = Budget()
    seed: int = Field(default=0, ge=0, description="of all that is drawn at random")
    settings: Mapping[str, Any] = Field(
        default_factory=dict, description="dotted keys of settings that differ from the defaults in all trials"
    )


@dataclass(frozen=True, slots=True)
class Objective:
    """A figure to improve. `sign` is 1 where higher is better and -1 where lower is."""

    metric: Metric
    sign: int

    @property
    def name(self) -> str:
        """The metric's name."""
        return self.metric.name


@dataclass(frozen=True, slots=True)
class Constraint:
    """A bound on the mean of a metric."""

    metric: Metric
    relation: Literal["<=", ">="]
    bound: float

    def holds(self, mean: float) -> bool:
        """Say whether a mean keeps the bound."""
        return mean <= self.bound if self.relation == "<=" else mean >= self.bound

    def text(self) -> str:
        """Return the constraint as it was written."""
        return f"{self.metric.name} {self.relation} {self.bound:g}"


@dataclass(frozen=True)
class Sweep:
    """A checked specification."""

    spec: SweepSpec
    space: Space
    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]
    base: Settings
    """The settings of trial 0, the default of this sweep."""

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """Every metric that is measured: the objectives, then those of the constraints, each once."""
        wanted = [*(item.metric for item in self.objectives), *(item.metric for item in self.constraints)]
        return tuple({metric.name: metric for metric in wanted}.values())

    @property
    def builds(self) -> tuple[str, ...]:
        """The searched keys of which every other value needs an index of its own."""
        return tuple(key for key in self.space.keys if builds_index(key))


def read_spec(name: str) -> SweepSpec:
    """Read a specification: a file, or a name of those that come with Ragwright.

    Folders of sets are relative to where the command runs.

    Raises:
        ConfigError: there is none, or it is wrong.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) or Path(name).is_file() else SPECS / f"{name}.yaml"
    if not path.is_file():
        raise ConfigError(f"there is no sweep {name!r}: name a YAML file, or one of {', '.join(known_specs())}")
    try:
        text = path.read_text(encoding="utf-8")
        tree, doubled = yaml.safe_load(text), doubled_keys(yaml.compose(text, yaml.SafeLoader))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    if doubled:
        line, key = doubled[0]
        raise ConfigError(f"{path}: line {line}: the key {key!r} stands twice")
    if not isinstance(tree, dict):
        raise ConfigError(f"{path} must be a mapping with sets and space")
    return spec_of({"name": path.stem, **tree}, str(path))


def spec_of(tree: object, where: str) -> SweepSpec:
    """Return a specification from a tree; `where` names it in errors.

    Raises:
        ConfigError: it breaks the schema.
    """
    try:
        return SweepSpec.model_validate(tree)
    except ValidationError as error:
        problems = (f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors())
        raise ConfigError(f"{where}: {'; '.join(problems)}") from error


def known_specs() -> list[str]:
    """Return the names of the sweeps that come with Ragwright."""
    return sorted(path.stem for path in SPECS.glob("*.yaml"))


def check_sets(spec: SweepSpec) -> None:
    """Refuse sets that a sweep may not open, before one is opened.

    Raises:
        ConfigError: a set is to be searched where it is confirmed, or on the sealed split.
    """
    for chosen in spec.sets:
        _check_set(chosen)


def check(spec: SweepSpec, settings: Settings, primary: str) -> Sweep:
    """Return the sweep that a specification means over these settings.

    Args:
        spec: the specification.
        settings: those that the sweep starts from, before the specification's own `settings`.
        primary: the metric that decides where the specification names no objective.

    Raises:
        ConfigError: a setting or a value is unknown, the space is empty, constraints contradict each other, or a set
            has no question to decide by.
    """
    base = settings.changed(spec.settings) if spec.settings else settings
    check_sets(spec)
    parameters = tuple(_parameter(key, item) for key, item in spec.space.items())
    named = {key for item in parameters for key, _ in item.when} - {item.key for item in parameters}
    space = Space(parameters, tuple((key, _value(_of(base, key), f"when: {key}")) for key in sorted(named)))
    for item in parameters:
        _check_values(item, base)
    objectives = tuple(_objective(text) for text in spec.objectives or (primary,))
    twice = {item.name for item in objectives if [other.name for other in objectives].count(item.name) > 1}
    if twice:
        raise ConfigError(f"objectives: {', '.join(sorted(twice))} is named twice")
    return Sweep(spec, space, objectives, _constraints(spec.constraints), base)


def _check_set(item: SetSpec) -> None:
    if "sealed" in (item.search, item.confirm):
        raise ConfigError(
            f"{item.set}: a sweep never opens the sealed split; it is for the final figure (ragwright eval)"
        )
    if item.search is not None and item.search == item.confirm:
        raise ConfigError(
            f"{item.set}: search and confirm are both {item.search}; a winner needs questions it never saw"
        )
    if item.search is None and item.confirm is not None:
        raise ConfigError(
            f"{item.set}: search null takes all questions, so none are left to confirm; set confirm: null"
        )
    if item.corpus is not None:
        check_corpus_name(item.corpus)


def _parameter(key: str, item: RangeSpec) -> Parameter:
    stage_of(key)
    given = [name for name in ("float_", "int_", "choice") if getattr(item, name) is not None]
    if len(given) != 1:
        raise ConfigError(f"space: {key} needs a list of values, or one of float, int and choice")
    when = tuple((other, _values(allowed, f"{key}: when {other}")) for other, allowed in item.when.items())
    if item.choice is not None:
        options = tuple(_value(value, key) for value in item.choice)
        if not options:
            raise ConfigError(f"space: {key} has no value to try")
        return Choice(key, when, tuple(dict.fromkeys(options)))
    low, high = item.float_ or item.int_ or (0.0, 0.0)
    if low > high or (item.log and low <= 0):
        limits = "low <= high" if low > high else "numbers above 0 for log"
        raise ConfigError(f"space: {key}: [{low:g}, {high:g}] must have {limits}")
    whole = item.int_ is not None
    if item.step and (high - low) / item.step > _STEPS:
        raise ConfigError(f"space: {key}: more than {_STEPS} steps; choose a larger step, or none")
    step = item.step or (1.0 if whole and not item.log and high - low <= _STEPS else 0.0)
    return Range(key, when, float(low), float(high), step, item.log, whole)


def _values(allowed: Any, where: str) -> tuple[Value, ...]:
    return tuple(_value(item, where) for item in (allowed if isinstance(allowed, list | tuple) else [allowed]))


def _value(value: Any, where: str) -> Value:
    if isinstance(value, list | tuple):
        items = tuple(_value(item, where) for item in value)
        if not any(isinstance(item, tuple) for item in items):
            return items  # type: ignore[return-value]
    elif value is None or isinstance(value, str | int | float | bool):
        return value
    raise ConfigError(f"space: {where}: {value!r} is no plain value; write inner keys with dots")


def _of(base: Settings, key: str) -> Any:
    try:
        return base.value(key)
    except AttributeError as error:
        raise ConfigError(f"space: unknown setting {key!r}") from error


def _check_values(item: Parameter, base: Settings) -> None:
    """Refuse a value that the settings refuse, each on its own."""
    for value in item.levels():
        try:
            base.changed({item.key: list(value) if isinstance(value, tuple) else value})
        except ConfigError as error:
            raise ConfigError(f"space: {item.key}={value}: {error}") from error


def _metric(name: str) -> Metric:
    if name not in METRICS:
        raise UnknownKeyError("metric", name, METRICS)
    return METRICS[name]


def _objective(name: str) -> Objective:
    metric = _metric(name)
    if metric.better == "neither":
        raise ConfigError(f"objectives: neither more nor less {name} is better")
    return Objective(metric, 1 if metric.better == "higher" else -1)


def _constraints(texts: Sequence[str]) -> tuple[Constraint, ...]:
    found = tuple(_constraint(text) for text in texts)
    for item in found:
        for other in found:
            contradict = item.relation == "<=" and other.relation == ">=" and item.bound < other.bound
            if item.metric is other.metric and contradict:
                raise ConfigError(f"constraints: {item.text()} and {other.text()} cannot both hold")
    return found


def _constraint(text: str) -> Constraint:
    matched = _CONSTRAINT.fullmatch(text)
    try:
        if matched is None:
            raise ValueError
        name, relation, bound = matched.groups()
        return Constraint(_metric(name), "<=" if relation == "<=" else ">=", float(bound))
    except ValueError as error:
        raise ConfigError(f"constraints: write {text!r} as METRIC<=NUMBER or METRIC>=NUMBER") from error
