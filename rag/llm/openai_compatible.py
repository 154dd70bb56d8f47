"""Any OpenAI-compatible chat endpoint.

A call has one deadline. What the endpoint says about a failure goes to the log and nowhere else.
"""

from __future__ import annotations

import asyncio
import logging
import math
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from rag.errors import GeneratorError, GeneratorUnavailableError
from rag.llm.base import ChatRequest, Completion, Delta
from rag.llm.deadline import Deadline
from rag.types import Usage

if TYPE_CHECKING:
    from ssl import SSLContext

    from openai import APIStatusError, AsyncOpenAI

_logger = logging.getLogger(__name__)

_NO_KEY = "none"  # local servers take any key, but the client insists on one
_LOGGED_CHARS = 2000
_SHORTEST_SECRET = 8  # a shorter key guards nothing, and may be a part of words
_PASSING = (408, 409, 429)
# what the client raises when it takes apart what is no answer, and what we raise
_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, AssertionError, RecursionError)
# OpenAI's names of models that reason; other servers have other names for the same models
_REASONING = re.compile(r"(?:o[1-9]|gpt-5)(?:[.-]|$)")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model is asked, and how long it may take.

    Args:
        base_url: What `/chat/completions` is appended to.
        key: Sent as the bearer token; None for servers that ask for none.
        timeout_s: The longest silence.
        deadline_s: The longest reply, pauses of the reader not counted.
        url_setting: The setting that holds the address, for error messages.
        timeout_setting: The setting that holds the seconds.
    """

    base_url: str
    key: str | None = field(default=None, repr=False)
    timeout_s: float = 60.0
    deadline_s: float = 60.0
    url_setting: str = "OPENAI_BASE_URL"
    timeout_setting: str = "answer.timeout_s"

    def masked(self, text: str) -> str:
        """Return text without the key: an endpoint may send back what it was sent."""
        return text.replace(self.key, "***") if self.key and len(self.key) >= _SHORTEST_SECRET else text


class OpenAiCompatible:
    """A `rag.llm.base.ChatModel` at an endpoint; a client is opened for each call, and nothing is tried again."""

    def __init__(self, model: str, endpoint: Endpoint) -> None:
        self.model = model
        self._endpoint = endpoint
        self._ssl: SSLContext | None = None
        self._counts_streams = True

    async def complete(self, request: ChatRequest) -> Completion:
        """Return the whole reply."""
        deadline = self._deadline(request)
        async with self._opened() as client:
            with self._translated():
                ask = partial(client.chat.completions.create, **self._body(request), stream=False)
                return _completion(await deadline.wait(partial(ask, timeout=self._silence_s(deadline))))

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Yield the reply piece by piece."""
        deadline, said = self._deadline(request), _Said()
        async with self._opened() as client:
            with self._translated():
                opened = await deadline.wait(partial(self._begun, client, request, deadline))
            async with opened as events:
                while True:
                    with self._translated():
                        event = await deadline.wait(partial(anext, events, None))
                        text = "" if event is None else said.text_of(event)
                    if event is None:
                        break
                    if text:
                        yield Delta(text)
        yield said.last

    async def _begun(self, client: AsyncOpenAI, request: ChatRequest, deadline: Deadline) -> Any:
        """Return the open stream; ask once more without a count of tokens where the endpoint refuses to count."""
        import openai

        ask: Any = partial(client.chat.completions.create, **self._body(request), stream=True)
        if self._counts_streams:
            try:
                return await ask(stream_options={"include_usage": True}, timeout=self._silence_s(deadline))
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                said = self._endpoint.masked(_said(error))
                _logger.info("%s refuses to count the tokens of a stream, or more: %s", self.model, said)
        opened = await ask(timeout=self._silence_s(deadline))
        self._counts_streams = False
        return opened

    def _deadline(self, request: ChatRequest) -> Deadline:
        allowed_s = self._endpoint.deadline_s
        return Deadline(allowed_s if request.deadline_s is None else min(allowed_s, request.deadline_s))

    def _silence_s(self, deadline: Deadline) -> float:
        return min(self._endpoint.timeout_s, deadline.left)

    def _body(self, request: ChatRequest) -> dict[str, Any]:
        body = request.body(self.model)
        return _for_reasoning(body) if _REASONING.match(self.model) else body

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[AsyncOpenAI]:
        """Open a client for one call: a call may be made in any event loop, and leaves no connection behind."""
        if self._ssl is None:
            self._ssl = await asyncio.to_thread(_ready)
        import openai

        from rag.llm.wire import guarded_client

        async with guarded_client(self._endpoint.timeout_s, self._ssl) as client:
            yield openai.AsyncOpenAI(
                base_url=self._endpoint.base_url,
                api_key=self._endpoint.key or _NO_KEY,
                timeout=self._endpoint.timeout_s,
                max_retries=0,  # `Retried` tries again: the client's own tries know no common deadline
                http_client=client,
            )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn whatever an endpoint can make its client raise into an error of ours, and log what it said."""
        import httpx
        import openai

        from rag.llm.wire import NonsenseError

        try:
            yield
        except (TimeoutError, openai.OpenAIError, httpx.HTTPError, NonsenseError, *_UNREADABLE) as error:
            found = _judged(error, self._endpoint)
            _logger.warning("%s; at %s: %s", found, self._endpoint.base_url, self._endpoint.masked(_said(error)))
            raise found from error


class _Said:
    """Takes events of a stream apart; `last` is what its last delta carries."""

    def __init__(self) -> None:
        self.last = Delta()

    def text_of(self, event: Any) -> str:
        """Return the text that an event adds, and keep what else it says."""
        usage = _usage(event) or self.last.usage
        choice = next((item for item in event.choices if not item.index), None)
        if choice is None:  # the count of tokens comes alone; a choice that nobody asked for is no reply
            self.last = Delta("", self.last.refusal, self.last.finish_reason, usage)
            return ""
        delta, finish = choice.delta, choice.finish_reason or self.last.finish_reason
        refused = _text(getattr(delta, "refusal", None))
        self.last = Delta("", (self.last.refusal or "") + refused or None, finish, usage)
        return "" if delta is None else _text(delta.content)


def _ready() -> SSLContext:
    """Import the client, which takes a while the first time and would hold up everybody else on the event loop."""
    import openai.resources.chat.completions  # noqa: F401 - the client imports it at its first use only

    from rag.llm.wire import ssl_context

    return ssl_context()


def _for_reasoning(body: dict[str, Any]) -> dict[str, Any]:
    """Return a request as OpenAI's reasoning models take it: another name for the limit, the usual temperature."""
    worded = dict(body)
    if "max_tokens" in worded:
        worded["max_completion_tokens"] = worded.pop("max_tokens")
    if "temperature" in worded:
        worded["temperature"] = 1.0
    worded["messages"] = [
        {**message, "role": "developer"} if message["role"] == "system" else message for message in body["messages"]
    ]
    return worded


def _completion(raw: Any) -> Completion:
    choice = min(raw.choices, key=lambda item: item.index or 0)  # an endpoint may send them in any order
    refusal = _text(getattr(choice.message, "refusal", None)) or None
    return Completion(_text(choice.message.content), refusal, choice.finish_reason, _usage(raw))


def _text(value: object) -> str:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"a message is {type(value).__name__}, no text")
    # Half of a surrogate pair can stand in JSON, and in no file and no reply of ours.
    return (value or "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _usage(raw: Any) -> Usage | None:
    """Return the tokens that an endpoint counted, None where it counted none or no numbers."""
    counted = getattr(raw, "usage", None)
    read, written = (_count(getattr(counted, name, None)) for name in ("prompt_tokens", "completion_tokens"))
    return None if read is None or written is None else Usage(read, written)


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        return None
    return int(value)


def _judged(error: Exception, endpoint: Endpoint) -> GeneratorError:
    """Return our error for what a call raised; none quotes the endpoint."""
    import openai

    silence_s, whole_s = f"{endpoint.timeout_s:g} s", f"{endpoint.deadline_s:g} s"
    if isinstance(error, TimeoutError):
        late = f"the model did not finish its answer within {whole_s} ({endpoint.timeout_setting})"
        return GeneratorError(late, f"no whole reply within {whole_s}")
    if isinstance(error, openai.APITimeoutError):
        silent = f"the model does not answer within {silence_s} ({endpoint.timeout_setting})"
        return GeneratorUnavailableError(silent, f"no reply within {silence_s}")
    if isinstance(error, openai.APIConnectionError) and not _is_nonsense(error.__cause__):
        lost = f"the model does not answer; see {endpoint.url_setting}, and the log for the reason"
        return GeneratorUnavailableError(lost, "the endpoint cannot be reached")
    if isinstance(error, openai.APIStatusError):
        return _refused(error)
    nonsense = "the model's endpoint returned what is no chat completion; the log holds the reason"
    return GeneratorError(nonsense, f"no chat completion in the reply: {type(error.__cause__ or error).__name__}")


def _refused(error: APIStatusError) -> GeneratorError:
    status = f"HTTP {error.status_code}"
    if error.status_code in _PASSING or error.status_code >= 500:
        busy = f"the model does not answer now ({status}); the log holds what it said"
        return GeneratorUnavailableError(busy, status, _retry_after_s(error.response.headers))
    return GeneratorError(f"the model refused the request ({status}); the log holds what it said", status)


def _is_nonsense(cause: BaseException | None) -> bool:
    """Say whether a connection failed because of what the endpoint answered, not for lack of an answer."""
    import httpx

    from rag.llm.wire import NonsenseError

    if isinstance(cause, httpx.RemoteProtocolError):
        return "without sending a response" not in str(cause)
    return isinstance(cause, NonsenseError | httpx.TooManyRedirects | httpx.DecodingError)


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the pause that an endpoint asks for, in whatever unit or as a date; None where it asks for none."""
    milliseconds, after = headers.get("retry-after-ms", ""), headers.get("retry-after", "")
    if milliseconds.isascii() and milliseconds.isdigit():
        return float(milliseconds) / 1000
    if after.isascii() and after.isdigit():
        return float(after)
    try:
        date = parsedate_to_datetime(after)
        return max((date - datetime.now(UTC)).total_seconds(), 0.0)
    except (TypeError, ValueError, OverflowError):  # no date, or one without a zone
        return None


def _said(error: BaseException) -> str:
    cause = f" ({error.__cause__!r})" if error.__cause__ else ""
    return " ".join(f"{type(error).__name__}: {error}{cause}".split())[:_LOGGED_CHARS]
