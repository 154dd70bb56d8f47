"""THE FLOW: question -> retrieve -> fuse -> rerank -> compress -> pack -> prompt -> answer -> verify citations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rag.types import Turn


@dataclass(frozen=True, slots=True)
class Request:
    """One question to one corpus; None means the setting's value."""

    question: str
    corpus: str
    top_k: int | None = None
    budget_tokens: int | None = None
    filter: Mapping[str, str] = field(default_factory=dict)
    history: tuple[Turn, ...] = ()
    prompt: str | None = None
