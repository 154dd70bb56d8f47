"""Replies that are kept: for a run, or in a folder of cassettes for runs without a model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from rag.errors import ConfigError, GeneratorError
from rag.files import write_atomic
from rag.llm.base import ChatModel, ChatRequest, Completion, Delta, completion_of
from rag.types import Usage


@dataclass(frozen=True, slots=True)
class Ask:
    """One request as it is sent, without address and key. `take` tells equal requests apart: repeat, and nth time."""

    body: Mapping[str, Any]
    take: tuple[int, int] = (0, 0)

    @property
    def key(self) -> str:
        """SHA-256 of the request in canonical JSON, in hex."""
        canonical = json.dumps([self.body, self.take], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


class Replies(Protocol):
    """Where replies are looked up before anybody is asked."""

    def get(self, ask: Ask) -> Completion | None:
        """Return the reply to an equal request, or None."""
        ...

    def put(self, ask: Ask, reply: Completion) -> None:
        """Keep a reply."""
        ...


class HeldReplies:
    """Replies of one run, in memory."""

    def __init__(self) -> None:
        self._held: dict[str, Completion] = {}

    def get(self, ask: Ask) -> Completion | None:
        """Return the reply to an equal request, or None."""
        return self._held.get(ask.key)

    def put(self, ask: Ask, reply: Completion) -> None:
        """Keep a reply."""
        self._held[ask.key] = reply


class Cassettes:
    """Replies in a folder, one file each, `AB/KEY.json`, with the request beside them. They quote documents."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, ask: Ask) -> Completion | None:
        """Return the recorded reply, or None.

        Raises:
            ConfigError: the file is there but cannot be read.
        """
        path = self._path(ask)
        try:
            return _read(**json.loads(path.read_text(encoding="utf-8"))["reply"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"the cassette {path} is damaged; delete it: {' '.join(str(error).split())}") from error

    def put(self, ask: Ask, reply: Completion) -> None:
        """Write a reply.

        Raises:
            ConfigError: the folder cannot be written.
        """
        path = self._path(ask)
        held = {"request": ask.body, "take": ask.take, "reply": _written(reply)}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, (json.dumps(held, indent=1) + "\n").encode())
        except OSError as error:
            raise ConfigError(f"cannot write cassettes to {self._folder}: {error.strerror}") from error

    def _path(self, ask: Ask) -> Path:
        return self._folder / ask.key[:2] / f"{ask.key}.json"


class Recorded:
    """A `ChatModel` whose replies are kept, failures not. Without an inner model only kept replies are at hand.

    `replayed` counts the replies that were at hand. `missing` names the requests that a replay did not find.
    """

    def __init__(self, model: str, inner: ChatModel | None, replies: Replies) -> None:
        self.model = model
        self.replayed = 0
        self.missing: list[str] = []
        self._inner = inner
        self._replies = replies

    async def complete(self, request: ChatRequest) -> Completion:
        """Return the kept reply to an equal request, or ask and keep.

        Raises:
            ConfigError: the cassettes cannot be read or written.
            GeneratorError: this is a replay and the request was never recorded.
        """
        ask = self._ask(request)
        known = self._known(ask)
        if known is None:
            known = await self._asked(ask).complete(request)
            self._replies.put(ask, _unpaid(known))
        return known

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Yield the kept reply in one piece, or ask and keep the pieces together; errors are those of `complete`."""
        ask = self._ask(request)
        known = self._known(ask)
        if known is not None:
            yield Delta(known.text)
            yield Delta("", known.refusal, known.finish_reason, known.usage)
            return
        said = []
        async with aclosing(self._asked(ask).stream(request)) as pieces:
            async for piece in pieces:
                said.append(piece)
                yield piece
        self._replies.put(ask, _unpaid(completion_of(said)))

    def _ask(self, request: ChatRequest) -> Ask:
        return Ask(request.body(self.model), request.take)

    def _known(self, ask: Ask) -> Completion | None:
        known = self._replies.get(ask)
        self.replayed += known is not None
        return known

    def _asked(self, ask: Ask) -> ChatModel:
        if self._inner is None:
            self.missing.append(ask.key)
            raise GeneratorError("no cassette: a request was never recorded; set judge.replay=false to ask")
        return self._inner


def _unpaid(reply: Completion) -> Completion:
    """Return the reply without its cost, which is paid once."""
    return reply if reply.usage is None else replace(reply, usage=replace(reply.usage, cost_usd=None))


def _written(reply: Completion) -> dict[str, Any]:
    usage = reply.usage
    return {
        "text": reply.text,
        "refusal": reply.refusal,
        "finish_reason": reply.finish_reason,
        "input_tokens": None if usage is None else usage.input_tokens,
        "output_tokens": None if usage is None else usage.output_tokens,
    }


def _read(
    text: str,
    refusal: str | None = None,
    finish_reason: str | None = None,
    input_tokens: int | None = None,
    output_tokens: int | None = None,
) -> Completion:
    usage = None if input_tokens is None or output_tokens is None else Usage(input_tokens, output_tokens)
    return Completion(text, refusal, finish_reason, usage)
