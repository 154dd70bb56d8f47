"""Logs of questions come in whole, or say which lines do not fit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eval.golden.question_log import Asked, read_traffic
from rag.errors import GoldenSetError
from rag.types import Turn


def test_json_lines_of_logs_and_feedback(tmp_path: Path) -> None:
    rows = [
        {"question": " How  long? ", "answer": "30 days", "verdict": "down", "hits": [{"doc_id": "a", "start": 0}] * 2},
        {"query": "Where?", "verdict": True, "history": [{"role": "agent", "text": "Hello"}]},
        {"user_input": "Where?", "answer": None},
    ]
    path = tmp_path / "log.jsonl"
    path.write_text("\n\n".join(json.dumps(row) for row in rows))
    first, second, third = read_traffic(path)
    assert first == Asked("How long?", answer="30 days", verdict="down", cited=("a",))
    assert second == Asked("Where?", history=(Turn("assistant", "Hello"),), verdict="true")
    assert third == Asked("Where?")


def test_plain_lines(tmp_path: Path) -> None:
    path = tmp_path / "asked.txt"
    path.write_text("How long?\n\n  Where? \n")
    assert [row.question for row in read_traffic(path)] == ["How long?", "Where?"]


def test_every_bad_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"text": "x"}\n{"question": "ok"}\n{"question": " "}\nnonsense\n')
    with pytest.raises(GoldenSetError, match="3 lines that are no questions: log.jsonl:1: question: ") as caught:
        read_traffic(path)
    assert [problem.split(":")[1] for problem in caught.value.problems] == ["1", "3", "4"]
    with pytest.raises(GoldenSetError, match="cannot read"):
        read_traffic(tmp_path / "none.jsonl")
