"""Filters on metadata in SQL: a field equals the value, or is a list that holds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, case, cast, func, select
from sqlalchemy.dialects.postgresql import JSONB

from rag.errors import ConfigError
from rag.state.tables import documents

Condition = Callable[[str, str], ColumnElement[bool]]


def matching_documents(filter: Mapping[str, str], dialect: str) -> Select[Any]:
    """Return the query for the pks of documents, in every index and generation, whose metadata match.

    Raises:
        ConfigError: the database has no way to look into JSON that we know.
    """
    if dialect not in FILTERS:
        raise ConfigError(f"filters work on {' and '.join(FILTERS)}, not on {dialect}; set another DATABASE_URL")
    condition = FILTERS[dialect]
    return select(documents.c.pk).where(*(condition(key, value) for key, value in filter.items()))


def _in_sqlite(key: str, value: str) -> ColumnElement[bool]:
    # json_each gives a list's items, and a string as its own only item. The key is compared, not put into a path:
    # paths cannot quote every key.
    field = func.json_each(documents.c.metadata).table_valued("key", "value", "type", name="field")
    item = func.json_each(field.c.value).table_valued("value", name="item")
    listed = select(1).select_from(item).where(item.c.value == value).exists()
    # CASE, because json_each fails on a string that is no JSON and AND may look at both sides.
    held = case((field.c.type == "array", listed), else_=field.c.value == value)
    return select(1).select_from(field).where(field.c.key == key, held).exists()


def _in_postgresql(key: str, value: str) -> ColumnElement[bool]:
    # A JSON list contains a bare string if that is one of its items; a string contains itself.
    held = cast(documents.c.metadata.op("->")(cast(key, Text)), JSONB)
    return held.op("@>")(func.to_jsonb(cast(value, Text))).is_(True)


FILTERS: dict[str, Condition] = {"sqlite": _in_sqlite, "postgresql": _in_postgresql}
"""Database -> the condition on `documents` that a field matches a value."""
