"""Replies that broke off, and replies whose tokens nobody counted, from the model to the answer that people read."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from api.cli.render import answer_text
from rag.answer.generative import LlmGenerator
from rag.errors import GeneratorError
from rag.llm.base import ChatRequest, Completion, Delta
from rag.pipeline import RagPipeline, Request
from rag.shapes import answer_json
from rag.types import UNCOUNTED, Answer, Usage, total_usage
from tests.rag.explain.test_flow import TEXTS, House

WHOLE = "The light is kept by Ada Brandt [1]. It is old [2]."


class Chat:
    """A model that says one thing, and how it ended."""

    model = "m"

    def __init__(self, text: str, finish: str | None, usage: Usage | None = None) -> None:
        self._text, self._finish, self._usage = text, finish, usage

    async def complete(self, request: ChatRequest) -> Completion:
        return Completion(self._text, None, self._finish, self._usage)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        yield Delta(self._text)
        yield Delta("", None, self._finish, self._usage)


async def answered(text: str, finish: str | None, usage: Usage | None = None) -> Answer:
    house = House(TEXTS)
    stages = replace(house.stages(house.settings), generator=LlmGenerator(Chat(text, finish, usage)))
    return await RagPipeline(stages, house.settings).answer(Request("Who keeps the harbour light?", "fake"))


@pytest.mark.parametrize(("finish", "said"), [("length", "max_output_tokens"), ("content_filter", "content filter")])
@pytest.mark.parametrize("broken", ["It also has a", "It also has a [1]", "- a lamp of", "```\nmake up"])
async def test_the_sentence_that_broke_off_is_not_shown_and_it_is_said(finish: str, said: str, broken: str) -> None:
    found = await answered(f"{WHOLE}\n\n{broken}", finish)
    assert found.text == WHOLE and [bool(s.citations) for s in found.sentences] == [True, True]
    assert len(found.warnings) == 1 and said in found.warnings[0]
    assert answer_json(found).warnings == list(found.warnings) and f"note: {found.warnings[0]}" in answer_text(found)


@pytest.mark.parametrize("finish", ["length", "content_filter"])
async def test_a_reply_that_broke_off_behind_a_sentence_keeps_it(finish: str) -> None:
    found = await answered(WHOLE, finish)
    assert found.text == WHOLE and len(found.warnings) == 1


@pytest.mark.parametrize("finish", ["stop", None, "eos"])
async def test_a_whole_reply_has_no_warning(finish: str | None) -> None:
    found = await answered("Kept by Ada Brandt [1]", finish)
    assert found.text == "Kept by Ada Brandt [1]" and not found.warnings and "note:" not in answer_text(found)


async def test_half_a_sentence_alone_is_no_answer() -> None:
    found = await answered("The light is kept by Ada", "length")
    assert found.abstained and found.reason and "max_output_tokens" in found.reason and not found.text


@pytest.mark.parametrize(("finish", "said"), [("length", "max_output_tokens"), ("content_filter", "content filter")])
async def test_a_reply_without_text_says_why(finish: str, said: str) -> None:
    with pytest.raises(GeneratorError, match=said):
        await answered("", finish)


@pytest.mark.parametrize(
    ("usage", "shown"),
    [
        (None, {"input_tokens": None, "output_tokens": None, "cost_usd": None}),
        (Usage(7, 0, 0.5), {"input_tokens": 7, "output_tokens": 0, "cost_usd": 0.5}),
    ],
)
async def test_tokens_that_nobody_counted_are_unknown_not_zero(
    usage: Usage | None, shown: dict[str, float | None]
) -> None:
    assert answer_json(await answered(WHOLE, "stop", usage)).usage.model_dump() == shown


def test_a_sum_with_an_unknown_part_is_unknown() -> None:
    assert total_usage([Usage(5, 1, 0.5), UNCOUNTED]) == UNCOUNTED
    assert total_usage([Usage(5, 1, 0.5), Usage()]) == Usage(5, 1, 0.5)
    assert total_usage([]) == Usage()
