"""The family of query steps: `QUERY_STEPS` maps a name in `query.steps` to its factory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from rag.errors import ConfigError, UnknownKeyError
from rag.llm.base import ChatModel
from rag.ports import Catalogue, Indexes, QueryStep
from rag.prompts import PromptFiles
from rag.query.expand import AcronymExpansion, HistoryWords, RelevanceFeedback, SynonymExpansion
from rag.query.lexicon import Lexicons
from rag.query.repair import SpellingRepair
from rag.query.written import WrittenStep, condensed, passage_beside, questions_beside
from rag.settings import QuerySettings


@dataclass
class Sources:
    """What a query step may read."""

    indexes: Indexes
    catalogue: Catalogue
    chat: ChatModel | None
    prompts: PromptFiles

    @cached_property
    def lexicons(self) -> Lexicons:
        """The words of the corpora, shared by all steps."""
        return Lexicons(self.catalogue)

    def model(self, step: str) -> ChatModel:
        """Return the language model.

        Raises:
            ConfigError: none is configured.
        """
        if self.chat is None:
            raise ConfigError(
                f"the query step {step!r} needs a language model: set OPENAI_BASE_URL, name an entry of models in"
                " query.model, or leave the step out"
            )
        return self.chat


def query_steps(settings: QuerySettings, sources: Sources) -> tuple[QueryStep, ...]:
    """Return the steps that the settings name, in their order.

    Raises:
        UnknownKeyError: a name is no key of QUERY_STEPS.
        ConfigError: a step needs a language model and none is configured.
    """
    for name in settings.steps:
        if name not in QUERY_STEPS:
            raise UnknownKeyError("query step", name, QUERY_STEPS)
    return tuple(QUERY_STEPS[name](settings, sources) for name in settings.steps)


def _multi_query(settings: QuerySettings, sources: Sources) -> QueryStep:
    rewrite = questions_beside(settings.variants)
    return WrittenStep("multi-query", "multi-query@1", rewrite, sources.model("multi-query"), sources.prompts)


def _decompose(settings: QuerySettings, sources: Sources) -> QueryStep:
    rewrite = questions_beside(settings.variants)
    return WrittenStep("decompose", "decompose@1", rewrite, sources.model("decompose"), sources.prompts)


def _hyde(settings: QuerySettings, sources: Sources) -> QueryStep:
    return WrittenStep("hyde", "hyde@1", passage_beside, sources.model("hyde"), sources.prompts)


def _condense(settings: QuerySettings, sources: Sources) -> QueryStep:
    model = sources.model("condense")
    return WrittenStep("condense", "condense@1", condensed, model, sources.prompts, needs_history=True)


QUERY_STEPS: dict[str, Callable[[QuerySettings, Sources], QueryStep]] = {
    "history": lambda settings, sources: HistoryWords(settings),
    "spelling": lambda settings, sources: SpellingRepair(sources.indexes, sources.catalogue, sources.lexicons),
    "acronyms": lambda settings, sources: AcronymExpansion(settings, sources.catalogue, sources.lexicons),
    "synonyms": lambda settings, sources: SynonymExpansion(settings, sources.indexes),
    "rm3": lambda settings, sources: RelevanceFeedback(settings, sources.indexes, sources.catalogue),
    "condense": _condense,
    "multi-query": _multi_query,
    "decompose": _decompose,
    "hyde": _hyde,
}
"""`query.steps` -> what is done to a question before it is searched."""
