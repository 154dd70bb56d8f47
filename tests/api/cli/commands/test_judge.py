"""judge score, calibrate and list, as they are typed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.cli import main
from api.cli.arguments import build_parser
from eval.gate.policy import load_policy
from eval.golden import GoldenSet
from eval.report.write import write_report
from eval.runner import Row, Run, RunOptions
from tests.eval.judges.conftest import answered
from tests.eval.judges.scripted import Script, serving

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RAGWRIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    path = tmp_path / "labels.jsonl"
    shown = ["Wash at 30 degrees.", "Dry flat."]
    rows = [
        {"id": str(i), "human": i % 2 == 0, "question": f"How hot is wash {i}?", "contexts": shown,
         "answer": f"Wash at {30 if i % 2 == 0 else 60 + i} degrees."}
        for i in range(20)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def typed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    return code, *capsys.readouterr()


def test_the_verifier_is_calibrated_without_a_model(labels: Path, capsys: pytest.CaptureFixture[str]) -> None:
    calibrate = ["judge", "calibrate", str(labels), "--judge", "lexical", "--metric", "support"]
    code, out, _ = typed(capsys, *calibrate)
    assert code == 0 and "judge lexical (lexical) on support, labels.jsonl: n=20 of 20" in out
    code, out, _ = typed(capsys, *calibrate, "--json", "--no-order")
    record = json.loads(out)
    assert record["kappa"]["value"] == 1.0 and record["position_bias"] is None
    code, out, _ = typed(capsys, "judge", "list")
    assert code == 0 and out.count("lexical  lexical  support") == 2
    code, out, _ = typed(capsys, "judge", "list", "--json")
    assert json.loads(out)[0] == record


def test_a_judge_of_the_settings_is_calibrated(labels: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = Script()
    with serving(script) as url:
        settings = ["--set", "judge.models.strict.model=big", "--set", f"judge.models.strict.base_url={url}"]
        code, out, _ = typed(
            capsys, "judge", "calibrate", str(labels), "--judge", "strict", "--metric", "aspect.complete", *settings
        )
    assert code == 0 and "sensitivity" in out and len(script.requests) == 40  # both orders of the passages


def test_what_is_wrong_is_said_in_one_line(labels: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, why in (
        (["judge", "list"], None),
        (["judge", "calibrate", labels, "--judge", "x", "--metric", "support"], "unknown judge 'x'"),
        (["judge", "calibrate", labels, "--judge", "lexical", "--metric", "truth"], "unknown judge metric 'truth'"),
        (["judge", "calibrate", "none", "--judge", "lexical", "--metric", "support"], "cannot read the labels none"),
        (["judge", "calibrate", labels, "--judge", "x", "--metric", "y", "--scale", "4:1"], "LOW below HIGH"),
        (["judge", "score", labels.parent], "no judge is configured"),
    ):
        code, out, error = typed(capsys, *map(str, arguments))
        if why is None:
            assert (code, out) == (0, "no judge was calibrated\n")
        else:
            assert code == 2 and why in error and error.count("\n") == 1


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A folder with everything that the page's commands name, and the commands."""
    page = (Path(__file__).parents[4] / "docs" / "evaluate" / "judges.md").read_text(encoding="utf-8")
    monkeypatch.setenv("RAGWRIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    script = Script()
    with serving(script) as url:
        for body in re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
            Path(body.split()[1]).write_text(body.replace("http://127.0.0.1:11434/v1", url))
        (rows,) = re.findall(r"^```jsonl\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
        labels = [json.loads(row) for row in rows.splitlines()]
        Path("labels.jsonl").write_text(
            "".join(json.dumps(labels[i % 2] | {"id": str(i)}) + "\n" for i in range(12)),
        )
        seen = [answered(str(i), f"Question {i}?") for i in range(12)]
        golden = GoldenSet("s", Path("s"), Path("s"), tuple(one.case for one in seen), "f" * 64)
        for name in ("candidate", "judged"):
            run = Run(golden, "c", RunOptions(), (), tuple(Row(one, {}) for one in seen), NOW, NOW)
            write_report(run, Path("out") / name)
        yield re.findall(r"^ragwright (.*)$", page, re.MULTILINE)


def test_the_commands_of_the_page_run(workplace: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert typed(capsys, "judge", "score", "out/judged", "--config", "judges.yaml")[0] == 0
    for line in workplace:
        arguments = line.split()
        assert build_parser().parse_args(arguments)
        if arguments[0] == "judge":
            code, out, error = typed(capsys, *arguments)
            assert code == 0 and out, error
    assert "faithfulness" in typed(capsys, "judge", "list", "--config", "judges.yaml")[1]
    assert load_policy(Path("gates.yaml")).judges.min_kappa == 0.2
