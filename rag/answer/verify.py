"""Verifiers: whether cited evidence supports what the answer says; `VERIFIERS` maps a name to its factory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rag.answer.verifiers.coverage import CoverageVerifier
from rag.answer.verifiers.cross_encoder import SETTING, CrossEncoderVerifier
from rag.answer.verifiers.evidence import EvidenceVerifier, ReadTokens
from rag.answer.verifiers.judge import JudgeVerifier
from rag.answer.verifiers.lexical import LEXICAL, LexicalVerifier, support_score
from rag.errors import ConfigError, UnknownKeyError
from rag.llm.configured import ChatModels
from rag.ports import Verifier
from rag.settings import AnswerSettings

__all__ = ["LEXICAL", "VERIFIERS", "LexicalVerifier", "Means", "make_verifier", "support_score"]


@dataclass(frozen=True, slots=True)
class Means:
    """What some verifiers need beside the settings: language models, and the packaged encoder's reading of texts."""

    models: ChatModels | None = None
    read: ReadTokens | None = None


def make_verifier(settings: AnswerSettings, name: str | None = None, means: Means | None = None) -> Verifier:
    """Return the verifier of that name, by default the one that the settings name.

    Raises:
        UnknownKeyError: the name is no key of VERIFIERS.
        ConfigError: the verifier needs a model, and there is none.
    """
    wanted = name or settings.verifier
    if wanted not in VERIFIERS:
        raise UnknownKeyError("verifier", wanted, VERIFIERS)
    return VERIFIERS[wanted](settings, means or Means())


def _evidence(settings: AnswerSettings, means: Means) -> Verifier:
    if means.read is None:
        raise ConfigError("the verifier evidence needs the packaged encoder; make it through a runtime")
    return EvidenceVerifier(settings.support_threshold, means.read)


def _cross_encoder(settings: AnswerSettings, means: Means) -> Verifier:
    if not settings.verifier_model:
        raise ConfigError(f"the verifier cross-encoder needs {SETTING}: a model folder or hub id")
    return CrossEncoderVerifier(settings.verifier_model, settings.support_threshold)


def _judge(settings: AnswerSettings, means: Means) -> Verifier:
    if means.models is None or not means.models.can_answer(settings):
        raise ConfigError("the verifier llm needs a language model: set OPENAI_BASE_URL, or answer.model to an entry")
    return JudgeVerifier(means.models.answering(settings), settings.support_threshold)


VERIFIERS: dict[str, Callable[[AnswerSettings, Means], Verifier]] = {
    "evidence": _evidence,
    "lexical": lambda settings, means: LexicalVerifier(settings.support_threshold),
    "coverage": lambda settings, means: CoverageVerifier(settings.support_threshold),
    "cross-encoder": _cross_encoder,
    "llm": _judge,
}
