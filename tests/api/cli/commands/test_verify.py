"""ragwright verify: JSON lines in, a JSON line for each row out, in order."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from api.cli import main

EVIDENCE = "The kiln reaches 900 degrees. Firing takes nine hours."
GOOD = {"id": "a", "claim": "Firing takes nine hours.", "evidence": EVIDENCE}
LIE = {"id": 7, "claim": "Firing takes 11 hours.", "evidence": [EVIDENCE, "The glaze is blue."]}


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, model_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGWRIGHT_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "models").symlink_to(model_cache)


def run(text: str | bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, list[Any]]:
    file = tmp_path / "claims.jsonl"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    code = main(["verify", str(file), *options])
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_rows_are_scored_in_order_whatever_the_verdict(
    options: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = run(lines(LIE, GOOD, LIE | {"id": "c"}), tmp_path, capsys, *options)
    assert code == 0
    assert [row["id"] for row in found] == [7, "a", "c"]
    assert [row["supported"] for row in found] == [False, True, False]
    assert found[1]["score"] == 1.0
    assert all(set(row) == {"id", "score", "supported", "method"} and 0 <= row["score"] <= 1 for row in found)


def test_many_rows_keep_their_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [GOOD | {"id": i} if i % 3 else LIE | {"id": i} for i in range(100)]
    code, found = run(lines(*rows), tmp_path, capsys)
    assert (code, [row["id"] for row in found]) == (0, list(range(100)))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"{broken", "no JSON"),
        (b"[1, 2]", "JSON object"),
        (b"\xff\xfe{}", "UTF-8"),
        (json.dumps({"id": "x", "claim": "c"}).encode(), "evidence"),
        (json.dumps({"claim": "c", "evidence": "e"}).encode(), "id"),
        (json.dumps(GOOD | {"claim": 5}).encode(), "claim"),
        (json.dumps(GOOD | {"evidence": ["a", None]}).encode(), "evidence"),
        (json.dumps(GOOD | {"id": None}).encode(), "id"),
        (json.dumps(GOOD | {"id": True}).encode(), "id"),
        (json.dumps(GOOD | {"claim": "\ud800"}).encode(), "claim"),
        (b"[" * 100_000, "no JSON"),
    ],
)
def test_a_malformed_row_gives_its_line_and_the_others_are_scored(
    line: bytes, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = json.dumps(GOOD).encode() + b"\n\n" + line + b"\r\n" + json.dumps(LIE).encode()
    code, found = run(text, tmp_path, capsys)
    assert code == 3
    assert [row.get("id") for row in found] == ["a", None, 7]
    assert set(found[1]) == {"line", "error"} and found[1]["line"] == 3
    assert problem in found[1]["error"]


def test_labels_beside_the_row_and_a_byte_order_mark_are_no_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = run(b"\xef\xbb\xbf" + lines(GOOD | {"label": 1}).encode(), tmp_path, capsys)
    assert (code, found[0]["supported"]) == (0, True)


def test_empty_claims_and_evidence_support_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [GOOD | {"claim": ""}, GOOD | {"evidence": ""}, GOOD | {"evidence": []}]
    code, found = run(lines(*rows), tmp_path, capsys)
    assert code == 0
    assert [(row["score"], row["supported"]) for row in found] == [(0.0, False)] * 3


def test_a_dash_reads_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines(GOOD).encode())))
    assert main(["verify", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == "a"


def test_an_empty_file_is_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("", tmp_path, capsys) == (0, [])


@pytest.mark.parametrize("method", ["evidence", "lexical", "coverage"])
def test_the_method_is_chosen_and_said(method: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = run(lines(GOOD), tmp_path, capsys, "--method", method)
    assert (code, found[0]["method"]) == (0, method)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--method", "oracle"], "coverage"),
        (["--method", "cross-encoder"], "answer.verifier_model"),
        (["--method", "llm"], "OPENAI_BASE_URL"),
    ],
)
def test_a_verifier_that_is_not_there_is_a_usage_error(
    options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    (tmp_path / "claims.jsonl").write_text(lines(GOOD))
    assert main(["verify", str(tmp_path / "claims.jsonl"), *options]) == 2
    assert said in capsys.readouterr().err


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path / "none.jsonl")]) == 2
    assert "none.jsonl" in capsys.readouterr().err
