"""Answers that a language model writes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import get_args

from rag.llm.base import ChatModel, ChatRequest, empty_answer, text_of
from rag.types import UNCOUNTED, Context, Cut, CutReason, Draft, Prompt, Usage


class LlmGenerator:
    """`rag.ports.Generator` over a `ChatModel`."""

    def __init__(self, chat: ChatModel) -> None:
        self.model = chat.model
        self.chat = chat

    async def generate(self, question: str, context: Context, prompt: Prompt) -> Draft:
        """Return the model's answer as a draft; a reply without text raises."""
        reply = await text_of(self.chat, ChatRequest(prompt.messages))
        return Draft(reply.text, self.model, reply.usage or UNCOUNTED, cut=_cut(reply.finish_reason))

    async def stream(self, question: str, context: Context, prompt: Prompt) -> AsyncIterator[str | Cut | Usage]:
        """Yield the model's answer piece by piece, then what it used; one without text raises."""
        said, finish = False, None
        usage = UNCOUNTED
        async with aclosing(self.chat.stream(ChatRequest(prompt.messages))) as pieces:
            async for piece in pieces:
                said = said or bool(piece.text.strip())
                usage = piece.usage or usage
                finish = piece.finish_reason or finish
                if piece.text:
                    yield piece.text
        if not said:
            raise empty_answer(self.model, finish)
        cut = _cut(finish)
        if cut is not None:
            yield Cut(cut)
        yield usage


def _cut(finish_reason: str | None) -> CutReason | None:
    return next((reason for reason in get_args(CutReason) if reason == finish_reason), None)
