"""Any OpenAI-compatible chat endpoint, through LlamaIndex's LLM abstraction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rag.errors import ConfigError, GeneratorError, GeneratorUnavailableError
from rag.settings import AnswerSettings, Environment
from rag.types import Context, Draft, Prompt, Usage

if TYPE_CHECKING:
    from llama_index.core.base.llms.types import ChatMessage
    from llama_index.llms.openai_like import OpenAILike

_CONTEXT_WINDOW = 128_000
_NO_KEY = "none"  # local servers take any key, but the client insists on one
_MILLION = 1_000_000


class LlmGenerator:
    """`rag.ports.Generator` over `OPENAI_BASE_URL`; the client is opened on first use."""

    def __init__(self, settings: AnswerSettings, environment: Environment) -> None:
        if not environment.openai_base_url:
            raise ConfigError("answer.generator 'openai' needs OPENAI_BASE_URL (and OPENAI_API_KEY if the server asks)")
        self.model = settings.model
        self._settings = settings
        self._base_url = environment.openai_base_url
        key = environment.openai_api_key
        self._key = key.get_secret_value() if key else _NO_KEY
        self._client: OpenAILike | None = None

    async def generate(self, question: str, context: Context, prompt: Prompt) -> Draft:
        """Return the endpoint's answer as a draft; a reply without text raises."""
        with _translated(self._base_url):
            response = await self._llm.achat(_messages(prompt))
        text = (response.message.content or "").strip()
        if not text:
            raise GeneratorError(f"the model {self.model!r} returned an empty answer")
        return Draft(text=text, model=self.model, usage=self._usage(response.raw))

    async def stream(self, question: str, context: Context, prompt: Prompt) -> AsyncIterator[str]:
        """Yield the endpoint's answer piece by piece."""
        with _translated(self._base_url):
            async for piece in await self._llm.astream_chat(_messages(prompt)):
                if piece.delta:
                    yield piece.delta

    @property
    def _llm(self) -> OpenAILike:
        if self._client is None:
            from llama_index.llms.openai_like import OpenAILike

            self._client = OpenAILike(
                model=self.model,
                api_base=self._base_url,
                api_key=self._key,
                is_chat_model=True,
                temperature=self._settings.temperature,
                max_tokens=self._settings.max_output_tokens,
                timeout=self._settings.timeout_s,
                max_retries=self._settings.retries,
                context_window=_CONTEXT_WINDOW,
            )
        return self._client

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


def _messages(prompt: Prompt) -> list[ChatMessage]:
    from llama_index.core.base.llms.types import ChatMessage

    return [ChatMessage(role=message.role, content=message.content) for message in prompt.messages]


@contextmanager
def _translated(base_url: str) -> Iterator[None]:
    import openai

    try:
        yield
    except (openai.APIConnectionError, openai.RateLimitError, openai.InternalServerError) as error:
        raise GeneratorUnavailableError(f"the model at {base_url} does not answer: {_one_line(error)}") from error
    except openai.OpenAIError as error:
        raise GeneratorError(f"the model at {base_url} refused: {_one_line(error)}") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
