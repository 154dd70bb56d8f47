"""Verifiers: whether cited evidence supports what the answer says; `VERIFIERS` maps a name to its factory."""

from __future__ import annotations

from collections.abc import Callable

from rag.answer.verifiers.coverage import CoverageVerifier
from rag.answer.verifiers.cross_encoder import SETTING, CrossEncoderVerifier
from rag.answer.verifiers.judge import JudgeVerifier
from rag.answer.verifiers.lexical import LEXICAL, LexicalVerifier, support_score
from rag.errors import ConfigError, UnknownKeyError
from rag.llm.configured import ChatModels
from rag.ports import Verifier
from rag.settings import AnswerSettings

__all__ = ["LEXICAL", "VERIFIERS", "LexicalVerifier", "make_verifier", "support_score"]


def make_verifier(settings: AnswerSettings, name: str | None = None, models: ChatModels | None = None) -> Verifier:
    """Return the verifier of that name, by default the one that the settings name.

    `models` are the language models that may be asked.

    Raises:
        UnknownKeyError: the name is no key of VERIFIERS.
        ConfigError: the verifier needs a model, and none is named.
    """
    wanted = name or settings.verifier
    if wanted not in VERIFIERS:
        raise UnknownKeyError("verifier", wanted, VERIFIERS)
    return VERIFIERS[wanted](settings, models)


def _cross_encoder(settings: AnswerSettings, models: ChatModels | None) -> Verifier:
    if not settings.verifier_model:
        raise ConfigError(f"the verifier cross-encoder needs {SETTING}: a model folder or hub id")
    return CrossEncoderVerifier(settings.verifier_model, settings.support_threshold)


def _judge(settings: AnswerSettings, models: ChatModels | None) -> Verifier:
    if models is None or not models.can_answer(settings):
        raise ConfigError("the verifier llm needs a language model: set OPENAI_BASE_URL, or answer.model to an entry")
    return JudgeVerifier(models.answering(settings), settings.support_threshold)


VERIFIERS: dict[str, Callable[[AnswerSettings, ChatModels | None], Verifier]] = {
    "lexical": lambda settings, models: LexicalVerifier(settings.support_threshold),
    "coverage": lambda settings, models: CoverageVerifier(settings.support_threshold),
    "cross-encoder": _cross_encoder,
    "llm": _judge,
}
