"""From the settings to a language model: which one a part names, where it is asked, and how often and how long."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from pydantic import SecretStr

from rag.errors import ConfigError, UnknownKeyError
from rag.llm.base import ChatModel, ChatRequest, Completion, Delta
from rag.llm.metered import Metered, prices_of
from rag.llm.openai_compatible import Endpoint, OpenAiCompatible
from rag.llm.retried import Retried
from rag.settings import AnswerSettings, Environment, JudgeModelSettings, ModelSettings, QuerySettings
from rag.settings.models import address_problem

_logger = logging.getLogger(__name__)
_LONGEST_PAUSE_S = 120.0  # that a judge's endpoint may ask for before another try


class Configured:
    """A `ChatModel` that fills what a request leaves open from the model's settings."""

    def __init__(self, inner: ChatModel, settings: ModelSettings) -> None:
        self.model = inner.model
        self._inner = inner
        self._settings = settings

    async def complete(self, request: ChatRequest) -> Completion:
        """Return the reply to the filled request."""
        return await self._inner.complete(self._filled(request))

    def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Return the pieces of the reply to the filled request."""
        return self._inner.stream(self._filled(request))

    def _filled(self, request: ChatRequest) -> ChatRequest:
        temperature, limit = request.temperature, request.max_output_tokens
        return replace(
            request,
            temperature=self._settings.temperature if temperature is None else temperature,
            max_output_tokens=self._settings.max_output_tokens if limit is None else limit,
        )


class ChatModels:
    """Opens language models by name: an entry of `models`, else a model at OPENAI_BASE_URL, which is noted once."""

    def __init__(self, models: Mapping[str, ModelSettings], environment: Environment) -> None:
        self._models = models
        self._environment = environment
        self._noted: set[str] = set()

    def can_answer(self, settings: AnswerSettings) -> bool:
        """Say whether the model that `answer.model` names can be asked somewhere."""
        named = bool(self._models) and settings.model != AnswerSettings().model
        return named or settings.model in self._models or bool(self._environment.openai_base_url)

    def called(self, settings: AnswerSettings) -> str:
        """Return what the endpoint calls the model that answers."""
        entry = self._models.get(settings.model)
        return settings.model if entry is None else entry.model

    def answering(self, settings: AnswerSettings) -> ChatModel:
        """Return the model that writes answers.

        Raises:
            ConfigError: it has no endpoint, or its key is not set.
        """
        return self._answering(settings.model, settings, "answer")

    def rewriting(self, settings: QuerySettings, answer: AnswerSettings) -> ChatModel | None:
        """Return the model that query steps ask, None where it is the one that answers.

        Raises:
            ConfigError: it has no endpoint, or its key is not set.
        """
        return None if settings.model is None else self._answering(settings.model, answer, "query")

    def resolved(self, judge: JudgeModelSettings) -> JudgeModelSettings:
        """Return a judge with all that the entry of `models` says, if it names one."""
        entry = self._models.get(judge.model)
        return judge if entry is None else judge.model_copy(update=entry.model_dump(exclude={"api_key_env"}))

    def judging(self, name: str, judge: JudgeModelSettings) -> Metered:
        """Return the model of a judge, which has the patience of batch work: each try may take `timeout_s`.

        Raises:
            ConfigError: it has no endpoint, or its key is not set.
        """
        entry, part = self._models.get(judge.model), f"judge.models.{name}"
        settings = judge.own_model() if entry is None else entry
        if entry is None and not (judge.base_url or self._environment.openai_base_url):
            raise ConfigError(f"judge {name!r} has no endpoint: set {part}.base_url or OPENAI_BASE_URL")
        key = self._key(judge.model, entry) if entry else self._environment.openai_api_key
        if entry is None and judge.base_url is None:
            self._note(part, judge.model)
        whole_s = settings.timeout_s + settings.retries * (settings.timeout_s + _LONGEST_PAUSE_S)
        return self._metered(settings, part if entry is None else f"models.{judge.model}", key, whole_s)

    def _answering(self, name: str, answer: AnswerSettings, part: str) -> ChatModel:
        entry = self._models.get(name)
        settings = answer.own_model(name) if entry is None else entry
        key = self._key(name, entry) if entry else self._environment.openai_api_key
        if entry is None and self._environment.openai_base_url:
            self._note(part, name)
        if entry is None and not self._environment.openai_base_url and self._models:
            raise UnknownKeyError("model", name, self._models)
        section = "answer" if entry is None else f"models.{name}"
        return Configured(self._metered(settings, section, key, settings.timeout_s), settings)

    def _metered(self, settings: ModelSettings, section: str, key: SecretStr | None, whole_s: float) -> Metered:
        base_url = settings.base_url or self._environment.openai_base_url
        if not base_url:
            raise ConfigError(f"{_wanting(section)} needs OPENAI_BASE_URL (and OPENAI_API_KEY if the server asks)")
        if urlsplit(base_url).password is not None or urlsplit(base_url).username is not None:
            raise ConfigError("an endpoint's address holds a user or password; take it out, and name the key by itself")
        if not settings.base_url and (problem := address_problem(base_url)):
            raise ConfigError(f"OPENAI_BASE_URL: {problem.replace('a base_url', 'it')}")
        endpoint = Endpoint(
            base_url,
            _plain(key, section),
            timeout_s=settings.timeout_s,
            deadline_s=whole_s,
            url_setting=f"{section}.base_url" if settings.base_url else "OPENAI_BASE_URL",
            timeout_setting=f"{section}.timeout_s",
        )
        asked = Retried(OpenAiCompatible(settings.model, endpoint), settings.retries, whole_s)
        return Metered(asked, prices_of(settings.usd_per_million_input, settings.usd_per_million_output))

    def _key(self, name: str, entry: ModelSettings) -> SecretStr | None:
        """Return the key of an entry; the one of OPENAI_BASE_URL goes to no other address unless it is named."""
        variable = entry.api_key_env
        if variable is None:
            return None if entry.base_url else self._environment.openai_api_key
        if not re.fullmatch(r"[A-Za-z_]\w*", variable):
            raise ConfigError(f"models.{name}.api_key_env is no variable's name; write a name there, never the key")
        if variable not in self._environment.model_keys:
            raise ConfigError(f"models.{name}.api_key_env names {variable}, which is not set; export it")
        return self._environment.model_keys[variable]

    def _note(self, part: str, name: str) -> None:
        if name in self._noted:
            return
        self._noted.add(name)
        _logger.warning(
            "%s.model: %r is no entry of `models`, so it is asked at OPENAI_BASE_URL. Better write it as one, "
            "`models: {big: {model: %s}}`, and name that: `%s.model: big`. See docs/models.md",
            part,
            name,
            name,
            part,
        )


def _plain(key: SecretStr | None, section: str) -> str | None:
    """Return a key as it can stand in a header; the error does not repeat it."""
    text = key.get_secret_value().strip() if key else ""
    if text and not (text.isascii() and text.isprintable() and " " not in text):
        raise ConfigError(f"the key for {section} holds blanks or characters that no header may hold; set it anew")
    return text or None


def _wanting(section: str) -> str:
    return "answer.generator 'openai'" if section == "answer" else section
