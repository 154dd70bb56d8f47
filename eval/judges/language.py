"""A language model as a judge: RAGAS asks, we carry each request, keep its reply, count it, and say what went wrong."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from eval.judges.base import Cost, JudgeMetric, Material
from eval.judges.endpoint import Endpoint
from eval.judges.ragas_embedding import one_at_a_time
from eval.judges.replies import Ask, Replies, Reply
from eval.metrics.base import Unmeasured, Value
from rag.errors import ConfigError, GeneratorError
from rag.ports import Embedder
from rag.settings import JudgeModelSettings

Model = TypeVar("Model", bound=BaseModel)
Messages = list[dict[str, str]]

_MILLION = 1_000_000
_ROUNDING = 1e-6
_SHOWN = 80


class LanguageJudge:
    """`eval.judges.base.Judge` over an endpoint; without one (a replay) only recorded replies are at hand."""

    def __init__(
        self,
        name: str,
        settings: JudgeModelSettings,
        metrics: Mapping[str, JudgeMetric],
        endpoint: Endpoint | None,
        replies: Replies,
        embedder: Embedder | None = None,
    ) -> None:
        self.name = name
        self._settings = settings
        self.model = settings.model
        self.concurrency = settings.concurrency
        self.repeats = settings.repeats
        self.metrics = metrics
        self.cost = Cost(usd=None if self._prices is None else 0.0)
        self._endpoint = endpoint
        self._replies = replies
        self._embedder = embedder

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
        messages: Messages = [{"role": "user", "content": prompt}]
        for tries_left in range(self._settings.retries, -1, -1):
            reply = await self._ask(messages, take)
            text = self._said(reply)
            try:
                return shape.model_validate_json(_json_of(text))
            except ValidationError as error:
                if not tries_left:
                    raise self._failed(f"malformed reply: {_problem(error)}") from error
                complaint = f"This does not fit: {_problem(error)}. Return the JSON object alone."
                messages += [{"role": "assistant", "content": text}, {"role": "user", "content": complaint}]
        raise AssertionError("unreachable: the last try returns or raises")

    async def close(self) -> None:
        """Close the endpoint."""
        if self._endpoint is not None:
            await self._endpoint.close()

    async def _ask(self, messages: Messages, take: tuple[int, int]) -> Reply:
        ask = Ask(self._body(messages), take)
        known = self._replies.get(ask)
        if known is not None:
            self.cost.replayed += 1
            return known
        if self._endpoint is None:
            self.cost.missing.append(ask.key)
            raise self._failed("no cassette: a request was never recorded; set judge.replay=false to ask")
        started = time.perf_counter()
        try:
            reply = await self._endpoint.send(ask)
        except GeneratorError as error:
            raise self._failed(str(error)) from error
        finally:
            self.cost.calls += 1
            self.cost.seconds += time.perf_counter() - started
        self._count(reply)
        self._replies.put(ask, reply)
        return reply

    def _body(self, messages: Messages) -> dict[str, Any]:
        settings = self._settings
        body: dict[str, Any] = {"model": settings.model, "messages": list(messages)}
        if settings.temperature is not None:
            body["temperature"] = settings.temperature
        if settings.max_output_tokens is not None:
            body["max_tokens"] = settings.max_output_tokens
        if settings.json_mode:
            body["response_format"] = {"type": "json_object"}
        return body

    def _said(self, reply: Reply) -> str:
        if reply.refusal or reply.finish_reason == "content_filter":
            raise self._failed(f"refused: {(reply.refusal or 'content filter')[:_SHOWN]!r}")
        if reply.finish_reason == "length":
            raise self._failed("the reply was cut off at max_output_tokens")
        return reply.text

    def _count(self, reply: Reply) -> None:
        if reply.input_tokens is None or reply.output_tokens is None:
            self.cost.uncounted += 1
            return
        self.cost.input_tokens += reply.input_tokens
        self.cost.output_tokens += reply.output_tokens
        if self._prices is not None:
            spent = reply.input_tokens * self._prices[0] + reply.output_tokens * self._prices[1]
            self.cost.usd = (self.cost.usd or 0.0) + spent / _MILLION

    @property
    def _prices(self) -> tuple[float, float] | None:
        read, written = self._settings.usd_per_million_input, self._settings.usd_per_million_output
        return None if read is None or written is None else (read, written)

    def _failed(self, reason: str) -> GeneratorError:
        self.cost.failed[reason.split(":")[0]] += 1
        return GeneratorError(f"judge {self.name!r}: {reason}")


def _json_of(text: str) -> str:
    """Return what stands between the first and the last brace: models wrap JSON in prose and code fences."""
    return text[text.find("{") : text.rfind("}") + 1]


def _problem(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(str(part) for part in first['loc']) or 'reply'}: {first['msg']}"
