"""Every `bash` and `python` block of README and docs is run as it stands, and prints what its page says.

It runs against a copy of the demo corpus and without a network. These are the only exceptions:

- `make`, `docker` and `source` do nothing, because the environment and the containers are not the tests' to build.
- `ragwright serve` is started once for all pages. Its address, and that of a language model, are replaced by those of
  the live service and of a scripted model.
- A command that needs the internet, a judge or sets that nobody else has stands in a `text` block, which is not run.
  Its verbs and options are checked with all others in `test_names.py`.
- A `yaml` block is the file that its first line names, a `jsonl` block the rows of a file.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from eval.files import read_yaml
from eval.flows.tune import TuneOptions, sweep_spec
from eval.gate.policy import GatePolicy, MetricPolicy, load_policy
from eval.gate.required import SignOffs
from eval.golden import load_golden
from rag.settings import Settings, load_settings
from tests.docs.conftest import MODEL_SAYS, Workspace
from tests.docs.pages import PAGES, blocks, fenced, page

SERVICE, MODEL = "http://127.0.0.1:8484", "http://127.0.0.1:11434"
GATES, LOST_ROWS, TESTS = "docs/evaluate/gates.md", "docs/evaluate/lost-rows.md", "docs/evaluate/ci.md"
SAYS = {
    "README.md": [MODEL_SAYS, *blocks("README.md", "text")[0].splitlines()],
    "docs/answers.md": ["Genvind Nord A/S in Randers", "grounded@1"],
    "docs/evaluate/ci.md": ["4 passed", "3/3"],
    "docs/evaluate/gates.md": ["nothing changed: PASS"],
    "docs/evaluate/golden-sets.md": ["1 labelled, 1 in out/labelled", "synthetic cases of", "intents covered"],
    "docs/http-api.md": ['"abstained":false', '"status":"ok"', "event: answer", "Genvind Nord A/S in Randers"],
    "docs/retrieval.md": ["spelling: bakcup -> backup", "acronyms: FDA: full disk access", '"query_steps": []'],
}
"""What the commands of a page must print."""
PRINTED = ["docs/context.md", "docs/explain.md", "docs/lab/trained.md"]
"""Pages whose `text` blocks are output of their commands."""


def scripts(name: str) -> list[str]:
    """Return the commands of each section of a page as one script: a block may build on the one before it."""
    sections = re.split(r"^## ", page(name), flags=re.MULTILINE)
    found = ["".join(body for kind, body in fenced(section) if kind == "bash") for section in sections]
    return [body for body in found if body not in ("", "ragwright serve\n")]


def without_scores(text: str) -> str:
    """Return the text without ranks and scores of stages: int8 vectors differ a little from machine to machine."""
    return re.sub(r"^([\w-]+) +\d+  \d+\.\d{4}$|\d+\.\d{2,}", r"\1", text, flags=re.MULTILINE)


@pytest.mark.parametrize("name", [name for name in PAGES if scripts(name)])
def test_the_commands_of_a_page_run(name: str, workspace: Workspace, request: pytest.FixtureRequest) -> None:
    workspace.write_files(name)
    for body in blocks(TESTS, "python"):
        (workspace.folder / body.split()[1]).write_text(body)
    printed = ""
    for body in scripts(name):
        body = re.sub(r"^ragwright serve\n", "", body, flags=re.MULTILINE)
        for address, fixture in ((SERVICE, "service"), (MODEL, "model")):
            if address in body:
                body = body.replace(address, request.getfixturevalue(fixture))
        done = workspace.script(body)
        assert done.returncode == 0, f"{body}\n{done.stdout}\n{done.stderr}"
        printed += done.stdout
    assert [line for line in SAYS.get(name, []) if line not in printed] == []
    for shown in blocks(name, "text") if name in PRINTED else []:
        assert without_scores(shown) in without_scores(printed)


@pytest.mark.parametrize(
    ("name", "body"),
    [(name, body) for name in PAGES if name not in (LOST_ROWS, TESTS) for body in blocks(name, "python")],
)
def test_a_python_block_runs(name: str, body: str, workspace: Workspace) -> None:
    (workspace.folder / "snippet.py").write_text(body)
    done = workspace.run(sys.executable, "snippet.py")
    assert done.returncode == 0 and "Genvind Nord" in done.stdout, f"{name}\n{done.stdout}\n{done.stderr}"


def test_every_block_is_of_a_kind_that_is_checked() -> None:
    for name in PAGES:
        kinds = fenced(page(name))
        assert {kind for kind, _ in kinds} <= {"bash", "python", "yaml", "jsonl", "text"}, name
        assert page(name).count("```") == 2 * len(kinds), name


def test_an_evaluation_writes_the_files_that_its_page_names(workspace: Workspace) -> None:
    done = workspace.script("ragwright eval corpora/demo --corpus demo --split dev --out out/baseline")
    assert done.returncode == 0, done.stderr
    said = next(line for line in page("docs/evaluate/README.md").splitlines() if "`eval` writes" in line)
    written = {path.name for path in (workspace.folder / "out" / "baseline").iterdir()}
    assert written == {name for name in re.findall(r"`([\w.]+\.[a-z]+)`", said) if name != "documents.jsonl"}


def test_the_comparison_of_lost_rows_prints_what_the_page_says(workspace: Workspace) -> None:
    (body,), (printed,) = (blocks(LOST_ROWS, kind) for kind in ("python", "text"))
    (workspace.folder / "lost_rows.py").write_text(body)
    done = workspace.run(sys.executable, "lost_rows.py")
    said, shown = ([line.rstrip() for line in text.splitlines()] for text in (done.stdout, printed))
    assert done.returncode == 0 and said[:-1] == shown[:-1], done.stdout + done.stderr
    # The order of what is left of the experiment is a matter of chance.
    assert sorted(re.findall(r"\w+", said[-1])) == sorted(re.findall(r"\w+", shown[-1]))


@pytest.mark.parametrize(("name", "body"), [(name, body) for name in PAGES for body in blocks(name, "yaml")])
def test_a_yaml_block_is_a_file_that_its_reader_takes(name: str, body: str, tmp_path: Path) -> None:
    for other in blocks(name, "yaml"):
        (tmp_path / other.split()[1]).write_text(other)
    file = tmp_path / body.split()[1]
    if file.name.startswith("gates"):
        assert load_policy(file)
    elif file.name == "sweep.yaml":
        assert sweep_spec(str(file), TuneOptions()).space
    elif file.name == "sign-offs.yaml":
        assert read_yaml(file, SignOffs, "the file").sign_offs
    else:
        assert load_settings(file, environ={}) != Settings()


def test_the_page_of_gates_is_true(tmp_path: Path) -> None:
    for body in blocks(GATES, "yaml"):
        (tmp_path / body.split()[1]).write_text(body)
    assert [rule.set for rule in load_policy(tmp_path / "gates-sets.yaml").required] == ["regressions", "intents"]
    policy = load_policy(tmp_path / "gates.yaml")
    assert policy.sign_off
    assert read_yaml(policy.sign_off.file, SignOffs, "the file").sign_offs[0].by in policy.sign_off.by
    explained = re.findall(r"^\| `(\w+)` \|", page(GATES), re.MULTILINE)
    assert {*explained} == {*GatePolicy.model_fields, *MetricPolicy.model_fields} - {"version"}


def test_the_golden_rows_are_a_golden_set(tmp_path: Path) -> None:
    (rows,) = blocks("docs/evaluate/README.md", "jsonl")
    (tmp_path / "questions.jsonl").write_text(rows)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("Broken disks are shredded. Others are wiped.\n")
    (tmp_path / "docs" / "b.md").write_text("Genvind Nord shreds them.\n")
    assert len(load_golden(tmp_path).cases) == 3
