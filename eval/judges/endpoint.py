"""An OpenAI-compatible endpoint, as judges use it: one request, one reply, or an error that says why not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

from eval.judges.replies import Ask, Reply
from rag.errors import GeneratorError, GeneratorUnavailableError

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_LONGEST_PAUSE_S = 120.0  # that a server may ask the client to make before a retry
_NO_KEY = "none"  # local servers take any key, but the client insists on one


class Endpoint(Protocol):
    """Whoever answers a request."""

    async def send(self, ask: Ask) -> Reply:
        """Return the reply.

        Raises:
            GeneratorUnavailableError: there was none after all retries.
            GeneratorError: the request was refused.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class OpenAiEndpoint:
    """Chat completions below `base_url`; the client waits longer before each retry, or as long as the server asks."""

    def __init__(self, base_url: str, key: str | None, timeout_s: float, retries: int) -> None:
        self._options: dict[str, Any] = {
            "base_url": base_url,
            "api_key": key or _NO_KEY,
            "timeout": timeout_s,
            "max_retries": retries,
        }
        self._deadline_s = timeout_s + retries * (timeout_s + _LONGEST_PAUSE_S)
        self._client: AsyncOpenAI | None = None

    async def send(self, ask: Ask) -> Reply:
        """Return the reply, tried again after a timeout, a lost connection, 408, 409, 429 and 5xx."""
        import openai

        if self._client is None:
            self._client = openai.AsyncOpenAI(**self._options)
        try:
            # the client's timeout starts anew with every byte, and some servers send blanks to keep a connection
            async with asyncio.timeout(self._deadline_s):
                return _reply(await self._client.chat.completions.create(**ask.body))
        except TimeoutError as error:
            raise GeneratorUnavailableError(f"no whole reply within {self._deadline_s:g} s") from error
        except openai.APITimeoutError as error:
            raise GeneratorUnavailableError(f"no reply within {self._options['timeout']:g} s") from error
        except openai.APIConnectionError as error:
            raise GeneratorUnavailableError("the endpoint cannot be reached") from error
        except openai.APIStatusError as error:
            passing = error.status_code in (408, 409, 429) or error.status_code >= 500
            kind = GeneratorUnavailableError if passing else GeneratorError
            raise kind(f"HTTP {error.status_code}") from error
        except (openai.OpenAIError, ValueError, AttributeError, TypeError, IndexError) as error:
            # a server that only looks like an OpenAI endpoint can return any shape
            raise GeneratorError(f"no chat completion in the reply: {type(error).__name__}") from error

    async def close(self) -> None:
        """Close the client if there is one."""
        if self._client is not None:
            await self._client.close()
            self._client = None


def _reply(raw: Any) -> Reply:
    choice, usage = raw.choices[0], raw.usage
    return Reply(
        text=choice.message.content or "",
        refusal=choice.message.refusal,
        finish_reason=choice.finish_reason,
        input_tokens=usage and usage.prompt_tokens,
        output_tokens=usage and usage.completion_tokens,
    )
