"""Second stages: a closer look at the first stage's best hits, blended with what the first stage said."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rag.errors import ConfigError, UnknownKeyError
from rag.models.cross_encoder import load_cross_encoder
from rag.models.late_interaction import LateInteraction
from rag.models.term_coverage import best_units, term_weights
from rag.ports import Reranker
from rag.rerank.learned import WEIGHTS, Floats, load_weights, look_at, ranking_features
from rag.scaling import min_max
from rag.settings import RerankSettings
from rag.types import Chunk, Hit, Query, StageScore

_COVERED_SHARE = 0.4
_TUNED = "maxsim-tuned"


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


class EvidenceReranker:
    """Late interaction with an encoder that was trained to read questions, and the words of the best sentence or row.

    The score is the mean of two, each scaled over the hits: the MaxSim of the question as that encoder reads it
    (weight 0.6), and the share of the question's terms that stand together in one sentence or table row, below the
    hit's headings (0.4). For an embedder without such an encoder its own reading takes that place.
    """

    name = "evidence"

    def __init__(self, interaction: LateInteraction, top_n: int, weight: float) -> None:
        self._interaction = interaction
        self._top_n = top_n
        self._weight = weight

    async def rerank(self, query: Query, hits: Sequence[Hit]) -> list[Hit]:
        """Reorder the first `top_n` hits.

        `stages` has the plain MaxSim, that of the trained encoder (`maxsim-tuned`, both -1..1), the share of the terms
        (`covered`, 0..1) and the score (`evidence`, 0..1).

        Raises:
            ModelError: the encoder's weights are missing or altered.
        """
        head = hits[: self._top_n]
        stages = await asyncio.to_thread(self._look, query, [hit.chunk for hit in head])
        tuned, covered = min_max(stages[_TUNED]), min_max(stages["covered"])
        scores = [(1 - _COVERED_SHARE) * a + _COVERED_SHARE * b for a, b in zip(tuned, covered, strict=True)]
        return blend(hits, scores, self._weight, self.name, stages)

    def _look(self, query: Query, chunks: Sequence[Chunk]) -> dict[str, list[float]]:
        plain, tuned = self._interaction.tuned(query, chunks)
        terms = self._interaction.indexes(query.generation.index_id).keywords.terms
        found = self._interaction.terms(query, chunks)
        covered = best_units(term_weights(query.text, found, terms), found)
        return {MaxSimReranker.name: plain, _TUNED: tuned, "covered": covered}


class LearnedReranker:
    """A fitted linear score over stage scores, late interaction and words; see `rag.rerank.learned`.

    `fitted` is the file of its weights, read at the first question.
    """

    name = "learned"

    def __init__(self, interaction: LateInteraction, top_n: int, weight: float, fitted: Path = WEIGHTS) -> None:
        self._interaction = interaction
        self._top_n = top_n
        self._weight = weight
        self._fitted = fitted
        self._weights: Floats | None = None

    async def rerank(self, query: Query, hits: Sequence[Hit]) -> list[Hit]:
        """Reorder the first `top_n` hits.

        `stages` has the plain MaxSim, that of the trained encoder (`maxsim-tuned`, both -1..1) and the learned score,
        which has no scale.

        Raises:
            ModelError: weights are missing or altered, or were fitted for other features.
        """
        head = hits[: self._top_n]
        if not head:
            return []
        stages, scores = await asyncio.to_thread(self._score, query, head)
        return blend(hits, scores, self._weight, self.name, stages)

    def _score(self, query: Query, hits: Sequence[Hit]) -> tuple[dict[str, list[float]], list[float]]:
        if self._weights is None:
            self._weights = load_weights(self._fitted)
        look = look_at(self._interaction, query, hits)
        scores: list[float] = (ranking_features(look) @ self._weights).tolist()
        return {MaxSimReranker.name: look.maxsim.tolist(), _TUNED: look.tuned.tolist()}, scores


class CrossEncoderReranker:
    """Any cross-encoder, loaded on first use: a folder with `model.onnx`, or what sentence-transformers loads.

    That is another folder or, if you name one, a hub id.
    """

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
                self._loaded = load_cross_encoder(self._model, "rerank.model")
            scores = self._loaded.predict([(question, text) for text in texts], show_progress_bar=False)
        return [float(score) for score in scores]


def blend(
    hits: Sequence[Hit],
    scores: Sequence[float],
    weight: float,
    stage: str,
    before: Mapping[str, Sequence[float]] | None = None,
) -> list[Hit]:
    """Reorder the first `len(scores)` hits by `weight * score + (1 - weight) * hit.score`, both min-max normalised.

    Scored hits get `stages[stage]` (raw score) and `stages["reranked"]` (blend, 0..1, their new `score`) and stay
    above the rest, which keep their order; `before` are further raw scores for their stages. Ties break by chunk_id;
    ranks count from 1.
    """
    head, tail = hits[: len(scores)], hits[len(scores) :]
    first, second = min_max([hit.score for hit in head]), min_max(scores)
    blended = [weight * b + (1 - weight) * a for a, b in zip(first, second, strict=True)]
    raw = {**(before or {}), stage: scores, "reranked": blended}
    orders = {name: _order(head, values) for name, values in raw.items()}
    traces = [dict(hit.stages) for hit in head]
    for name, order in orders.items():
        for rank, i in enumerate(order, 1):
            traces[i][name] = StageScore(rank, raw[name][i])
    reranked = [Hit(head[i].chunk, rank, blended[i], traces[i]) for rank, i in enumerate(orders["reranked"], 1)]
    # an unscored hit keeps its place behind; 0 is the floor of the blend, so scores never rise down the list
    return reranked + [replace(hit, rank=len(head) + n, score=0.0) for n, hit in enumerate(tail, 1)]


def _order(hits: Sequence[Hit], scores: Sequence[float]) -> list[int]:
    return sorted(range(len(scores)), key=lambda i: (-scores[i], hits[i].chunk.chunk_id))


def _cross_encoder(settings: RerankSettings, interaction: LateInteraction) -> Reranker:
    if not settings.model:
        raise ConfigError("rerank.name=cross-encoder needs rerank.model: a model folder or hub id")
    return CrossEncoderReranker(settings.model, settings.top_n, settings.share)


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
    "maxsim": lambda settings, interaction: MaxSimReranker(interaction, settings.top_n, settings.share),
    "evidence": lambda settings, interaction: EvidenceReranker(interaction, settings.top_n, settings.share),
    "learned": lambda settings, interaction: LearnedReranker(
        interaction, settings.top_n, settings.share, Path(settings.model) if settings.model else WEIGHTS
    ),
    "cross-encoder": _cross_encoder,
}
