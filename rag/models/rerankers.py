"""Second stages: a closer look at the first stage's best hits, blended with what the first stage said."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from rag.errors import ConfigError, ModelError, UnknownKeyError
from rag.models.late_interaction import LateInteraction
from rag.ports import Reranker
from rag.scaling import min_max
from rag.settings import RerankSettings
from rag.types import Hit, Query, StageScore


class NoReranker:
    """Leaves the first stage's order alone."""

    name = "none"

    async def rerank(self, query: Query, hits: Sequence[Hit]) -> list[Hit]:
        """Return the hits as they are."""
        return list(hits)


class MaxSimReranker:
    """Late interaction over the embedder's token vectors: stored ones where the index has them, else computed."""

    name = "maxsim"

    def __init__(self, interaction: LateInteraction, top_n: int, weight: float) -> None:
        self._interaction = interaction
        self._top_n = top_n
        self._weight = weight

    async def rerank(self, query: Query, hits: Sequence[Hit]) -> list[Hit]:
        """Reorder the first `top_n` hits; the raw MaxSim (-1..1) stays in `stages["maxsim"]`."""
        head = hits[: self._top_n]
        scores = await asyncio.to_thread(self._interaction.chunks, query, [hit.chunk for hit in head])
        return blend(hits, scores, self._weight, self.name)


class CrossEncoderReranker:
    """Any sentence-transformers cross-encoder, loaded on first use from a folder or (if you name one) a hub id."""

    name = "cross-encoder"

    def __init__(self, model: str, top_n: int, weight: float) -> None:
        self._model = model
        self._top_n = top_n
        self._weight = weight
        self._loaded: Any = None
        self._lock = threading.Lock()

    async def rerank(self, query: Query, hits: Sequence[Hit]) -> list[Hit]:
        """Reorder the first `top_n` hits; the model's raw score stays in `stages["cross-encoder"]`.

        Raises:
            ModelError: the model cannot be loaded.
        """
        head = hits[: self._top_n]
        scores = await asyncio.to_thread(self._score, query.text, [hit.chunk.indexed_text for hit in head])
        return blend(hits, scores, self._weight, self.name)

    def _score(self, question: str, texts: Sequence[str]) -> list[float]:
        if not texts:
            return []
        with self._lock:
            if self._loaded is None:
                self._loaded = _load_cross_encoder(self._model)
            scores = self._loaded.predict([(question, text) for text in texts], show_progress_bar=False)
        return [float(score) for score in scores]


def blend(hits: Sequence[Hit], scores: Sequence[float], weight: float, stage: str) -> list[Hit]:
    """Reorder the first `len(scores)` hits by `weight * score + (1 - weight) * hit.score`, both min-max normalised.

    Scored hits get `stages[stage]` (raw score) and `stages["reranked"]` (blend, 0..1, their new `score`) and stay
    above the rest, which keep their order. Ties break by chunk_id; ranks count from 1.
    """
    head, tail = hits[: len(scores)], hits[len(scores) :]
    raw_order = sorted(range(len(head)), key=lambda i: (-scores[i], head[i].chunk.chunk_id))
    raw_rank = {i: rank for rank, i in enumerate(raw_order, 1)}
    first, second = min_max([hit.score for hit in head]), min_max(scores)
    blended = [weight * b + (1 - weight) * a for a, b in zip(first, second, strict=True)]
    order = sorted(range(len(head)), key=lambda i: (-blended[i], head[i].chunk.chunk_id))
    reranked = []
    for rank, i in enumerate(order, 1):
        trace = {**head[i].stages, stage: StageScore(raw_rank[i], scores[i]), "reranked": StageScore(rank, blended[i])}
        reranked.append(replace(head[i], rank=rank, score=blended[i], stages=trace))
    # an unscored hit keeps its place behind; 0 is the floor of the blend, so scores never rise down the list
    return reranked + [replace(hit, rank=len(head) + n, score=0.0) for n, hit in enumerate(tail, 1)]


def _load_cross_encoder(model: str) -> Any:
    try:
        from sentence_transformers import CrossEncoder

        return CrossEncoder(model)
    except (OSError, ValueError, RuntimeError) as error:
        problem = " ".join(str(error).split())[:200]
        raise ModelError(f"cannot load the cross-encoder {model!r} (rerank.model): {problem}") from error


def _cross_encoder(settings: RerankSettings, interaction: LateInteraction) -> Reranker:
    if not settings.model:
        raise ConfigError("rerank.name=cross-encoder needs rerank.model: a model folder or hub id")
    return CrossEncoderReranker(settings.model, settings.top_n, settings.weight)


def reranker(settings: RerankSettings, interaction: LateInteraction) -> Reranker:
    """Return the reranker that the settings name.

    Raises:
        UnknownKeyError: `settings.name` is no key of RERANKERS.
        ConfigError: the reranker needs a setting that is not there.
    """
    if settings.name not in RERANKERS:
        raise UnknownKeyError("reranker", settings.name, RERANKERS)
    return RERANKERS[settings.name](settings, interaction)


RERANKERS: dict[str, Callable[[RerankSettings, LateInteraction], Reranker]] = {
    "none": lambda settings, interaction: NoReranker(),
    "maxsim": lambda settings, interaction: MaxSimReranker(interaction, settings.top_n, settings.weight),
    "cross-encoder": _cross_encoder,
}
