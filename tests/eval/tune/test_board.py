"""Sets and their questions, and the indexes that trials ask."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from eval.tune.board import Board, Places, open_board
from eval.tune.spec import SetSpec
from ingest.pipeline import ingest
from rag.errors import ConfigError, CorpusNotFoundError
from rag.runtime import Runtime, open_runtime
from tests.eval.tune.plant import plant_settings, write_set

NOW = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.fixture
def runtime(tmp_path: Path, model_cache: Path) -> Iterator[Runtime]:
    with open_runtime(plant_settings(tmp_path / "home", model_cache)) as opened:
        yield opened


def board(folder: Path, home: Path, **changes: object) -> Board:
    return open_board([SetSpec.model_validate({"set": folder} | changes)], home, NOW)


def test_the_splits_do_not_share_a_question(tmp_path: Path) -> None:
    found = board(write_set(tmp_path / "set", ("dev", "select", "sealed")), tmp_path)
    assert {item.case.split for item in found.search} == {"dev"} and {i.case.split for i in found.confirm} == {"select"}
    assert not (tmp_path / "sealed.log").exists()


def test_a_set_without_the_split_is_refused(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", ("dev",))
    with pytest.raises(ConfigError, match="no case of 'set'"):
        board(folder, tmp_path)
    assert board(folder, tmp_path, confirm=None).confirm == ()


def test_a_set_without_splits_is_cut_by_cluster(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", (None,))
    found = board(folder, tmp_path, search="half-a", confirm="half-b")
    names = [{item.case.id for item in half} for half in (found.search, found.confirm)]
    assert names[0].isdisjoint(names[1]) and len(names[0] | names[1]) == 24 and min(map(len, names)) >= 6
    again = board(folder, tmp_path, search="half-a", confirm="half-b")
    assert again.search == found.search and again.digest() == found.digest()
    with pytest.raises(ConfigError, match="splits of its own"):
        board(write_set(tmp_path / "split"), tmp_path, search="half-a", confirm="half-b")


def test_a_pattern_takes_the_sets_that_have_both_splits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, splits in (("one", ("dev", "select")), ("two", ("dev", "select")), ("three", ("dev",))):
        write_set(tmp_path / name, splits)
    monkeypatch.setenv("SETS_OF_MINE", str(tmp_path))
    found = board(Path("${SETS_OF_MINE}/*"), tmp_path / "home")
    assert [golden.name for golden in found.golden] == ["one", "two"]
    assert [item.set for item in found.search] == [0] * 12 + [1] * 12
    monkeypatch.delenv("SETS_OF_MINE")
    with pytest.raises(ConfigError, match="variable is not set"):
        board(Path("${SETS_OF_MINE}/*"), tmp_path / "home")
    with pytest.raises(ConfigError, match="no golden set matches"):
        board(tmp_path / "nothing" / "*", tmp_path / "home")


def test_a_set_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set")
    sets = [SetSpec.model_validate({"set": path}) for path in (folder, tmp_path / "." / "set")]
    with pytest.raises(ConfigError, match="named twice; a question counts once"):
        open_board(sets, tmp_path, NOW)


def test_an_index_is_built_once_and_texts_are_embedded_once(tmp_path: Path, runtime: Runtime) -> None:
    found, told = board(write_set(tmp_path / "set"), runtime.home.root), list[str]()
    places = Places(runtime, found, told.append)
    usual = places.of(0, runtime.settings)
    assert not runtime.catalogue.corpora(), "the user's home stays as it was"
    assert places.of(0, runtime.settings.changed({"context.keep": 0.3})) == usual
    small = places.of(0, runtime.settings.changed({"ingest.chunker.max_tokens": 32}))
    assert small.generation.index_id != usual.generation.index_id and small.runtime is usual.runtime
    assert len(told) == 2 and "set" in told[0]
    places.close()
    later = Places(runtime, found, told.append)
    assert later.is_built(0, runtime.settings) and later.of(0, runtime.settings).generation.id == usual.generation.id
    assert len(told) == 2, "a later sweep finds it"
    later.close()


def test_changed_documents_are_another_index(tmp_path: Path, runtime: Runtime) -> None:
    folder = write_set(tmp_path / "set")
    places = Places(runtime, board(folder, runtime.home.root), lambda line: None)
    places.of(0, runtime.settings)
    (folder / "docs" / "new.md").write_text("# New\n\nOne more.\n")
    assert not places.is_built(0, runtime.settings)
    places.close()


def test_a_corpus_is_asked_as_it_stands(tmp_path: Path, runtime: Runtime) -> None:
    folder = write_set(tmp_path / "set")
    found = board(folder, runtime.home.root, corpus="plant")
    places = Places(runtime, found, lambda line: None)
    with pytest.raises(CorpusNotFoundError, match="ragwright ingest SOURCE --corpus plant"):
        places.of(0, runtime.settings)
    ingest([str(folder / "docs")], "plant", runtime)
    assert places.of(0, runtime.settings).runtime is runtime


def test_documents_that_cannot_be_ingested_end_the_sweep(tmp_path: Path, runtime: Runtime) -> None:
    folder = write_set(tmp_path / "set")
    (folder / "docs" / "broken.pdf").write_bytes(b"%PDF-1.4 nothing of a PDF")
    rows = [json.loads(line) for line in (folder / "questions.jsonl").read_text().splitlines()]
    assert rows
    with pytest.raises(ConfigError, match=r"broken\.pdf"):
        Places(runtime, board(folder, runtime.home.root), lambda line: None).of(0, runtime.settings)
