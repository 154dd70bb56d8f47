import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from rag.errors import ConfigError, StateError
from rag.state.engine import claim_home, open_catalogue, reading, reclaim, writing
from rag.state.home import Home
from rag.state.tables import corpora, schema


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_another_schema_version_is_refused(home: Home) -> None:
    engine = open_catalogue(home)
    with writing(engine) as connection:
        connection.execute(update(schema).values(version=99))
    with pytest.raises(StateError, match="schema 99"):
        open_catalogue(home)


def test_a_file_that_is_no_database_is_a_clear_error(home: Home) -> None:
    home.create()
    home.catalogue.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StateError, match="catalogue"):
        open_catalogue(home)


def test_a_home_below_a_file_says_what_to_set(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="RAGWRIGHT_HOME"):
        open_catalogue(Home(tmp_path / "file" / "home"))


def test_an_error_inside_a_write_changes_nothing(home: Home) -> None:
    engine = open_catalogue(home)
    with pytest.raises(RuntimeError), writing(engine) as connection:
        connection.execute(insert(corpora).values(name="kb", live=None, created_at=""))
        raise RuntimeError
    with sqlite3.connect(home.catalogue) as connection:
        assert connection.execute("select count(*) from corpora").fetchone() == (0,)
    connection.close()


def test_a_home_serves_one_catalogue(home: Home) -> None:
    claim_home(home, "one")
    claim_home(home, "one")
    with pytest.raises(StateError, match="RAGWRIGHT_HOME"):
        claim_home(home, "two")


@pytest.mark.parametrize("url", ["nonsense", "nosuch://host/name", "mysql+mysqldb://host/name"])
def test_a_database_url_that_cannot_be_opened_is_a_clear_error(home: Home, url: str) -> None:
    with pytest.raises(ConfigError, match="DATABASE_URL"):
        open_catalogue(home, url)


def test_what_was_deleted_leaves_no_byte_behind(home: Home) -> None:
    engine = open_catalogue(home)
    with writing(engine) as connection:
        connection.execute(insert(corpora).values(name="zanzibar", live=None, created_at=""))
    with writing(engine) as connection:
        connection.execute(corpora.delete())
    reclaim(engine)
    kept = b"".join(path.read_bytes() for path in home.root.glob("catalogue.db*"))
    assert b"zanzibar" not in kept
    engine.dispose()


def test_a_read_sees_one_state(home: Home) -> None:
    engine = open_catalogue(home)
    with reading(engine) as reader:
        before = reader.execute(corpora.select()).all()
        with writing(engine) as writer:
            writer.execute(insert(corpora).values(name="kb", live=None, created_at=""))
        assert reader.execute(corpora.select()).all() == before == []
    engine.dispose()
