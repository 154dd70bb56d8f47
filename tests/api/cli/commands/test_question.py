from __future__ import annotations

import argparse
import json
from dataclasses import replace
from typing import Any

import pytest

from api.cli import main
from api.cli.commands.question import _after_stream, _passage
from tests.api.conftest import make_answer

ASK = ["How long?", "--corpus", "demo"]


@pytest.mark.parametrize(
    ("text", "passage"),
    [
        ("a.md", {"doc_id": "a.md"}),
        ("a%20folder/b%231.md#4-9", {"doc_id": "a folder/b#1.md", "start": 4, "end": 9}),
    ],
)
def test_a_passage_is_a_document_and_perhaps_its_characters(text: str, passage: dict[str, Any]) -> None:
    assert _passage(text) == passage


@pytest.mark.parametrize("text", ["a.md#", "a.md#4", "a.md#4-x", "a#b.md"])
def test_a_mark_in_an_id_must_be_encoded(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="%23"):
        _passage(text)


@pytest.mark.parametrize("verb", ["search", "context", "ask"])
def test_options_reach_the_pipeline(runtime: Any, capsys: pytest.CaptureFixture[str], verb: str) -> None:
    assert main([verb, *ASK, "--top-k", "3", "--filter", "lang=en", "--json"]) == 0
    (request,) = runtime.pipeline.requests
    assert (request.question, request.corpus, request.top_k) == ("How long?", "demo", 3)
    assert json.loads(capsys.readouterr().out)


def test_a_field_that_is_asked_for_twice_is_usage(runtime: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", *ASK, "--filter", "lang=en", "--filter", "lang=de"]) == 2
    assert "names a field twice" in capsys.readouterr().err and runtime.pipeline.requests == []


def test_a_stream_is_one_event_a_line_or_the_text_and_its_sources(
    runtime: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ask", *ASK, "--stream", "--json"]) == 0
    events = [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()]
    assert events == ["context", "delta", "delta", "answer"]
    assert main(["ask", *ASK, "--stream"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Refunds take\n30 days [1].") and "policies/refund terms#1.md" in shown


def test_what_checking_changed_is_shown_after_the_stream() -> None:
    answer = make_answer()
    assert not _after_stream(answer, answer.text).startswith("\n\nAfter checking")
    assert _after_stream(answer, "Refunds take years [1].").startswith("\n\nAfter checking its citations:")
    refused = _after_stream(make_answer(abstained=True), "")
    assert "no passage answers it" in refused
    assert _after_stream(replace(answer, text=answer.text), "").startswith("After checking")
