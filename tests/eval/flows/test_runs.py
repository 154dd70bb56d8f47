"""Evaluate, compare and gate as a job or a sweep calls them: without the command line, and without a word printed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from eval import RunOptions, Selection, compare_runs, error_rates, evaluate, flip_gate, gate_runs
from eval.flows.runs import Evaluation
from ingest.pipeline import ingest
from rag.errors import ConfigError, CorpusNotFoundError, GoldenSetError
from rag.runtime import Runtime, open_runtime
from rag.settings import Settings, load_settings
from tests.eval.lines import line

FAST = RunOptions(ragas=False, search_only=True)
FACTS = {"pump": 3, "valve": 4, "belt": 5, "filter": 6}


def write_set(folder: Path, asked: int = 4) -> Path:
    (folder / "docs").mkdir(parents=True)
    rows = []
    for part, weeks in FACTS.items():
        (folder / "docs" / f"{part}.md").write_text(f"# The {part}\n\nThe {part} is inspected every {weeks} weeks.\n")
        question = {"id": part, "question": f"How often is the {part} inspected?", "answerable": True}
        rows.append(question | {"relevant": [f"{part}.md"], "split": "dev" if weeks < 5 else "select"})
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:asked]))
    return folder


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> Iterator[SimpleNamespace]:
    """A corpus, its set, and one run of it."""
    folder = tmp_path_factory.mktemp("plant")
    overrides = [f"embedder.cache_dir={model_cache}", "embedder.threads=1", "ingest.jobs=1"]
    settings = load_settings(overrides=overrides, environ={"RAGWRIGHT_HOME": str(folder / "home")})
    golden, phases = write_set(folder / "set"), list[str]()
    with open_runtime(settings) as runtime:
        made = evaluate(
            golden, "plant", runtime, folder / "run", ingest_first=True, options=FAST,
            progress=lambda phase, done, total: phases.append(phase),
        )  # fmt: skip
        yield SimpleNamespace(golden=golden, runtime=runtime, made=made, phases=phases, settings=settings)


def test_an_evaluation_is_a_folder_and_its_results(plant: SimpleNamespace) -> None:
    made: Evaluation = plant.made
    assert made.document == json.loads((made.folder / "results.json").read_text())
    assert made.results.cases == 4 and made.results.metrics["nDCG@10"].n == 4
    assert (made.not_ingested, made.unwritten) == (0, "")
    assert made.page == made.folder / "report.html" and "nDCG@10" in made.text(100)
    assert {"documents", "answer", "score"} <= set(plant.phases)


def test_only_the_selected_questions_are_asked(plant: SimpleNamespace, tmp_path: Path) -> None:
    made = evaluate(
        plant.golden, "plant", plant.runtime, tmp_path, options=FAST, selection=Selection("dev", ("id=pump",))
    )
    assert made.results.cases == 1 and made.results.set.split == "dev"


def test_a_folder_that_cannot_be_written_is_found_out_before_anything_is_asked(
    plant: SimpleNamespace, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    asked = list[str]()
    with pytest.raises(ConfigError, match="cannot write the report"):
        evaluate(plant.golden, "plant", plant.runtime, tmp_path / "file", progress=lambda *step: asked.append(step[0]))
    assert asked == []


def test_what_is_not_there_raises(plant: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(GoldenSetError, match="no questions.jsonl"):
        evaluate(tmp_path, "plant", plant.runtime, tmp_path / "out")
    with pytest.raises(CorpusNotFoundError):
        evaluate(plant.golden, "nowhere", plant.runtime, tmp_path / "out", options=FAST)


def test_a_flip_gate_is_what_ingest_asks(plant: SimpleNamespace, tmp_path: Path) -> None:
    runtime: Runtime = plant.runtime
    policy = tmp_path / "gates.yaml"
    policy.write_text("must_pass_tags: [risky]\n")
    gate = flip_gate(plant.golden, "plant", runtime, policy=policy, split="dev")
    (plant.golden / "docs" / "pump.md").write_text("# The pump\n\nThe pump is inspected every 9 weeks.\n")
    report = ingest([str(plant.golden / "docs")], "plant", runtime, gate=gate)
    assert report.gate and report.gate.name == "INCONCLUSIVE" and report.held  # two questions decide nothing
    runs = Path(str(report.gate.details["runs"]))
    assert compare_runs(runs / "live", runs / "candidate").document["cases"] == 2


def write_run(folder: Path, values: list[float], broken: int = 0, **results: Any) -> Path:
    folder.mkdir()
    rows = (
        line({"id": f"q{i}", "cluster": f"q{i}", "metrics": {"nDCG@10": value}, "tags": ["risky"] if i < 9 else [],
              "broken": "not_cited" if i < broken else None, "question": f"Is it {i}?"})
        for i, value in enumerate(values)
    )  # fmt: skip
    (folder / "rows.jsonl").write_text("".join(f"{row.model_dump_json()}\n" for row in rows))
    whole = {
        "set": {"name": "s", "sha256": "f", "split": None, "where": {}}, "primary": "nDCG@10", "settings": "abc",
        "generation": 1, "corpus": "c", "provenance": {}, "ended_at": "",
        "metrics": {"nDCG@10": {"coverage": 1.0, "better": "higher", "unit": "share", "judge": None}},
    }  # fmt: skip
    (folder / "results.json").write_text(json.dumps(whole | results))
    return folder


VALUES = [i % 10 / 10 for i in range(60)]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(environ={"RAGWRIGHT_HOME": str(tmp_path / "home")})


def test_a_comparison_is_returned_and_written_where_it_is_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = write_run(tmp_path / "a", VALUES)
    new = write_run(tmp_path / "b", [value / 2 for value in VALUES], broken=2)
    found = compare_runs(old, new)
    assert found.document["metrics"]["nDCG@10"]["value"] == pytest.approx(-sum(VALUES) / 120)
    assert [item["id"] for item in found.document["flipped"]] == ["q0", "q1"] and "2 cases broke" in found.text()
    found.write(tmp_path / "out")
    assert json.loads((tmp_path / "out" / "comparison.json").read_text()) == found.document
    assert capsys.readouterr() == ("", "")


def test_a_gate_says_verdict_and_exit_code_and_writes_its_files(tmp_path: Path, settings: Settings) -> None:
    old, new = write_run(tmp_path / "a", VALUES), write_run(tmp_path / "b", VALUES, broken=3)
    assert (gate_runs(old, old, settings).verdict, gate_runs(old, old, settings).exit_code) == ("PASS", 0)
    policy = tmp_path / "gates.yaml"
    policy.write_text("must_pass_tags: [risky]\n")
    result = gate_runs(old, new, settings, policy=policy)
    assert (result.verdict, result.exit_code, result.document["must_pass_broken"]) == ("FAIL", 100, ["q0", "q1", "q2"])
    assert result.text().startswith("FAIL")
    result.write(tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"gate.json", "comparison.json", "junit.xml", "summary.md"}


def test_further_runs_count_where_the_policy_requires_their_set(tmp_path: Path, settings: Settings) -> None:
    other = {"name": "old bugs", "sha256": "e", "split": None, "where": {}}
    runs = [write_run(tmp_path / name, VALUES) for name in "ab"]
    bugs = write_run(tmp_path / "c", VALUES, broken=1, set=other)
    policy = tmp_path / "gates.yaml"
    policy.write_text("required: [{name: bugs, set: old bugs}]\n")
    assert gate_runs(*runs, settings, policy=policy).document["required"][0]["n"] == 0
    result = gate_runs(*runs, settings, policy=policy, others=[bugs])
    assert result.verdict == "FAIL" and result.document["required"][0]["broken"] == ["q0"]


def test_error_rates_of_a_policy(tmp_path: Path) -> None:
    old, new = write_run(tmp_path / "a", VALUES), write_run(tmp_path / "b", VALUES[::-1])
    rates = error_rates(old, new, repeats=20)
    assert rates.ok is rates.document["ok"] and "nothing changed" in rates.text()


@pytest.mark.parametrize("which", ["baseline", "candidate", "policy", "other"])
def test_a_path_that_is_wrong_is_a_config_error(tmp_path: Path, settings: Settings, which: str) -> None:
    run, missing = write_run(tmp_path / "a", VALUES), tmp_path / "missing"
    old, new = (missing if which == side else run for side in ("baseline", "candidate"))
    policy, others = (missing if which == "policy" else None), ([missing] if which == "other" else [])
    with pytest.raises(ConfigError, match="missing"):
        gate_runs(old, new, settings, policy=policy, others=others)
