"""A language model as a judge: RAGAS asks, we carry each request, keep its reply, count it, and say what went wrong."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from eval.judges.base import Cost, JudgeMetric, Material
from eval.judges.ragas_embedding import one_at_a_time
from eval.metrics.base import Unmeasured, Value
from rag.errors import ConfigError, GeneratorError
from rag.llm import ChatRequest, Completion, JsonReply, Meter, Metered, Recorded, Replies
from rag.llm.metered import prices_of
from rag.ports import Embedder
from rag.settings import JudgeModelSettings
from rag.types import Message

Model = TypeVar("Model", bound=BaseModel)

_ROUNDING = 1e-6
_SHOWN = 80


class LanguageJudge:
    """`eval.judges.base.Judge` over a language model; without one (a replay) only recorded replies are at hand."""

    def __init__(
        self,
        name: str,
        settings: JudgeModelSettings,
        metrics: Mapping[str, JudgeMetric],
        chat: Metered | None,
        replies: Replies,
        embedder: Embedder | None = None,
    ) -> None:
        self.name = name
        self._settings = settings
        self.model = settings.model
        self.concurrency = settings.concurrency
        self.repeats = settings.repeats
        self.metrics = metrics
        self._chat = chat
        self._kept = Recorded(settings.model, chat, replies)
        self._prices = prices_of(settings.usd_per_million_input, settings.usd_per_million_output)
        self._failures: Counter[str] = Counter()
        self._embedder = embedder

    @property
    def cost(self) -> Cost:
        """What was used so far."""
        meter = Meter(usd=None if self._prices is None else 0.0) if self._chat is None else self._chat.meter
        kept = self._kept
        return Cost(replayed=kept.replayed, failed=self._failures, missing=kept.missing, **asdict(meter))

    def fingerprint(self, metric: str) -> str:
        """Return 12 hex digits of the model, how it is called, the metric and the RAGAS release that words it."""
        called = self._settings.model_dump(include={"model", "temperature", "max_output_tokens", "repeats"})
        member = self.metrics[metric]
        worded = {"metric": metric, "definition": member.definition, "ragas": version("ragas")}
        if member.uses_embedder and self._embedder:
            worded["embedder"] = self._embedder.name
        return hashlib.sha256(json.dumps(called | worded, sort_keys=True).encode()).hexdigest()[:12]

    async def score(self, metric: str, material: Material, repeat: int = 0) -> Value:
        """Return one score, 0..1, or why there is none.

        Raises:
            ConfigError: the cassettes cannot be read or written.
        """
        from eval.judges.ragas_bridge import RagasEmbedding, RagasLlm

        member, llm = self.metrics[metric], RagasLlm(self, repeat)
        wanted = self._embedder if member.uses_embedder else None
        embedding = RagasEmbedding(one_at_a_time(wanted)) if wanted else None
        try:
            value = await member.build(llm, embedding)(material)
        except ConfigError:
            raise
        except Exception as error:  # foreign code, one case: any failure is this case's reason
            raised = f"RAGAS raised {type(error).__name__}: {' '.join(str(error).split())[:200]}"
            return Unmeasured(llm.failure or raised)
        if llm.failure is not None:  # RAGAS swallowed it and scored what was left
            return Unmeasured(llm.failure)
        if not -_ROUNDING <= value <= 1 + _ROUNDING:
            odd = "no score" if math.isnan(value) else f"a score of {value:g}, outside 0..1"
            return Unmeasured(f"judge {self.name!r}: its verdicts make {odd}")
        return min(1.0, max(0.0, value))

    async def structured(self, prompt: str, shape: type[Model], take: tuple[int, int]) -> Model:
        """Return the model's reply to a prompt as `shape`; a reply that does not fit is sent back with what is wrong.

        Raises:
            GeneratorError: no reply, a refusal, or none that fits after all retries.
        """
        messages = [Message("user", prompt)]
        for tries_left in range(self._settings.retries, -1, -1):
            text = self._said(await self._ask(messages, take))
            try:
                return shape.model_validate_json(_json_of(text))
            except ValidationError as error:
                if not tries_left:
                    raise self._failed(f"malformed reply: {_problem(error)}") from error
                complaint = f"This does not fit: {_problem(error)}. Return the JSON object alone."
                messages += [Message("assistant", text), Message("user", complaint)]
        raise AssertionError("unreachable: the last try returns or raises")

    async def _ask(self, messages: list[Message], take: tuple[int, int]) -> Completion:
        settings = self._settings
        reply = JsonReply() if settings.json_mode else None
        request = ChatRequest(tuple(messages), settings.temperature, settings.max_output_tokens, reply, take=take)
        try:
            return await self._kept.complete(request)
        except GeneratorError as error:
            raise self._failed(error.brief) from error

    def _said(self, reply: Completion) -> str:
        if reply.refusal or reply.finish_reason == "content_filter":
            raise self._failed(f"refused: {(reply.refusal or 'content filter')[:_SHOWN]!r}")
        if reply.finish_reason == "length":
            raise self._failed("the reply was cut off at max_output_tokens")
        return reply.text

    def _failed(self, reason: str) -> GeneratorError:
        self._failures[reason.split(":")[0]] += 1
        return GeneratorError(f"judge {self.name!r}: {reason}")


def _json_of(text: str) -> str:
    """Return what stands between the first and the last brace: models wrap JSON in prose and code fences."""
    return text[text.find("{") : text.rfind("}") + 1]


def _problem(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(str(part) for part in first['loc']) or 'reply'}: {first['msg']}"
