"""The grammar of filters: `key=value`, `key!=value`, `key>=2024-01-31`, `key in [a, b]`, all of them at once.

Indexes know equality alone. A comparison is turned into the values that exist and satisfy it (`resolve`), so that
every index answers it as exactly as a plain match, and no index needs to know what a date is.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from rag.errors import ConfigError

MAX_CHARS = 20_000
"""How long one condition may be."""
MAX_VALUES = 1000
"""How many values the list of one condition may have."""

_SIGN = re.compile(r"!=|<=|>=|=|<|>")
# Possessive repeats: a text of any length is read once, whatever it holds.
_ITEM = re.compile(
    r"""\s*+(?:'(?P<single>(?:[^']++|'')*+)'\s*+|"(?P<double>(?:[^"\\]++|\\.)*+)"\s*+|(?P<bare>[^,]*+))(?P<end>,|\Z)""",
    re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
_DATE = re.compile(r"\d{4}-\d{2}(?:-\d{2})?(?:[ T].*)?")
_YEAR = re.compile(r"\d{4}")
_START = "0000-01-01T00:00:00"
_SHOWN_CHARS = 200

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
        ConfigError: it is too long, has no operator or no field, or a bound that is neither a number nor a date.
    """
    if len(text) > MAX_CHARS:
        raise ConfigError(f"a condition has {len(text)} characters, at most {MAX_CHARS} are allowed: {_start(text)}")
    member = _membership(text)
    if member is not None:
        return member
    sign = _SIGN.search(text, 1)
    field = text[: sign.start()].rstrip() if sign else ""
    if sign is None or not field:
        raise ConfigError(f"needs key=value, key!=value, key>=value or 'key in [a, b]', got {_start(text)}")
    value = text[sign.end() :].lstrip()
    if sign[0] in ("=", "!="):
        return OneOf(field, (value,), sign[0] == "!=")
    if not (_NUMBER.fullmatch(value) or _moment(value)):
        raise ConfigError(
            f"{_start(text)} compares with {_start(value)}, which is neither a number nor a date like 2024-01-31"
        )
    return Comparison(field, sign[0], value)


def resolve(conditions: Iterable[Condition], values: Callable[[str], Iterable[str]]) -> Filter:
    """Return the filter that indexes understand; `values` are those that a field has anywhere in the corpus."""
    return tuple(
        OneOf(c.field, tuple(sorted(value for value in values(c.field) if c.holds(value))))
        if isinstance(c, Comparison)
        else c
        for c in conditions
    )


def hiding(conditions: Iterable[Condition], values: Callable[[str], Iterable[str]]) -> Filter:
    """Return the filter that hides every document which satisfies any of the conditions."""
    found = (replace(c, negated=not c.negated) for c in resolve(conditions, values))
    return tuple(c for c in found if c.values or not c.negated)


def satisfied(metadata: Mapping[str, str | tuple[str, ...]], condition: Condition) -> bool:
    """Say whether a document's metadata satisfies one condition."""
    if isinstance(condition, OneOf):
        return matches(metadata, (condition,))
    value = metadata.get(condition.field, ())
    return any(condition.holds(item) for item in ((value,) if isinstance(value, str) else value))


def as_conditions(filter: Mapping[str, str] | Sequence[Condition]) -> tuple[Condition, ...]:
    """Return the conditions of a filter; a mapping asks for equality of every field."""
    if isinstance(filter, Mapping):
        return tuple(OneOf(field, (value,)) for field, value in filter.items())
    return tuple(filter)


def listed(text: str) -> tuple[str, ...]:
    """Return the items of a list `a, 'b, c', "d"`, without blank ones; a quote counts where it opens an item.

    Inside single quotes two of them are one. Inside double quotes a backslash keeps the character after it. The time
    grows with the length alone.

    Raises:
        ConfigError: a quote is not closed, or text follows a closed one.
    """
    return tuple(value for value, quoted in _items(text) if value or quoted)


def _items(text: str) -> list[tuple[str, bool]]:
    """Return every item with whether it stood in quotes."""
    items: list[tuple[str, bool]] = []
    position, more = 0, True
    while more:
        found = _ITEM.match(text, position)
        if found is None or (found["bare"] or "").startswith(("'", '"')):
            raise ConfigError(f"cannot read the list {_start(text)}; close its quotes and separate items by commas")
        items.append(_item(found))
        position, more = found.end(), found["end"] == ","
    return items


def _item(found: re.Match[str]) -> tuple[str, bool]:
    if found["single"] is not None:
        return found["single"].replace("''", "'"), True
    if found["double"] is not None:
        return _ESCAPED.sub(r"\1", found["double"]), True
    return found["bare"].rstrip(), False


def _membership(text: str) -> OneOf | None:
    """Read `field in [a, b]` or `field not in [a, b]`; None where the text is something else."""
    head, opened, rest = text.partition("[")
    words, values = head.split(), rest.rstrip()
    if not opened or not values.endswith("]") or len(words) < 2 or words[-1] != "in" or _SIGN.search(head):
        return None
    negated = words[-2] == "not" and len(words) > 2
    field = head.rstrip()[: -len("in")].rstrip()
    field = field[: -len("not")].rstrip() if negated else field
    return OneOf(field.strip(), _plain_values(text, values[:-1]), negated)


def _plain_values(text: str, values: str) -> tuple[str, ...]:
    try:
        items = _items(values)
    except ConfigError as error:
        raise ConfigError(
            f"cannot read the list of {_start(text)}; write it as [a, b], with quotes where needed"
        ) from error
    if any(value.startswith(("[", "{")) and not quoted for value, quoted in items):
        raise ConfigError(f"the list of {_start(text)} may hold plain values only; put brackets in quotes")
    if len(items) > MAX_VALUES:
        raise ConfigError(f"the list of {_start(text)} has {len(items)} values, at most {MAX_VALUES} are allowed")
    return tuple(dict.fromkeys(value for value, quoted in items if value or quoted))


def _start(text: str) -> str:
    """Return a text as a message shows it: an error must not repeat a megabyte."""
    return repr(text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…")


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
    return _in_utc(moment).isoformat(timespec="seconds")[: len(_START)]


def _in_utc(moment: datetime) -> datetime:
    """Return a moment in UTC; one that lies outside the years 1 to 9999 there keeps its own time of day."""
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment
    except OverflowError:
        return moment
