"""Workers share scores; a piece of work has one worker, and a dead one's is taken over."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from eval.tune.store import STALE_S, Row, Store, open_store
from rag.errors import StateError


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = request.getfixturevalue("database") if request.param == "postgresql" else None
    opened = open_store(tmp_path, url)
    yield opened
    opened.close()


def test_rows_come_back_as_they_were(store: Store) -> None:
    rows = {"a": Row({"x": 0.25, "y": None}, 1.5, 0.01), "b": Row({"x": None}, error="it failed: \u00e4\n\u2028")}
    store.put(rows)
    assert store.rows(["a", "b", "c"]) == rows
    assert rows["a"].value("x") == 0.25 and math.isnan(rows["a"].value("y")) and math.isnan(rows["a"].value("z"))
    store.put({"a": rows["a"]})
    assert store.evaluations(["a", "b"]) == 3, "working out a row twice is seen"


def test_a_piece_has_one_worker(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda worker: store.claim("s", "piece", f"w{worker}"), range(16)))
    assert sum(taken) == 1
    assert store.claim("other", "piece", "w"), "sweeps do not see each other's pieces"


def test_what_a_dead_worker_had_is_free_again(store: Store) -> None:
    now = [1000.0]
    store._now = lambda: now[0]
    assert store.claim("s", "a", "dead") and store.claim("s", "b", "alive")
    now[0] += STALE_S - 1
    store.beat("s", "alive")
    assert not store.claim("s", "a", "third"), "not dead yet"
    now[0] += 2
    assert store.claim("s", "a", "third") and not store.claim("s", "b", "third")


def test_pieces_are_given_back(store: Store) -> None:
    assert store.claim("s", "a", "one:1:x") and store.claim("s", "b", "one:1:x") and store.claim("s", "c", "one:2:y")
    store.finish("s", "b")
    store.release("s", "one:1:x")
    assert store.claim("s", "a", "new") and not store.claim("s", "b", "new"), "what is done stays done"
    store.forget("s", lambda worker: worker == "one:2:y")
    assert store.claim("s", "c", "new")


def test_the_first_note_stands(store: Store) -> None:
    assert [store.note("s", "pace", value) for value in ("1.5", "2.5")] == ["1.5", "1.5"]
    assert store.note("t", "pace", "3.5") == "3.5" and store.notes("pace") == ["1.5", "3.5"]


def test_the_rows_used_longest_ago_are_forgotten(store: Store) -> None:
    now = [0.0]
    store._now = lambda: now[0]
    for key in "abcd":
        now[0] += 1
        store.put({key: Row({})})
    assert store.trim(2) == 2 and set(store.rows(list("abcd"))) == {"c", "d"} and store.trim(2) == 0


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="RAGWRIGHT_HOME"):
        open_store(tmp_path / "file" / "tune")
