"""A filter in SQL finds what `rag.types.matches` says, whatever keys, values and conditions look like."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, delete, insert
from sqlalchemy.dialects import postgresql

from rag.conditions import Filter, OneOf, matches
from rag.errors import ConfigError
from rag.ports import REMOVED_NEVER
from rag.state.filters import FILTERS, VALUES, matching_documents, values_of
from rag.state.tables import documents, metadata
from rag.types import as_metadata
from tests.fakes import equal_to

ROW = {"index_id": 1, "doc_id": "d", "title": "", "uri": "", "media_type": "", "source_hash": "", "text": ""}
ROW |= {"blocks": [], "warnings": [], "removed": REMOVED_NEVER}

WORDS = st.sampled_from(["x", "y", "[", '["x"]', '"', "1", "null", "{}", "%", "'"])
KEYS = st.sampled_from(["a", 'a"b', "a.b", "$", "1", "", "a'b", "?"])
CONDITIONS = st.builds(OneOf, KEYS, st.lists(WORDS, max_size=3).map(tuple), st.booleans())
FIELDS = st.dictionaries(KEYS, st.one_of(WORDS, st.lists(WORDS, max_size=2)), max_size=3)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    opened = create_engine("sqlite://")
    metadata.create_all(opened)
    yield opened
    opened.dispose()


def check(engine: Engine, rows: list[dict[str, str | list[str]]], filter: Filter) -> None:
    with engine.begin() as connection:
        connection.execute(delete(documents))
        stored = [{**ROW, "pk": pk, "added": pk, "metadata": fields} for pk, fields in enumerate(rows, start=1)]
        connection.execute(insert(documents), stored)
        found = set(connection.scalars(matching_documents(filter, engine.dialect.name)))
    assert found == {pk for pk, fields in enumerate(rows, start=1) if matches(as_metadata(fields), filter)}


@given(st.lists(FIELDS, min_size=1, max_size=4), st.lists(CONDITIONS, min_size=1, max_size=3).map(tuple))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
def test_a_filter_finds_equality_and_membership(
    engine: Engine, rows: list[dict[str, str | list[str]]], filter: Filter
) -> None:
    check(engine, rows, filter)


def test_a_list_a_string_and_a_string_that_looks_like_a_list_are_told_apart(engine: Engine) -> None:
    rows = [{"a": ["x", "y"]}, {"a": "x"}, {"a": '["x"]'}, {"b": "x"}]
    for value in ("x", "y", '["x"]', "z"):
        check(engine, rows, equal_to(a=value))


@given(st.lists(FIELDS, min_size=1, max_size=4), KEYS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
def test_the_values_of_a_field_are_those_of_its_documents(
    engine: Engine, rows: list[dict[str, str | list[str]]], key: str
) -> None:
    check(engine, rows, ())
    with engine.connect() as connection:
        found = list(connection.scalars(values_of(key, documents.c.pk > 1, "sqlite")))
    held = [fields.get(key, []) for fields in rows[1:]]
    assert sorted(found) == sorted({item for value in held for item in ([value] if isinstance(value, str) else value)})


def test_more_values_than_a_database_takes_parameters(engine: Engine) -> None:
    check(engine, [{"a": "7"}, {"a": "x"}], (OneOf("a", tuple(map(str, range(40_000)))),))


def test_values_reach_postgresql_as_parameters() -> None:
    dialect = postgresql.dialect()
    query = matching_documents((OneOf("a'b", ("x'; --",)),), "postgresql").compile(dialect=dialect)
    assert "?|" in str(query) and "x'" not in str(query)
    assert "a'b" in query.params.values() and ["x'; --"] in query.params.values()
    listed = values_of("a'b", documents.c.index_id == 1, "postgresql").compile(dialect=dialect)
    assert "a'b" not in str(listed) and "a'b" in listed.params.values()


def test_another_database_is_refused_by_name() -> None:
    assert set(FILTERS) == set(VALUES) == {"sqlite", "postgresql"}
    with pytest.raises(ConfigError, match="mysql"):
        matching_documents(equal_to(a="b"), "mysql")
