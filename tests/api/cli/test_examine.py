from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from api.cli import examine as module
from api.cli.examine import examine
from ingest.pipeline import ingest
from rag.errors import StateError
from rag.runtime import open_runtime
from rag.settings import Settings, load_settings


@pytest.fixture
def home(light: None, tmp_path: Path) -> Settings:
    """A home with one corpus of one document."""
    (tmp_path / "a.md").write_text("# Kettle\n\nThe kettle boils at noon.\n")
    settings = load_settings(environ={"RAGWRIGHT_HOME": str(tmp_path / "home")})
    with open_runtime(settings) as runtime:
        ingest([str(tmp_path / "a.md")], "kb", runtime)
    return settings


def test_a_sound_home_passes_every_check(home: Settings) -> None:
    found = list(examine(home))
    assert [check.name for check in found[:7]] == [
        *("python", "packages", "names", "home", "generator", "catalogue", "model")
    ]
    assert {"corpus kb", "kb: vectors"} <= {check.name for check in found}
    assert [check.detail for check in found if not check.ok] == []


def test_a_damaged_corpus_is_named_and_mended_where_that_is_asked_for(home: Settings) -> None:
    shutil.rmtree(home.environment.home / "indexes" / "1" / "bm25")
    assert "kb: keywords" in {check.name for check in examine(home) if not check.ok}
    mended = list(examine(home, repair=True))
    assert any(check.name == "kb: repaired" for check in mended) and all(check.ok for check in mended)


def test_a_part_that_breaks_leaves_the_others_examined(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_names", lambda: 1 / 0)
    found = {check.name: check for check in examine(home)}
    assert not found["names"].ok and "ZeroDivisionError" in found["names"].detail and found["model"].ok


def test_a_disk_that_is_nearly_full_is_named(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: SimpleNamespace(free=5_000_000))
    with pytest.raises(StateError, match="only 5 MB free"):
        module._home(home)


def test_an_endpoint_is_named_and_not_contacted() -> None:
    settings = load_settings(environ={"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"})
    assert "endpoint http://127.0.0.1:9/v1 (not contacted)" in module._generator(settings)
    assert "no endpoint set" in module._generator(load_settings(environ={}))
