"""Who writes the answer: `GENERATORS` maps a setting to its factory."""

from __future__ import annotations

from collections.abc import Callable

from rag.answer.extractive import ExtractiveGenerator
from rag.answer.generative import LlmGenerator
from rag.errors import UnknownKeyError
from rag.llm.configured import ChatModels
from rag.ports import Generator
from rag.settings import AnswerSettings


def make_generator(settings: AnswerSettings, models: ChatModels) -> Generator:
    """Build the generator that the settings name; `auto` is a model when one can be asked, else the extractive one.

    Raises:
        UnknownKeyError: `settings.generator` is no key of GENERATORS.
        ConfigError: the generator needs something that is not configured.
    """
    name = settings.generator
    if name == "auto":
        name = "openai" if models.can_answer(settings) else "extractive"
    if name not in GENERATORS:
        raise UnknownKeyError("answer.generator", name, ("auto", *GENERATORS))
    return GENERATORS[name](settings, models)


GENERATORS: dict[str, Callable[[AnswerSettings, ChatModels], Generator]] = {
    "extractive": lambda settings, models: ExtractiveGenerator(settings.max_sentences),
    "openai": lambda settings, models: LlmGenerator(models.answering(settings)),
}
