"""`query`: steps that change a question before it is searched for."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from rag.settings.section import Section


class QuerySettings(Section):
    """Steps that change a question before the first stage, in the order of the list.

    `acronyms` and `synonyms` are lists per corpus.
    """

    steps: tuple[str, ...] = Field(
        default=("history",),
        description="history, spelling, acronyms, synonyms, rm3; with a language model condense, multi-query,"
        " decompose, hyde",
    )
    acronyms: Mapping[str, Mapping[str, str]] = Field(default_factory=dict, description="corpus: {short: long form}")
    mine_acronyms: bool = Field(default=True, description="acronyms: also those that documents define, Long Form (LF)")
    synonyms: Mapping[str, tuple[tuple[str, ...], ...]] = Field(
        default_factory=dict, description="corpus: [[words, that, mean, the same], …]"
    )
    synonym_weight: float = Field(default=0.5, gt=0, le=1, description="of an added word, beside 1 of a question's own")
    history_turns: int = Field(default=2, ge=1, description="history: the last user turns that words are taken from")
    feedback_chunks: int = Field(default=10, ge=1, description="rm3: chunks that are taken for relevant")
    feedback_terms: int = Field(default=10, ge=1, description="rm3: terms that are added")
    feedback_weight: float = Field(default=0.5, gt=0, lt=1, description="rm3: share of the added terms")
    variants: int = Field(default=3, ge=1, le=10, description="multi-query, decompose: most questions that are added")
    model: str | None = Field(
        default=None, description="an entry of models for steps that a model writes; default the one that answers"
    )
