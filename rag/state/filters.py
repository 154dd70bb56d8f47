"""Filters on metadata in SQL: a field equals one of some values, or is a list that holds one, or does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Select, Text, case, cast, func, select, true
from sqlalchemy.dialects.postgresql import JSONB

from rag.conditions import Filter, OneOf
from rag.errors import ConfigError
from rag.state.tables import documents

Condition = Callable[[OneOf], ColumnElement[bool]]


def matching_documents(filter: Filter, dialect: str) -> Select[Any]:
    """Return the query for the pks of documents, in every index and generation, whose metadata match.

    Raises:
        ConfigError: the database has no way to look into JSON that we know.
    """
    condition = _of(FILTERS, dialect)
    held = ((condition(wanted), wanted.negated) for wanted in filter)
    return select(documents.c.pk).where(*(~found if negated else found for found, negated in held))


def values_of(field: str, chosen: ColumnElement[bool], dialect: str) -> Select[Any]:
    """Return the query for the distinct values of a metadata field in the chosen documents, items of lists included.

    Raises:
        ConfigError: the database has no way to look into JSON that we know.
    """
    found: Select[Any] = _of(VALUES, dialect)(field, chosen)
    return found


def _in_sqlite(wanted: OneOf) -> ColumnElement[bool]:
    # json_each gives a list's items, and a string as its own only item. The key is compared, not put into a path:
    # paths cannot quote every key. The values are one parameter, for there may be more than SQLite takes.
    field = func.json_each(documents.c.metadata).table_valued("key", "value", "type", name="field")
    item = func.json_each(field.c.value).table_valued("value", name="item")
    asked = func.json_each(json.dumps(wanted.values)).table_valued("value", name="asked")
    values = select(asked.c.value).scalar_subquery()
    listed = select(1).select_from(item).where(item.c.value.in_(values)).exists()
    # CASE, because json_each fails on a string that is no JSON and AND may look at both sides.
    held = case((field.c.type == "array", listed), else_=field.c.value.in_(values))
    return select(1).select_from(field).where(field.c.key == wanted.field, held).exists()


def _in_postgresql(wanted: OneOf) -> ColumnElement[bool]:
    # A JSON list, like a bare string, has any of some strings if one of them is an item of it.
    held = cast(documents.c.metadata.op("->")(cast(wanted.field, Text)), JSONB)
    found: ColumnElement[bool] = held.has_any(cast(list(wanted.values), ARRAY(Text))).is_(True)
    return found


def _values_in_sqlite(name: str, chosen: ColumnElement[bool]) -> Select[Any]:
    field = func.json_each(documents.c.metadata).table_valued("key", "value", "type", name="field")
    plain = case((field.c.type == "array", field.c.value), else_=func.json_array(field.c.value))
    item = func.json_each(plain).table_valued("value", name="item")
    joined = documents.join(field, true()).join(item, true())
    return select(item.c.value).select_from(joined).where(chosen, field.c.key == name).distinct()


def _values_in_postgresql(name: str, chosen: ColumnElement[bool]) -> Select[Any]:
    held = cast(documents.c.metadata.op("->")(cast(name, Text)), JSONB)
    listed = case((func.jsonb_typeof(held) == "array", held), else_=func.jsonb_build_array(held))
    item = func.jsonb_array_elements_text(listed).table_valued("value", name="item")
    joined = documents.join(item, true())
    return select(item.c.value).select_from(joined).where(chosen, held.is_not(None)).distinct()


def _of(table: dict[str, Any], dialect: str) -> Any:
    if dialect not in table:
        raise ConfigError(f"filters work on {' and '.join(table)}, not on {dialect}; set another DATABASE_URL")
    return table[dialect]


FILTERS: dict[str, Condition] = {"sqlite": _in_sqlite, "postgresql": _in_postgresql}
"""Database -> the condition on `documents` that a field has one of some values."""

VALUES: dict[str, Callable[[str, ColumnElement[bool]], Select[Any]]] = {
    "sqlite": _values_in_sqlite,
    "postgresql": _values_in_postgresql,
}
"""Database -> the values that a field has in some documents."""
