"""Query steps that a language model writes: one bounded call each; when it fails, the question is searched as it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from rag.errors import GeneratorError
from rag.llm.base import ChatModel, ChatRequest
from rag.prompts import PromptFiles
from rag.types import UNCOUNTED, Context, Query, StepTrace, Variant

_NOTHING = Context((), 0, 0, "")
_LIST_MARK = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s+")
_MAX_CHARS = 2000

Rewrite = Callable[[Query, list[str]], Query]
"""Returns the query that a model's lines, of which there is at least one, make of another."""


@dataclass(slots=True)
class WrittenStep:
    """Asks a model with one prompt and lets `rewrite` use the lines of its reply."""

    name: str
    prompt: str
    rewrite: Rewrite
    model: ChatModel
    prompts: PromptFiles
    needs_history: bool = False

    async def apply(self, query: Query) -> Query:
        """Return the rewritten query, or the same one with a note that says why it was not rewritten."""
        if self.needs_history and not query.history:
            return self._traced(query, query, note="there is no earlier turn")
        prompt = self.prompts.render(self.prompt, query.question, _NOTHING, query.history)
        try:
            reply = await self.model.complete(ChatRequest(prompt.messages))
        except GeneratorError as error:
            return self._traced(query, query, note=f"the model failed, so the question is searched as it is: {error}")
        lines = [_LIST_MARK.sub("", line).strip() for line in reply.text[:_MAX_CHARS].splitlines()]
        lines = [line for line in lines if line]
        found = self.rewrite(query, lines) if lines else query
        traced = self._traced(query, found, note="" if lines else "the model wrote nothing")
        return replace(traced, steps=(*query.steps, replace(traced.steps[-1], usage=reply.usage or UNCOUNTED)))

    def _traced(self, before: Query, after: Query, note: str) -> Query:
        added = [v.text for v in after.variants[len(before.variants) :]]
        trace = StepTrace(self.name, after.text, tuple(added), note, self.prompt)
        return replace(after, steps=(*before.steps, trace))


def condensed(query: Query, lines: list[str]) -> Query:
    """Return the query with the model's stand-alone question in place of the follow-up."""
    return replace(query, text=lines[0], asked=lines[0])


def passage_beside(query: Query, lines: list[str]) -> Query:
    """Return the query with the model's invented passage searched beside it by the dense retriever."""
    return replace(query, variants=(*query.variants, Variant(" ".join(lines), "dense")))


def questions_beside(limit: int) -> Rewrite:
    """Return what searches the model's first `limit` new questions beside the query."""

    def rewrite(query: Query, lines: list[str]) -> Query:
        known = {query.text.lower(), query.question.lower(), *(v.text.lower() for v in query.variants)}
        new = [line for line in dict.fromkeys(lines) if line.lower() not in known]
        return replace(query, variants=(*query.variants, *(Variant(line) for line in new[:limit])))

    return rewrite
