"""`embedder` and `bm25`: how chunks become vectors and terms."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from rag.settings.section import Section


class EmbedderSettings(Section):
    """The embedding model. A hub id is fetched only if you name one."""

    model: str = Field(
        default="minilm", description="minilm, a sentence-transformers folder, or a hub id with runtime torch"
    )
    runtime: Literal["onnx-int8", "onnx", "torch"] = Field(
        default="onnx-int8", description="what runs the model; onnx-int8 is the fastest on a CPU"
    )
    threads: int = Field(default=0, ge=0, description="0 = one per core")
    cache_dir: Path | None = Field(default=None, description="exported models; default RAGWRIGHT_HOME/models")


class Bm25Settings(Section):
    """Parameters of BM25 Okapi as in rank_bm25, and how text becomes terms."""

    k1: float = Field(default=1.5, ge=0, description="how soon further occurrences of a term stop to count")
    b: float = Field(default=0.75, ge=0, le=1, description="how much long chunks are held back")
    epsilon: float = Field(default=0.25, ge=0, description="share of the mean idf that terms of most chunks get")
    stemmer: str = Field(default="english", description="Snowball stemmer, by the name of its language, or none")
    stop_words: bool = Field(default=True, description="leave out the most frequent words of English")
    identifiers: Literal["parts", "prefixes"] = Field(
        default="parts", description="found whole and by their parts, or by the beginnings of versions as well"
    )

    def relevant(self) -> dict[str, Any]:
        """Return what decides the terms and weights; `identifiers` counts where it is not what it always was."""
        return self.model_dump(mode="json", exclude={"identifiers"} if self.identifiers == "parts" else set())
