"""The write stage: a context -> its prompt -> a refusal, or the pieces of a draft as the generator writes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from rag.ports import AnswerGate, Generator, RenderPrompt
from rag.settings import AnswerSettings
from rag.telemetry import Spans
from rag.types import Answerability, Context, Draft, Hit, Piece, Prompt, Query, Request, draft_of


@dataclass(frozen=True, slots=True)
class Writer:
    """Lets the generator write where the gate finds that the context can carry an answer."""

    gate: AnswerGate
    generator: Generator
    render: RenderPrompt
    settings: AnswerSettings

    async def prompt(self, request: Request, context: Context, spans: Spans) -> Prompt:
        """Return the prompt that would be sent; its time counts as packing."""
        with spans.stage("pack"):
            name = request.prompt or self.settings.prompt
            return await asyncio.to_thread(self.render, name, request.question, context, request.history)

    async def judged(self, query: Query, hits: Sequence[Hit], context: Context, spans: Spans) -> Answerability:
        """Return whether the context can carry an answer."""
        with spans.stage("gate"):
            return await self.gate.judge(query, hits, context)

    async def pieces(
        self, question: str, context: Context, prompt: Prompt, judged: Answerability, spans: Spans
    ) -> AsyncGenerator[Piece, None]:
        """Yield the pieces of the draft; none where nothing is to be answered.

        Raises:
            GeneratorError: the model refused or failed.
        """
        if judged.reason is not None:
            return
        written = self.generator.stream(question, context, prompt)
        with spans.stage("generate"):
            try:
                async for piece in written:
                    yield piece
            finally:  # a reader who has left must not keep a model writing
                if isinstance(written, AsyncGenerator):
                    await written.aclose()

    def draft(self, pieces: Sequence[Piece], judged: Answerability) -> Draft:
        """Return the draft that the pieces make, or the refusal."""
        if judged.reason is not None:
            return Draft("", self.generator.model, abstained=True, reason=judged.reason)
        return draft_of(pieces, self.generator.model)
