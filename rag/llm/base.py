"""The language-model port: one request, and its reply at once or piece by piece."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from rag.errors import GeneratorError
from rag.types import Message, Usage


@dataclass(frozen=True, slots=True)
class JsonReply:
    """Asks for a JSON object, or with a schema for one that fits it."""

    schema: Mapping[str, object] | None = None
    name: str = "reply"


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What a model is asked. None leaves a value to the model's settings, and then to the endpoint.

    Args:
        messages: The conversation, oldest first.
        temperature: Randomness, 0 and up.
        max_output_tokens: The longest reply.
        reply: The form of the reply, None for plain text.
        seed: Equal seeds ask for equal replies, where the endpoint can do that.
        take: Tells equal requests apart: repeat, and nth time in it. It is never sent.
        deadline_s: Seconds that the whole reply may take. It is never sent.
    """

    messages: tuple[Message, ...]
    temperature: float | None = None
    max_output_tokens: int | None = None
    reply: JsonReply | None = None
    seed: int | None = None
    take: tuple[int, int] = (0, 0)
    deadline_s: float | None = None

    def body(self, model: str) -> dict[str, Any]:
        """Return the request as OpenAI's chat completions write it; recorded replies are found by it."""
        body: dict[str, Any] = {"model": model, "messages": [_as_json(message) for message in self.messages]}
        if self.temperature is not None:
            body["temperature"] = self.temperature
        if self.max_output_tokens is not None:
            body["max_tokens"] = self.max_output_tokens
        if self.reply is not None:
            body["response_format"] = _format(self.reply)
        if self.seed is not None:
            body["seed"] = self.seed
        return body


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole reply. `usage` is None where the endpoint does not count tokens."""

    text: str
    refusal: str | None = None
    finish_reason: str | None = None
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a reply. The last one has no text and carries the rest of the completion."""

    text: str = ""
    refusal: str | None = None
    finish_reason: str | None = None
    usage: Usage | None = None


_WHY_EMPTY = {
    "length": ": it used up max_output_tokens before it wrote any; raise that",
    "content_filter": ": a content filter of its endpoint held it back",
}


@runtime_checkable
class ChatModel(Protocol):
    """A language model. `model` is its name at the endpoint."""

    model: str

    async def complete(self, request: ChatRequest) -> Completion:
        """Return the whole reply.

        Raises:
            GeneratorUnavailableError: there was none; another try may help.
            GeneratorError: the request was refused, or the reply is no completion.
        """
        ...

    def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Yield the reply piece by piece; errors are those of `complete`."""
        ...


def completion_of(deltas: Sequence[Delta]) -> Completion:
    """Return the completion that the pieces of a whole stream make."""
    last = deltas[-1] if deltas else Delta()
    return Completion("".join(delta.text for delta in deltas), last.refusal, last.finish_reason, last.usage)


async def text_of(model: ChatModel, request: ChatRequest) -> Completion:
    """Return a completion whose text is stripped and not empty.

    Raises:
        GeneratorError: the model said nothing, or one of the errors of `ChatModel.complete`.
    """
    completion = await model.complete(request)
    text = completion.text.strip()
    if not text:
        raise empty_answer(model.model, completion.finish_reason)
    return Completion(text, completion.refusal, completion.finish_reason, completion.usage)


def empty_answer(model: str, finish_reason: str | None = None) -> GeneratorError:
    """Return the error for a reply without text; it says what to do where the endpoint says why."""
    why = _WHY_EMPTY.get(finish_reason or "", "")
    return GeneratorError(f"the model {model!r} returned an empty answer{why}", "empty answer")


def _as_json(message: Message) -> dict[str, str]:
    return {"role": message.role, "content": message.content}


def _format(reply: JsonReply) -> dict[str, Any]:
    if reply.schema is None:
        return {"type": "json_object"}
    schema = {"name": reply.name, "schema": dict(reply.schema), "strict": True}
    return {"type": "json_schema", "json_schema": schema}
