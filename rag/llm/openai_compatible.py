"""Any OpenAI-compatible chat endpoint, through LlamaIndex's LLM abstraction.

A call has one deadline, retries included. What the endpoint says about a failure goes to the log and nowhere else.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from rag.errors import ConfigError, GeneratorError, GeneratorUnavailableError
from rag.settings import AnswerSettings, Environment
from rag.types import Context, Draft, Prompt, Usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from ssl import SSLContext

    from llama_index.core.base.llms.types import ChatMessage, ChatResponse
    from llama_index.llms.openai_like import OpenAILike

    _Begun = tuple[AsyncGenerator[ChatResponse, None], ChatResponse | None]
    """The pieces of a stream, and the first of them."""

_T = TypeVar("_T")
_logger = logging.getLogger(__name__)

_CONTEXT_WINDOW = 128_000
_NO_KEY = "none"  # local servers take any key, but the client insists on one
_MILLION = 1_000_000
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 8.0
_GRACE_S = 0.5
_LOGGED_CHARS = 2000
# what the client and LlamaIndex raise when they take apart what is no answer
_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, AssertionError, RecursionError)


class _Deadline:
    """The seconds that a call may still wait for the endpoint; what its reader takes between pieces does not count."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds + _GRACE_S

    @property
    def left(self) -> float:
        """The client's own timeout: a little less than ours, so that it finds a silent endpoint first."""
        return max(self._left - _GRACE_S, 0.001)

    async def wait(self, work: Callable[[], Awaitable[_T]]) -> _T:
        """Return what the work returns.

        Raises:
            TimeoutError: the deadline has passed.
        """
        if self._left <= 0:  # work that never has to wait would not be stopped by a timeout
            raise TimeoutError
        start = time.monotonic()
        try:
            async with asyncio.timeout(self._left):
                return await work()
        finally:
            self._left -= time.monotonic() - start


class _BusyError(GeneratorUnavailableError):
    """The endpoint cannot be reached or is busy, so that another try may help; `after_s` is when it says so."""

    after_s: float | None = None


class LlmGenerator:
    """`rag.ports.Generator` over `OPENAI_BASE_URL`; a client is opened for each call."""

    def __init__(self, settings: AnswerSettings, environment: Environment) -> None:
        if not environment.openai_base_url:
            raise ConfigError("answer.generator 'openai' needs OPENAI_BASE_URL (and OPENAI_API_KEY if the server asks)")
        self.model = settings.model
        self._settings = settings
        self._base_url = environment.openai_base_url
        key = environment.openai_api_key
        self._key = key.get_secret_value() if key else _NO_KEY
        self._ssl: SSLContext | None = None
        self._stream_options: dict[str, Any] = {"stream_options": {"include_usage": True}}

    async def generate(self, question: str, context: Context, prompt: Prompt) -> Draft:
        """Return the endpoint's answer as a draft; a reply without text raises."""
        deadline = _Deadline(self._settings.timeout_s)
        async with self._opened() as llm:

            async def ask() -> Draft:
                response = await llm.achat(_messages(prompt), timeout=deadline.left)
                text = (response.message.content or "").strip()
                return Draft(text=text, model=self.model, usage=self._usage(response.raw))

            draft = await self._tried(ask, deadline)
        if not draft.text:
            raise _empty(self.model)
        return draft

    async def stream(self, question: str, context: Context, prompt: Prompt) -> AsyncIterator[str | Usage]:
        """Yield the endpoint's answer piece by piece, then its usage if it says it; an answer without text raises."""
        deadline = _Deadline(self._settings.timeout_s)
        said, usage = False, Usage()
        async with self._opened() as llm:
            pieces, piece = await self._tried(partial(self._begun, llm, _messages(prompt), deadline), deadline)
            async with aclosing(pieces):
                while piece is not None:
                    said = said or bool(piece.delta and piece.delta.strip())
                    if piece.delta:
                        yield piece.delta
                    found = self._usage(piece.raw)
                    usage = usage if found == Usage() else found
                    with self._translated():
                        piece = await deadline.wait(lambda: anext(pieces, None))
        if not said:
            raise _empty(self.model)
        if usage != Usage():
            yield usage

    async def _begun(self, llm: OpenAILike, messages: Sequence[ChatMessage], deadline: _Deadline) -> _Begun:
        """Ask for a stream that ends in its usage; an endpoint that refuses this is asked without it from then on."""
        import openai

        try:
            return await _begun(llm, messages, deadline, self._stream_options)
        except (openai.BadRequestError, openai.UnprocessableEntityError):
            if not self._stream_options:
                raise
            begun = await _begun(llm, messages, deadline, {})
            self._stream_options = {}
            return begun

    async def _tried(self, ask: Callable[[], Awaitable[_T]], deadline: _Deadline) -> _T:
        """Return what `ask` returns; ask again where the endpoint is busy and the deadline allows it."""
        pause = _FIRST_PAUSE_S
        for _ in range(self._settings.retries):
            try:
                with self._translated():
                    return await deadline.wait(ask)
            except _BusyError as error:
                wanted = pause if error.after_s is None else error.after_s
                if wanted >= deadline.left:
                    raise
                await deadline.wait(partial(asyncio.sleep, wanted))
                pause = min(2 * pause, _LONGEST_PAUSE_S)
        with self._translated():
            return await deadline.wait(ask)

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[OpenAILike]:
        """Open a client for one call: a call may be made in any event loop, and leaves no connection behind."""
        if self._ssl is None:
            self._ssl = await asyncio.to_thread(_ready)
        from llama_index.llms.openai_like import OpenAILike

        from rag.llm.wire import guarded_client

        async with guarded_client(self._settings.timeout_s, self._ssl) as client:
            options: Any = {"async_http_client": client}  # OpenAILike takes it, and its signature does not say so
            yield OpenAILike(
                model=self.model,
                api_base=self._base_url,
                api_key=self._key,
                is_chat_model=True,
                temperature=self._settings.temperature,
                max_tokens=self._settings.max_output_tokens,
                timeout=self._settings.timeout_s,
                max_retries=0,  # we try again ourselves: the client's own tries know no common deadline
                context_window=_CONTEXT_WINDOW,
                **options,
            )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn whatever an endpoint can make its clients raise into an error of ours, and log what it said."""
        import httpx
        import openai

        from rag.llm.wire import NonsenseError

        try:
            yield
        except (TimeoutError, openai.OpenAIError, httpx.HTTPError, NonsenseError, *_UNREADABLE) as error:
            found = _judged(error, self._settings.timeout_s)
            _logger.warning("%s; at %s: %s", found, self._base_url, _said(error))
            raise found from error

    def _usage(self, raw: Any) -> Usage:
        counted = getattr(raw, "usage", None)
        if counted is None:
            return Usage()
        tokens = int(counted.prompt_tokens or 0), int(counted.completion_tokens or 0)
        return Usage(*tokens, cost_usd=self._cost(*tokens))

    def _cost(self, input_tokens: int, output_tokens: int) -> float | None:
        prices = self._settings.usd_per_million_input, self._settings.usd_per_million_output
        if prices[0] is None or prices[1] is None:
            return None
        return (input_tokens * prices[0] + output_tokens * prices[1]) / _MILLION


def _ready() -> SSLContext:
    """Import the clients, which takes seconds the first time and would hold up everybody else on the event loop."""
    import openai.resources.chat.completions  # noqa: F401 - the client imports it at its first use only
    from llama_index.core.base.llms.types import ChatMessage  # noqa: F401
    from llama_index.llms.openai_like import OpenAILike  # noqa: F401

    from rag.llm.wire import ssl_context

    return ssl_context()


async def _begun(
    llm: OpenAILike, messages: Sequence[ChatMessage], deadline: _Deadline, options: Mapping[str, Any]
) -> _Begun:
    opened: Any = await llm.astream_chat(messages, timeout=deadline.left, **options)
    return opened, await anext(opened, None)


def _messages(prompt: Prompt) -> list[ChatMessage]:
    from llama_index.core.base.llms.types import ChatMessage

    return [ChatMessage(role=message.role, content=message.content) for message in prompt.messages]


def _empty(model: str) -> GeneratorError:
    return GeneratorError(f"the model {model!r} returned an empty answer")


def _judged(error: Exception, timeout_s: float) -> GeneratorError:
    """Return our error for what a call raised; none quotes the endpoint."""
    import openai

    if isinstance(error, TimeoutError):
        return GeneratorError(f"the model did not finish its answer within {timeout_s:g} s (answer.timeout_s)")
    if isinstance(error, openai.APITimeoutError):
        return GeneratorUnavailableError(f"the model does not answer within {timeout_s:g} s (answer.timeout_s)")
    if isinstance(error, openai.APIConnectionError) and not _is_nonsense(error.__cause__):
        return _BusyError("the model does not answer; see OPENAI_BASE_URL, and the log for the reason")
    if isinstance(error, openai.RateLimitError | openai.InternalServerError):
        busy = _BusyError(f"the model does not answer now (HTTP {error.status_code}); the log holds what it said")
        busy.after_s = _retry_after(error.response.headers.get("retry-after"))
        return busy
    if isinstance(error, openai.APIStatusError):
        return GeneratorError(f"the model refused the request (HTTP {error.status_code}); the log holds what it said")
    return GeneratorError("the model's endpoint returned what is no chat completion; the log holds the reason")


def _is_nonsense(cause: BaseException | None) -> bool:
    """Say whether a connection failed because of what the endpoint answered, not for lack of an answer."""
    import httpx

    from rag.llm.wire import NonsenseError

    if isinstance(cause, httpx.RemoteProtocolError):
        return "without sending a response" not in str(cause)
    return isinstance(cause, NonsenseError | httpx.TooManyRedirects | httpx.DecodingError)


def _retry_after(value: str | None) -> float | None:
    return float(value) if value and value.isascii() and value.isdigit() else None


def _said(error: BaseException) -> str:
    cause = f" ({error.__cause__!r})" if error.__cause__ else ""
    return " ".join(f"{type(error).__name__}: {error}{cause}".split())[:_LOGGED_CHARS]
