"""The judging verifier: a language model says whether evidence supports a claim."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from rag.errors import GeneratorError
from rag.llm.base import ChatModel, ChatRequest, JsonReply, text_of
from rag.prompts import PromptFiles
from rag.prompts.fence import fenced
from rag.prompts.template import render_template
from rag.types import Message, Support

PROMPT = "verify@1"
_AT_ONCE = 4
_SCHEMA = {
    "type": "object",
    "properties": {"score": {"type": "number"}},
    "required": ["score"],
    "additionalProperties": False,
}


class JudgeVerifier:
    """Asks the model that answers, once for each claim; the score is what it says, 0..1."""

    name = "llm"

    def __init__(self, model: ChatModel, threshold: float, prompts: PromptFiles | None = None) -> None:
        self._model = model
        self._threshold = threshold
        self._prompts = prompts or PromptFiles()

    async def verify(self, claims: Sequence[tuple[str, str]]) -> list[Support]:
        """Return one finding for each `(claim, evidence)` pair; supported means a score of the threshold or more.

        Raises:
            GeneratorUnavailableError: the model did not answer; another try may help.
            GeneratorError: it refused, or its reply holds no score.
        """
        free = asyncio.Semaphore(_AT_ONCE)

        async def asked(claim: str, evidence: str) -> float:
            if not claim.strip() or not evidence.strip():
                return 0.0
            async with free:
                return await self._score(claim, evidence)

        scores = await asyncio.gather(*(asked(claim, evidence) for claim, evidence in claims))
        return [Support(score, bool(score) and score >= self._threshold) for score in scores]

    async def _score(self, claim: str, evidence: str) -> float:
        passages = [{"tag": 1, "title": "", "text": fenced(evidence)}]
        values = {"question": fenced(claim), "passages": passages, "history": [], "refusal": ""}
        rendered = render_template(self._prompts.get(PROMPT).template, values)
        messages = tuple(Message("system" if role == "system" else "user", text) for role, text in rendered)
        request = ChatRequest(messages, temperature=0.0, max_output_tokens=64, reply=JsonReply(_SCHEMA, "support"))
        return _score_in((await text_of(self._model, request)).text, self._model.model)


def _score_in(reply: str, model: str) -> float:
    """Read the score of a reply, which some models wrap in a code block or a sentence."""
    start, end = reply.find("{"), reply.rfind("}")
    try:
        score = float(json.loads(reply[start : end + 1])["score"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise GeneratorError(f"the model {model!r} gave no score for a claim", "no score") from error
    if not 0 <= score <= 1:
        raise GeneratorError(f"the model {model!r} gave a score outside 0 to 1 for a claim", "no score")
    return score
