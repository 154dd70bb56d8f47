"""The grammar of filters: `key=value`, `key!=value`, `key>=2024-01-31`, `key in [a, b]`, all of them at once.

Indexes know equality alone. A comparison is turned into the values that exist and satisfy it (`resolve`), so that
every index answers it as exactly as a plain match, and no index needs to know what a date is.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import yaml

from rag.errors import ConfigError

_COMPARISON = re.compile(r"(?P<field>.+?)\s*(?P<sign>!=|<=|>=|=|<|>)\s*(?P<value>.*)", re.DOTALL)
_MEMBERSHIP = re.compile(r"(?P<field>[^=<>!]+?)\s+(?P<negated>not\s+)?in\s+(?P<values>\[.*\])\s*", re.DOTALL)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
_DATE = re.compile(r"\d{4}-\d{2}(?:-\d{2})?(?:[ T].*)?")
_YEAR = re.compile(r"\d{4}")
_START = "0000-01-01T00:00:00"

_SIGNS: dict[str, Callable[[float | str, float | str], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class OneOf:
    """A field equals one of the values, or holds one where it is a list; `negated`: it does not.

    A field that is missing equals nothing.
    """

    field: str
    values: tuple[str, ...]
    negated: bool = False


Filter = tuple[OneOf, ...]
"""What a document's metadata must satisfy, all of it."""


def matches(metadata: Mapping[str, str | tuple[str, ...]], filter: Filter) -> bool:
    """Say whether a document's metadata satisfies every condition of the filter."""
    fields = {key: {value} if isinstance(value, str) else set(value) for key, value in metadata.items()}
    return all(fields.get(c.field, set()).isdisjoint(c.values) == c.negated for c in filter)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field lies on one side of `bound`, a number or an ISO 8601 date; a list does when any of its items does.

    Dates are compared as far as the bound goes: every day of March is `<= 2024-03`. A value of another kind than the
    bound satisfies nothing.
    """

    field: str
    sign: str
    bound: str

    def holds(self, value: str) -> bool:
        """Say whether one value lies on the asked side."""
        sides = _as_dates(value, self.bound) or _as_numbers(value, self.bound)
        return sides is not None and _SIGNS[self.sign](*sides)


Condition = OneOf | Comparison


def parse_condition(text: str) -> Condition:
    """Read one condition as people type it.

    Raises:
        ConfigError: it has no operator, no field, or a bound that is neither a number nor a date.
    """
    member = _MEMBERSHIP.fullmatch(text)
    if member:
        return OneOf(member["field"].strip(), _listed(text, member["values"]), bool(member["negated"]))
    found = _COMPARISON.fullmatch(text)
    if found is None:
        raise ConfigError(f"needs key=value, key!=value, key>=value or 'key in [a, b]', got {text!r}")
    field, sign, value = found["field"], found["sign"], found["value"]
    if sign in ("=", "!="):
        return OneOf(field, (value,), sign == "!=")
    if not (_NUMBER.fullmatch(value) or _moment(value)):
        raise ConfigError(f"{text!r} compares with {value!r}, which is neither a number nor a date like 2024-01-31")
    return Comparison(field, sign, value)


def resolve(conditions: Iterable[Condition], values: Callable[[str], Iterable[str]]) -> Filter:
    """Return the filter that indexes understand; `values` are those that a field has anywhere in the corpus."""
    return tuple(
        OneOf(c.field, tuple(sorted(value for value in values(c.field) if c.holds(value))))
        if isinstance(c, Comparison)
        else c
        for c in conditions
    )


def as_conditions(filter: Mapping[str, str] | Sequence[Condition]) -> tuple[Condition, ...]:
    """Return the conditions of a filter; a mapping asks for equality of every field."""
    if isinstance(filter, Mapping):
        return tuple(OneOf(field, (value,)) for field, value in filter.items())
    return tuple(filter)


def _listed(text: str, values: str) -> tuple[str, ...]:
    try:
        # BaseLoader leaves every scalar the text that it is: 1.10 and yes stay themselves
        listed = yaml.load(values, yaml.BaseLoader)
    except yaml.YAMLError as error:
        raise ConfigError(f"cannot read the list of {text!r}; write it as [a, b], with quotes where needed") from error
    if not all(isinstance(value, str) for value in listed):
        raise ConfigError(f"the list of {text!r} may hold plain values only")
    return tuple(dict.fromkeys(listed))


def _as_numbers(value: str, bound: str) -> tuple[float, float] | None:
    if _NUMBER.fullmatch(value) and _NUMBER.fullmatch(bound):
        return float(value), float(bound)
    return None


def _as_dates(value: str, bound: str) -> tuple[str, str] | None:
    """Return both as ISO text of the bound's length; two bare years are left to be numbers."""
    if not (_DATE.fullmatch(value) or _DATE.fullmatch(bound)):
        return None
    left, right = _moment(value), _moment(bound)
    if left is None or right is None:
        return None
    filled = left + _START[len(left) :]
    return filled[: len(right)], right


def _moment(text: str) -> str | None:
    """Return a date as ISO 8601 in UTC, as precise as it was given; None when it is no date."""
    if _YEAR.fullmatch(text):
        return text
    if not _DATE.fullmatch(text):
        return None
    try:
        if len(text) == len("2024-01"):
            return datetime.strptime(text, "%Y-%m").strftime("%Y-%m")
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if len(text) == len("2024-01-31"):
        return text
    return (moment.astimezone(UTC) if moment.tzinfo else moment).strftime("%Y-%m-%dT%H:%M:%S")
