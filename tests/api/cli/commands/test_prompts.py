from __future__ import annotations

import json

import pytest

from api.cli import main
from api.cli.commands import prompts
from rag.prompts import PromptFiles


def test_prompts_are_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prompts", "list"]) == 0
    assert "grounded@1" in capsys.readouterr().out
    assert main(["prompts", "show", "grounded@1", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["name"], shown["version"]) == ("grounded", "1") and shown["template"]


def test_a_prompt_that_is_not_there_is_named_with_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prompts", "show", "none@9"]) == 2
    assert "grounded@1" in capsys.readouterr().err


def test_equal_prompts_do_not_differ_and_others_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prompts", "diff", "grounded@1", "grounded@1"]) == 0
    assert capsys.readouterr().out == ""
    other = next(key for key in PromptFiles().keys() if not key.startswith("grounded"))
    assert main(["prompts", "diff", "grounded@1", other]) == 0
    assert capsys.readouterr().out.startswith(f"--- grounded@1\n+++ {other}")


def test_the_shipped_prompts_show_what_the_flow_relies_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prompts", "lint", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["prompts"]
    assert len(found) > 1 and all(prompt["problems"] == [] for prompt in found)


def test_a_prompt_that_hides_the_question_is_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(prompts, "_QUESTION", "a question that is asked")
    monkeypatch.setattr(PromptFiles, "render", lambda self, key, question, context, history: _blind(self.get(key)))
    assert main(["prompts", "lint"]) == 1
    out = capsys.readouterr().out
    assert "does not show the question" in out and "does not end with the user's message" in out


def _blind(prompt: object) -> object:
    from rag.types import Message, Prompt

    return Prompt("x", "1", (Message("system", "Answer."),))
