"""Where first stages rank a chunk, however far behind their candidates it is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from rag.ports import Retriever
from rag.types import Query, StageScore

_DEEPER = 8


async def best_rank(retriever: Retriever, query: Query, pks: Collection[int]) -> tuple[int, StageScore] | None:
    """Return which of the chunks a first stage ranks best, and where; None when it gives none of them a score.

    The stage is asked for more and more until one of them turns up, so rank and score are its own, under the query's
    filter. They are exact where its search is (the embedded indexes'; a Qdrant server's is approximate).
    """
    depth = query.top_k
    while pks:
        found = await retriever.retrieve(replace(query, top_k=depth))
        for rank, candidate in enumerate(found, 1):
            if candidate.pk in pks:
                return candidate.pk, StageScore(rank, candidate.score)
        if len(found) < depth:
            break
        depth *= _DEEPER
    return None


async def first_stages(
    retrievers: Sequence[Retriever], query: Query, pks: Collection[int]
) -> tuple[int | None, dict[str, StageScore | None]]:
    """Return the chunk that any first stage ranks best, and rank and score that each of them gives it."""
    found = [await best_rank(retriever, query, pks) for retriever in retrievers]
    best = min((place for place in found if place), key=lambda place: (place[1].rank, place[0]), default=None)
    if best is None:
        return None, {retriever.name: None for retriever in retrievers}
    pk = best[0]
    places = {retriever.name: await best_rank(retriever, query, [pk]) for retriever in retrievers}
    return pk, {name: place[1] if place else None for name, place in places.items()}
