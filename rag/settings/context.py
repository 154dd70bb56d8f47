"""`context`: which passages of the hits reach the prompt."""

from __future__ import annotations

from pydantic import Field

from rag.settings.section import Section


class ContextSettings(Section):
    """Which passages reach the prompt, and how large they are together."""

    budget_tokens: int = Field(default=1500, ge=16, description="size of the packed context")
    compressor: str = Field(default="sentences", description="sentences or none")
    keep: float = Field(default=0.5, gt=0, le=1, description="share of the hits' text that compression keeps")
    near_duplicate: float = Field(default=0.9, gt=0, le=1, description="Jaccard of word 3-shingles counted as the same")
    max_hits: int = Field(default=40, ge=1, description="the context is packed from this many of the best hits")
    max_passages: int = Field(default=40, ge=1, description="most passages of a context")
    max_per_document: int = Field(default=0, ge=0, description="hits of one document that may be used; 0 = any number")
    merge_share: float = Field(
        default=0.0, ge=0, le=1, description="share of a parent's chunks that must be hits for it to replace them"
    )
    prefer_newest: bool = Field(
        default=False, description="hits of newer releases of a document before those of older ones, which are marked"
    )
    diversity: float = Field(default=0.0, ge=0, le=1, description="weight of novelty against relevance (MMR); 0 = off")
    packing: str = Field(
        default="knapsack", description="knapsack or rank: the best sentences of all hits, or hit by hit"
    )
    order: str = Field(default="rank", description="of the passages in the prompt: rank, document or edges")
