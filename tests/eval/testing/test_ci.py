"""The CI examples: what they say runs, in order, over a small set; the services' own tools are stood in for."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.cli.arguments import build_parser

EXAMPLES = Path(__file__).parents[3] / "docs" / "ci"
# `gh` that has one earlier run, whose artefact is what this run's evaluation wrote.
GH = """
case "$1 $2" in
"run list") echo 17 ;;
"run download") mkdir -p out && cp -r out/candidate out/baseline ;;
"pr comment") cp "${!#}" comment.md ;;
*) exit 9 ;;
esac
"""


def example(name: str) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load((EXAMPLES / name).read_text(encoding="utf-8"))
    return found


def github_steps() -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = example("github-actions.yml")["jobs"]["evaluate"]["steps"]
    return steps


def gitlab_commands(job: str) -> list[str]:
    tree = example("gitlab-ci.yml")
    return [
        *tree[".ragwright"]["before_script"],
        *tree[job]["script"],
        *tree[job].get("after_script", []),
    ]


@pytest.fixture
def project(tmp_path: Path, model_cache: Path) -> Path:
    """A repository with a small set and a policy, and the tools on its path."""
    sentences = [f"Cupboard {i} holds {i + 3} boxes of size {i}." for i in range(24)]
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "boxes.md").write_text("\n\n".join(sentences))
    cases = [
        {"id": f"q{i}", "question": f"How many boxes does cupboard {i} hold?", "answerable": True, "split": "dev",
         "relevant": ["boxes.md"], "tags": ["high-risk"] if i < 2 else []}
        for i in range(24)
    ]  # fmt: skip
    (tmp_path / "questions.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
    (tmp_path / "gates.yaml").write_text("metrics: {nDCG@10: {margin: 0.2}}\n")
    models = tmp_path / ".ragwright" / "models"
    models.mkdir(parents=True)
    for model in model_cache.glob("*.onnx"):
        shutil.copy(model, models)
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, body in (("ragwright", f'exec "{sys.executable}" -m api.cli "$@"'), ("make", "exit 0"), ("gh", GH)):
        (tools / name).write_text(f"#!/usr/bin/env bash\n{body}\n")
        (tools / name).chmod(0o755)
    return tmp_path


def run(project: Path, command: str, names: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": f"{project / 'tools'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(EXAMPLES.parent.parent),
        "HOME": str(project),
        "GITHUB_PATH": str(project / "path"),
        "GITHUB_STEP_SUMMARY": str(project / "step.md"),
        "PULL_REQUEST": "5",
        **names,
        "SOURCE": "docs",
        "SET": ".",
    }
    # as GitHub runs a step
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command],
        cwd=project, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def wanted(step: dict[str, Any], project: Path) -> bool:
    """Say whether a step of a pull request runs."""
    condition = str(step.get("if", ""))
    files = re.findall(r"hashFiles\('([^']+)'\) != ''", condition)
    return "'push'" not in condition and all((project / name).is_file() for name in files)


def test_the_github_steps_of_a_pull_request_run_in_order(project: Path) -> None:
    ran = []
    for step in github_steps():
        if "run" in step and wanted(step, project):
            done = run(project, step["run"], example("github-actions.yml")["env"])
            assert done.returncode == 0, f"{step['name']}: {done.stdout}{done.stderr}"
            ran.append(step["name"])
    assert ran == ["Install", "Ingest", "Evaluate", "Fetch the baseline", "Gate", "Tell the pull request"]
    assert (project / "comment.md").read_text().startswith("## Gate: PASS")
    assert "## Gate: PASS" in (project / "step.md").read_text()
    # the same step with a policy that this candidate fails: the job fails, and the summary is there all the same
    (project / "gates.yaml").write_text("required: [{name: none, where: {tag: gone}}]\n")
    (gate,) = (step["run"] for step in github_steps() if step.get("name") == "Gate")
    assert run(project, gate, example("github-actions.yml")["env"]).returncode == 100
    assert "## Gate: FAIL" in (project / "step.md").read_text()


def test_what_github_keeps_is_what_it_fetches() -> None:
    kept = {step["with"]["name"]: step["with"]["path"] for step in github_steps() if "upload" in step.get("uses", "")}
    (fetch,) = (step["run"] for step in github_steps() if step.get("name") == "Fetch the baseline")
    assert kept["ragwright-baseline"] == "out/candidate" and "--name ragwright-baseline --dir out/baseline" in fetch
    assert kept["ragwright-run"] == "out"


@pytest.mark.parametrize("job", ["baseline", "gate"])
def test_the_gitlab_commands_are_ours_and_shell(job: str, tmp_path: Path) -> None:
    commands = gitlab_commands(job)
    for command in commands:
        assert subprocess.run(["bash", "-n", "-c", command], check=False).returncode == 0, command
        if command.startswith("ragwright"):
            build_parser().parse_args(shlex.split(command)[1:])
    (project,) = [command for command in commands if command.startswith("ragwright ingest")]
    github = [step.get("run") for step in github_steps()]
    assert project in github  # which runs above


def test_gitlab_shows_the_files_that_the_commands_write() -> None:
    gate = example("gitlab-ci.yml")["gate"]
    assert gate["allow_failure"]["exit_codes"] == [101]
    assert set(gate["artifacts"]["reports"]["junit"]) == {"out/gate/junit.xml", "out/candidate/junit.xml"}
    assert "out/baseline" in example("gitlab-ci.yml")["baseline"]["artifacts"]["paths"]
