"""judge score, calibrate and list, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from api.cli import main
from tests.eval.judges.scripted import Script, serving


@pytest.fixture
def labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RAGWRIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    path = tmp_path / "labels.jsonl"
    rows = [
        {"id": str(i), "human": i % 2 == 0, "question": f"How hot is wash {i}?", "contexts": ["Wash at 30 degrees.", "Dry flat."],
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
