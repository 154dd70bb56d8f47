"""`retrieval` and `rerank`: which hits a question gets, and in which order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from rag.conditions import parse_condition
from rag.errors import ConfigError
from rag.settings.section import Section

_SHARES = {"learned": 1.0, "evidence": 0.4, "maxsim": 0.2}
_USUAL_SHARE = 0.5


def _condition(text: str) -> str:
    try:
        parse_condition(text)
    except ConfigError as error:
        raise ValueError(str(error)) from error
    return text


MetadataCondition = Annotated[str, AfterValidator(_condition)]


class RetrievalSettings(Section):
    """First stage and fusion."""

    retrievers: tuple[str, ...] = Field(
        default=("dense", "bm25"), min_length=1, description="first stages: dense, bm25"
    )
    candidates: int = Field(default=100, ge=1, description="taken from each retriever")
    exact: bool = Field(default=False, description="compare a question with every vector, not first with their codes")
    fusion: str = Field(default="weighted", description="weighted, weighted-theoretical, weighted-z, dbsf or rrf")
    rrf_k: float = Field(default=60.0, gt=0, description="rrf: the constant that is added to a rank")
    weights: Mapping[str, Annotated[float, Field(ge=0)]] = Field(
        default_factory=lambda: {"dense": 1.0, "bm25": 1.0}, description="of each retriever; 0 leaves it out"
    )
    top_k: int = Field(default=10, ge=1, description="hits that a search returns")
    collapse: bool = Field(default=False, description="of hits that say the same, show only the best")
    leave_out: tuple[MetadataCondition, ...] = Field(
        default=(), description="conditions as in --filter; documents that meet any of them are not searched"
    )
    demote: Mapping[MetadataCondition, Annotated[float, Field(gt=0, lt=1)]] = Field(
        default_factory=dict,
        description="{condition as in --filter: factor}; at 0.5 a hit that meets it and stands 4th counts as 8th",
    )


class RerankSettings(Section):
    """Second stage. `weight` is the share of the reranker's score. The rest is the fused score's."""

    name: str = Field(default="learned", description="none, maxsim, evidence, learned or cross-encoder")
    top_n: int = Field(default=30, ge=1, description="hits that it looks at; the others stay behind them")
    weight: float | None = Field(default=None, ge=0, le=1, description="none: the share that each was measured with")
    model: str | None = Field(
        default=None, description="for cross-encoder: a folder or hub id; for learned: a file of weights"
    )

    @property
    def share(self) -> float:
        """Return `weight`, or where it is none the share that suits the reranker."""
        return _SHARES.get(self.name, _USUAL_SHARE) if self.weight is None else self.weight
