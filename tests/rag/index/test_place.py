import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.errors import StateError
from rag.index.place import Place, lock_path, made_socket_path, owner_note, socket_paths, write_note
from rag.state.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    lock_path(home).parent.mkdir(parents=True)
    lock_path(home).touch()
    return home


@pytest.fixture
def lock(home: Home) -> Iterator[int]:
    descriptor = os.open(lock_path(home), os.O_RDWR)
    yield descriptor
    os.close(descriptor)


def test_a_place_is_the_same_under_every_name_but_not_in_a_copy(home: Home, lock: int, tmp_path: Path) -> None:
    place = Place.of(home, lock)
    (tmp_path / "link").symlink_to(home.root)
    shutil.copytree(home.root, tmp_path / "copy")
    assert place.is_at(home) and place.is_at(Home(tmp_path / "link"))
    assert not place.is_at(Home(tmp_path / "copy")) and not place.is_at(Home(tmp_path / "nowhere"))


def test_a_home_that_was_moved_away_and_made_anew_is_another_place(home: Home, lock: int, tmp_path: Path) -> None:
    place = Place.of(home, lock)
    home.root.rename(tmp_path / "moved")
    shutil.copytree(tmp_path / "moved", home.root)
    assert place.is_at(Home(tmp_path / "moved")) and not place.is_at(home)


def test_a_place_goes_through_json(home: Home, lock: int) -> None:
    place = Place.of(home, lock)
    assert Place.from_json(json.loads(json.dumps(place.as_json()))) == place
    for nonsense in (None, 7, [], [[1, 2]], [[1, 2], [3, "x"]], {"a": 1}):
        assert Place.from_json(nonsense) is None


def test_the_note_of_an_owner_replaces_a_longer_one(home: Home, lock: int) -> None:
    assert owner_note(home) == {}
    write_note(lock, Path("/a/rather/long/path/to/a/socket"))
    write_note(lock, Path("/s"))
    assert owner_note(home) == {"pid": os.getpid(), "socket": "/s"}
    assert socket_paths(home) == [str(home.root / "run" / "owner.sock"), "/s"]
    lock_path(home).write_text("[1]")
    assert owner_note(home) == {}


def test_a_socket_lies_in_the_home_where_its_path_is_short_enough(home: Home, tmp_path: Path) -> None:
    path = made_socket_path(home)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    long = Home(tmp_path / ("x" * 120))
    long.root.mkdir()
    elsewhere = made_socket_path(long)
    try:
        assert len(str(elsewhere)) < 100 and elsewhere.parent.stat().st_mode & 0o777 == 0o700
        assert socket_paths(long) == []
    finally:
        elsewhere.parent.rmdir()


def test_a_folder_that_lets_others_in_is_refused(home: Home) -> None:
    (home.root / "run").mkdir(mode=0o755)
    (home.root / "run").chmod(0o755)
    with pytest.raises(StateError, match="only you can enter"):
        made_socket_path(home)
