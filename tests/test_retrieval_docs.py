"""docs/retrieval.md names every member of its families, and its commands and settings work as they stand."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.cli import main
from rag.query.steps import QUERY_STEPS
from rag.retrieve.fusion import FUSIONS
from rag.retrieve.retrievers import RETRIEVERS
from rag.settings import QuerySettings, Settings, load_settings

PAGE = (Path(__file__).parent.parent / "docs" / "retrieval.md").read_text(encoding="utf-8")
FAMILIES = {"retrieval.retrievers": RETRIEVERS, "retrieval.fusion": FUSIONS, "query.steps": QUERY_STEPS}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_table_of_a_family_has_a_row_for_every_key_and_no_other(family: str) -> None:
    (section,) = re.findall(rf"^## [^\n]*`{re.escape(family)}`\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^\| `([a-z0-9-]+)`(?: \(default\))? \|", section, re.MULTILINE)
    assert sorted(rows) == sorted(FAMILIES[family])


def test_the_defaults_are_those_of_the_settings() -> None:
    marked = re.findall(r"^\| `([a-z0-9-]+)` \(default\) \|", PAGE, re.MULTILINE)
    assert marked == [Settings().retrieval.fusion, *Settings().query.steps]


def test_every_setting_of_the_query_steps_is_named() -> None:
    assert [
        name for name in QuerySettings.model_fields if f"query.{name}`" not in PAGE and f"`{name}`" not in PAGE
    ] == []


def test_the_commands_run(
    demo_home: Path,
    model_cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    home = tmp_path / "home"
    shutil.copytree(demo_home, home, ignore=shutil.ignore_patterns("*.sock", "run"))
    monkeypatch.setenv("RAGWRIGHT_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    for body in blocks("yaml"):
        Path(body.splitlines()[0].removeprefix("# ")).write_text(body, encoding="utf-8")
        load_settings(Path(body.splitlines()[0].removeprefix("# ")), environ={})
    shown: list[str] = []
    for line in "".join(blocks("bash")).splitlines():
        program, *arguments = shlex.split(line)
        options = ["--set", f"embedder.cache_dir={model_cache}", "--set", "embedder.threads=1"]
        assert program == "ragwright" and main([*arguments, *options]) == 0, line
        shown.append(capsys.readouterr().out)
    assert len(shown) == 4 and all(shown)
    assert "spelling: bakcup -> backup" in shown[2] and "acronyms: FDA: full disk access" in shown[2]
    found: dict[str, Any] = json.loads(shown[1])
    assert found["hits"] and found["query_steps"] == []


def test_yaml_blocks_are_settings() -> None:
    for body in blocks("yaml"):
        Settings.model_validate(yaml.safe_load(body))
