"""Sets checked, covered and made from Python; each result is what the command prints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from eval import SynthesisOptions, check_set, set_coverage, synthesise
from eval.golden import load_golden
from ingest.pipeline import ingest
from rag.errors import ConfigError, CorpusNotFoundError, GoldenSetError
from rag.runtime import Runtime, open_runtime
from rag.settings import load_settings

PARTS = {"pump": ("oil", 3), "valve": ("water", 4), "belt": ("dust", 5), "filter": ("soot", 6)}


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> Iterator[Runtime]:
    folder = tmp_path_factory.mktemp("plant")
    (folder / "docs").mkdir()
    for part, (dirt, weeks) in PARTS.items():
        rows = ((f"Part of the {part}", "Interval"), ("---", "---"), (f"{part} seal", f"{weeks} weeks"),
                (f"{part} housing", f"{weeks * 7} days"))  # fmt: skip
        table = "".join(f"| {name} | {value} |\n" for name, value in rows)
        stops = f"## What stops a {part}\n\nMostly {dirt} stops it.\n\n"
        text = f"# The {part}\n\n{stops}## Service of the {part}\n\n{table}"
        (folder / "docs" / f"{part}.md").write_text(text)
    overrides = [f"embedder.cache_dir={model_cache}", "embedder.threads=1", "ingest.jobs=1"]
    settings = load_settings(overrides=overrides, environ={"RAGWRIGHT_HOME": str(folder / "home")})
    with open_runtime(settings) as opened:
        ingest([str(folder / "docs")], "plant", opened)
        yield opened


def write_set(folder: Path, *rows: dict[str, object]) -> Path:
    (folder / "docs").mkdir(parents=True)
    (folder / "docs" / "pump.md").write_text("The pump.")
    whole = ({"answerable": True, "relevant": ["pump.md"]} | row for row in rows)
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in whole))
    return folder


def test_a_set_is_made_written_and_counted(runtime: Runtime, tmp_path: Path) -> None:
    seen = list[str]()
    options = SynthesisOptions(8, seed=3)
    made = synthesise(
        "plant", runtime, tmp_path / "set", options, progress=lambda phase, done, total: seen.append(phase)
    )
    assert made.cases == len(load_golden(tmp_path / "set").cases) == sum(made.made.values()) > 0
    assert made.golden.sha256 == load_golden(tmp_path / "set").sha256 and made.drafts >= made.cases
    assert "synthesize" in seen
    again = synthesise("plant", runtime, tmp_path / "again", options)
    assert again.golden.sha256 == made.golden.sha256


def test_nothing_is_written_over_and_no_corpus_is_made_up(runtime: Runtime, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="not empty"):
        synthesise("plant", runtime, tmp_path)
    with pytest.raises(CorpusNotFoundError):
        synthesise("nowhere", runtime, tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_coverage_names_what_no_case_touches(runtime: Runtime, tmp_path: Path) -> None:
    golden = write_set(tmp_path / "set", {"id": "1", "question": "What stops a pump?"})
    asked = tmp_path / "asked.txt"
    asked.write_text("What stops the pump?\nHow do I cook rice?\n")
    bare = set_coverage(golden, "plant", runtime)
    assert bare.document["intents"] is None and bare.document["documents"]["touched"] == 1
    assert {item["doc_id"] for item in bare.document["untouched_documents"]} == {"valve.md", "belt.md", "filter.md"}
    strict, loose = (set_coverage(golden, "plant", runtime, asked=asked, similarity=s) for s in (0.99, 0.3))
    covered = [found.document["intents"]["questions"]["touched"] for found in (strict, loose)]
    assert covered[0] < covered[1] == 1 and "cook rice" in loose.text()


def test_a_check_tells_leaks_across_splits_from_duplicates(tmp_path: Path) -> None:
    same = {"question": "How often is the pump inspected?"}
    found = check_set(
        write_set(
            tmp_path / "set",
            {"id": "1", "split": "dev"} | same,
            {"id": "2", "split": "select"} | same,
            {"id": "3", "split": "dev"} | same,
        )
    )
    assert len(found.leaks) == 3 and {(leak.first, leak.second) for leak in found.across} == {("1", "2"), ("2", "3")}
    with pytest.raises(GoldenSetError) as caught:
        check_set(write_set(tmp_path / "bad", {"id": "1"}, {"question": ""}))
    assert len(caught.value.problems) >= 2
