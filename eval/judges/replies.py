"""Requests to a judge and its replies: kept for a run, or in a folder of cassettes for runs without a model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from eval.files import write_atomic
from rag.errors import ConfigError


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


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. Tokens are None where the endpoint does not count them."""

    text: str
    refusal: str | None = None
    finish_reason: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


class Replies(Protocol):
    """Where replies are looked up before anybody is asked."""

    def get(self, ask: Ask) -> Reply | None:
        """Return the reply to an equal request, or None."""
        ...

    def put(self, ask: Ask, reply: Reply) -> None:
        """Keep a reply."""
        ...


class HeldReplies:
    """Replies of one run, in memory."""

    def __init__(self) -> None:
        self._held: dict[str, Reply] = {}

    def get(self, ask: Ask) -> Reply | None:
        """Return the reply to an equal request, or None."""
        return self._held.get(ask.key)

    def put(self, ask: Ask, reply: Reply) -> None:
        """Keep a reply."""
        self._held[ask.key] = reply


class Cassettes:
    """Replies in a folder, one file each, `AB/KEY.json`, with the request beside them. They quote documents."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, ask: Ask) -> Reply | None:
        """Return the recorded reply, or None.

        Raises:
            ConfigError: the file is there but cannot be read.
        """
        path = self._path(ask)
        try:
            return Reply(**json.loads(path.read_text(encoding="utf-8"))["reply"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"the cassette {path} is damaged; delete it: {' '.join(str(error).split())}") from error

    def put(self, ask: Ask, reply: Reply) -> None:
        """Write a reply.

        Raises:
            ConfigError: the folder cannot be written.
        """
        path = self._path(ask)
        held = {"request": ask.body, "take": ask.take, "reply": asdict(reply)}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, (json.dumps(held, indent=1) + "\n").encode())
        except OSError as error:
            raise ConfigError(f"cannot write cassettes to {self._folder}: {error.strerror}") from error

    def _path(self, ask: Ask) -> Path:
        return self._folder / ask.key[:2] / f"{ask.key}.json"
