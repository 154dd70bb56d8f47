from pathlib import Path

from sqlalchemy import inspect

from rag.state.engine import open_catalogue
from rag.state.home import Home
from rag.state.migrations import MIGRATIONS
from rag.state.tables import SCHEMA_VERSION, chunks, documents, generations, indexes, metadata


def test_a_new_catalogue_has_these_tables_with_these_columns(tmp_path: Path) -> None:
    engine = open_catalogue(Home(tmp_path / "home"))
    found = inspect(engine)
    for table in metadata.sorted_tables:
        columns = {column["name"]: column["nullable"] for column in found.get_columns(table.name)}
        assert columns == {column.name: bool(column.nullable) for column in table.columns}, table.name
    engine.dispose()


def test_ids_are_never_given_twice() -> None:
    """What was abandoned can be erased without touching what others see, only if its id does not come back."""
    for table in (indexes, generations, documents, chunks):
        assert table.dialect_options["sqlite"]["autoincrement"], table.name


def test_each_version_of_the_schema_is_reached_from_the_one_before() -> None:
    assert sorted(MIGRATIONS) == list(range(1, SCHEMA_VERSION))
