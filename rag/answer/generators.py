"""Who writes the answer: `GENERATORS` maps a setting to its factory."""

from __future__ import annotations

from collections.abc import Callable

from rag.answer.extractive import ExtractiveGenerator
from rag.errors import UnknownKeyError
from rag.llm.openai_compatible import LlmGenerator
from rag.ports import Generator
from rag.settings import AnswerSettings, Environment


def make_generator(settings: AnswerSettings, environment: Environment) -> Generator:
    """Build the generator that the settings name; `auto` is the endpoint when one is set, else the extractive one.

    Raises:
        UnknownKeyError: `settings.generator` is no key of GENERATORS.
        ConfigError: the generator needs something that is not configured.
    """
    name = settings.generator
    if name == "auto":
        name = "openai" if environment.openai_base_url else "extractive"
    if name not in GENERATORS:
        raise UnknownKeyError("answer.generator", name, ("auto", *GENERATORS))
    return GENERATORS[name](settings, environment)


GENERATORS: dict[str, Callable[[AnswerSettings, Environment], Generator]] = {
    "extractive": lambda settings, environment: ExtractiveGenerator(settings.max_sentences),
    "openai": LlmGenerator,
}
