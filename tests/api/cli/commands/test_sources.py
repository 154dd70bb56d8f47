"""The command line over sources, with a real home and an embedder that costs nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from api.cli import main
from ingest.make import workers
from rag.models.embedders import EMBEDDERS
from tests.proofs.inline import in_process
from tests.proofs.light import use_light_embedder

Ragwright = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ragwright(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ragwright:
    light = dict(EMBEDDERS)
    use_light_embedder(light)
    monkeypatch.setitem(EMBEDDERS, "onnx-int8", light["onnx-int8"])
    monkeypatch.setattr(workers.WorkerPool, "outcomes", in_process)
    monkeypatch.setenv("RAGWRIGHT_HOME", str(tmp_path / "home"))

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def folder(place: Path, **texts: str) -> Path:
    place.mkdir()
    for name, text in texts.items():
        (place / f"{name}.md").write_text(f"# {name}\n\n{text}\n")
    return place


def listed(ragwright: Ragwright) -> list[dict[str, Any]]:
    code, out, _ = ragwright("sources", "list", "--corpus", "kb", "--json")
    assert code == 0
    found: list[dict[str, Any]] = json.loads(out)["sources"]
    return found


def test_sources_from_the_first_ingest_to_the_last(tmp_path: Path, ragwright: Ragwright) -> None:
    a, b = folder(tmp_path / "a", guide="of a", own="a"), folder(tmp_path / "b", guide="of b")
    assert ragwright("ingest", a, "--corpus", "kb")[0] == 0
    code, _, err = ragwright("ingest", b, "--corpus", "kb")
    assert code == 1 and err.count("\n") == 1 and str(a) in err and f"{b} --corpus kb --prefix b" in err
    code, out, _ = ragwright("ingest", b, "--corpus", "kb", "--prefix", "b", "--exclude", "drafts", "--json")
    assert code == 0 and json.loads(out)["sources"] == [f"{b} (prefix b)"]
    assert [(x["location"], x["prefix"], x["exclude"], x["documents"]) for x in listed(ragwright)] == [
        (str(a), "", [], 2),
        (str(b), "b", ["drafts"], 1),
    ]
    (a / "own.md").unlink()
    code, out, _ = ragwright("ingest", "--corpus", "kb", "--prune", "--allow-delete-over", "0.5")
    assert code == 0 and "1 removed, 2 unchanged" in out and f"read: {b} (prefix b)" in out
    assert f"source: {a} (1 documents)" in ragwright("status", "--corpus", "kb")[1]
    code, _, err = ragwright("sources", "move", b, tmp_path / "elsewhere", "--corpus", "kb")
    assert code == 0 and f"{tmp_path / 'elsewhere'} is not there yet" in err
    code, out, _ = ragwright("ingest", "--corpus", "kb")
    assert code == 3 and f"failed: {tmp_path / 'elsewhere'}: there is no" in out
    code, _, err = ragwright("sources", "remove", tmp_path / "elsewhere", "--corpus", "kb")
    assert code == 1 and "--allow-delete-over" in err
    removing = ("sources", "remove", tmp_path / "elsewhere", "--corpus", "kb", "--allow-delete-over", "1")
    assert "1 documents removed" in ragwright(*removing)[1]
    assert ragwright(*removing)[0] == 1
    assert [x["location"] for x in listed(ragwright)] == [str(a)]


@pytest.mark.parametrize("option", ["--prefix=x", "--include=*.md", "--exclude=*.md"])
def test_what_describes_a_source_needs_one(ragwright: Ragwright, option: str) -> None:
    code, _, err = ragwright("ingest", "--corpus", "kb", option)
    assert code == 2 and "name it" in err


@pytest.mark.parametrize("prefix", ["//", "..", "../x", "a/./b"])
def test_a_prefix_that_starts_no_id_is_usage(tmp_path: Path, ragwright: Ragwright, prefix: str) -> None:
    code, _, err = ragwright("ingest", folder(tmp_path / "a", guide="x"), "--corpus", "kb", "--prefix", prefix)
    assert code == 2 and "--prefix" in err


def test_sources_of_no_corpus_are_an_error(ragwright: Ragwright) -> None:
    code, _, err = ragwright("sources", "list", "--corpus", "kb")
    assert code == 1 and "there is no corpus 'kb'" in err
    assert "remembers no source to refresh" in ragwright("ingest", "--corpus", "kb")[2]
