"""A model's questions stay only with words that its passage holds; bad replies are counted, not raised."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path

import pytest

from eval.golden.synthesis.draft import Draft
from eval.golden.synthesis.model import model_drafts
from ingest.partition import partition_file
from rag.errors import GeneratorUnavailableError
from rag.llm import ChatModel, ChatRequest, Completion
from rag.types import Document

PAGE = "# Refunds\n\n" + "Refunds take thirty days. Card refunds take five days. " * 5 + "\n"


class Scripted:
    """Gives one reply to every call and keeps the prompts."""

    model = "scripted"

    def __init__(self, reply: str | None) -> None:
        self.reply = reply
        self.prompts: list[str] = []

    async def complete(self, request: ChatRequest) -> Completion:
        self.prompts.append("\n".join(message.content for message in request.messages))
        if self.reply is None:
            raise GeneratorUnavailableError("no answer")
        return Completion(self.reply)

    def stream(self, request: ChatRequest):
        raise NotImplementedError


@pytest.fixture
def page(tmp_path: Path) -> Document:
    (tmp_path / "a.md").write_text(PAGE)
    return partition_file(tmp_path / "a.md", "a.md")


def ask(page: Document, generator: ChatModel) -> tuple[list[Draft], Counter[str]]:
    dropped: Counter[str] = Counter()
    return asyncio.run(model_drafts([page], generator, 3, 0, dropped)), dropped


def test_quotes_become_places(page: Document) -> None:
    items = [
        {"question": "How long does a refund take?", "quote": "Refunds take thirty days."},
        {"question": "How fast?", "quote": "In a week."},
        {"question": "What does the passage say?", "quote": "Card refunds take five days."},
        {"question": "No quote?"},
        "nonsense",
    ]
    generator = Scripted("```json\n" + json.dumps({"questions": items}) + "\n```")
    (draft,), dropped = ask(page, generator)
    assert draft.question == "How long does a refund take?" and draft.template == "model questions@1"
    assert [place.text for place in draft.places] == ["Refunds take thirty days."]
    assert page.text[draft.places[0].span.start : draft.places[0].span.end] == "Refunds take thirty days."
    assert dropped == {
        "the model's quote is not in the passage": 1,
        "the model's question points at its passage": 1,
        "the model's reply has no question and quote": 1,
    }
    assert len(generator.prompts) == 1 and "<passage" in generator.prompts[0] and '{"questions"' in generator.prompts[0]


@pytest.mark.parametrize("reply", ["I cannot do that.", '{"questions": "none"}', '{"questions": [', "[1]"])
def test_replies_that_are_no_json_are_counted(page: Document, reply: str) -> None:
    assert ask(page, Scripted(reply)) == ([], {"the model's reply is no such JSON": 1})


def test_a_model_that_never_answers_is_an_error(page: Document) -> None:
    with pytest.raises(GeneratorUnavailableError):
        ask(page, Scripted(None))
