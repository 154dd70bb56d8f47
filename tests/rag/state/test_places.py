import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select

from rag.errors import StateError
from rag.state.engine import open_catalogue, reading, writing
from rag.state.home import Home
from rag.state.places import HomeId, check, claim, home_id, part_from_original, take_over
from rag.state.tables import corpora, indexes, places, schema


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.create()
    return home


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A catalogue that knows index 1, as several homes would share it."""
    engine = open_catalogue(Home(tmp_path / "server"))
    with writing(engine) as connection:
        connection.execute(insert(corpora).values(name="kb", live=None, created_at=""))
        row = {"corpus": "kb", "fingerprint": "f", "embedder": "e", "dim": 3, "settings": {}}
        connection.execute(insert(indexes).values(id=1, **row))
    yield engine
    engine.dispose()


def test_a_home_keeps_its_id_when_it_is_moved_and_a_copy_gets_its_own(home: Home, tmp_path: Path) -> None:
    first = home_id(home)
    assert home_id(home) == first
    shutil.copytree(home.root, tmp_path / "copy")
    assert home_id(Home(tmp_path / "copy")).id != first.id
    home.root.rename(tmp_path / "moved")
    moved = home_id(Home(tmp_path / "moved"))
    assert moved.id == first.id and moved.path.endswith("moved")


@pytest.mark.parametrize("damaged", ["", "{}", "{", '{"id": 1}'])
def test_a_damaged_note_is_replaced(home: Home, damaged: str) -> None:
    (home.root / "home.id").write_text(damaged)
    fresh = home_id(home)
    assert json.loads((home.root / "home.id").read_text())["id"] == fresh.id == home_id(home).id
    assert [path.name for path in home.root.glob("home.id*")] == ["home.id"]


def test_an_index_lies_in_one_home(engine: Engine, home: Home, tmp_path: Path) -> None:
    mine, other = home_id(home), home_id(Home(tmp_path / "other"))
    check(engine, 1, other)  # nobody's yet
    claim(engine, 1, mine)
    claim(engine, 1, mine)
    check(engine, 1, mine)
    for refused in (check, claim):
        with pytest.raises(StateError, match="another home.*doctor --repair"):
            refused(engine, 1, other)


def test_an_index_is_taken_over_only_from_a_home_that_is_gone(engine: Engine, home: Home, tmp_path: Path) -> None:
    mine, other = home_id(home), home_id(Home(tmp_path / "other"))
    take_over(engine, 1, mine)  # nobody's yet
    with pytest.raises(StateError, match="still there"):
        take_over(engine, 1, other)
    shutil.rmtree(home.root)
    take_over(engine, 1, other)
    check(engine, 1, other)
    take_over(engine, 1, other)


def test_a_home_on_another_machine_cannot_be_seen_so_it_may_be_taken_over(engine: Engine, home: Home) -> None:
    claim(engine, 1, HomeId("elsewhere", "no-such-host:/srv/home"))
    take_over(engine, 1, home_id(home))
    check(engine, 1, home_id(home))


def test_a_copied_catalogue_gets_a_name_of_its_own(engine: Engine, home: Home) -> None:
    mine = home_id(home)
    assert not part_from_original(engine, home, mine), "it is no copy"
    claim(engine, 1, HomeId("original", "host:/original"))
    with reading(engine) as connection:
        before = connection.scalar(select(schema.c.catalogue))
    assert part_from_original(engine, home, mine)
    with reading(engine) as connection:
        after = connection.scalar(select(schema.c.catalogue))
        assert connection.execute(select(places.c.home)).all() == [(mine.id,)]
    assert after != before and (home.root / "catalogue.id").read_text() == after
