"""First stages as the flow sees them: dense vectors and BM25 over one generation of one index."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from rag.errors import UnknownKeyError
from rag.models.late_interaction import QueryEncoder
from rag.ports import Catalogue, Indexes, Retriever
from rag.retrieve.lost import refuse_lost
from rag.retrieve.stop_words import by_stop_words
from rag.types import Candidate, Query


@dataclass(frozen=True, slots=True)
class Stores:
    """What a first stage may read; `exact` lets no vector index leave anything out."""

    indexes: Indexes
    catalogue: Catalogue
    encoder: QueryEncoder
    exact: bool = False


class DenseRetriever:
    """Nearest sentence vectors by cosine similarity; the filter is pushed down into the index."""

    name = "dense"

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    async def retrieve(self, query: Query) -> list[Candidate]:
        """Return up to `query.top_k` candidates by falling cosine similarity (-1..1)."""
        return await asyncio.to_thread(self._search, query)

    def _search(self, query: Query) -> list[Candidate]:
        index = self._stores.indexes(query.generation.index_id)
        vector = self._stores.encoder.encode(query).vectors[0]
        found = index.vectors.search(vector, query.top_k, query.generation.id, query.filter, self._stores.exact)
        if not found:
            refuse_lost(index, query.generation, self._stores.catalogue)
        return found


class Bm25Retriever:
    """BM25 Okapi; a filter becomes the set of allowed chunks, so scores stay those of the whole generation."""

    name = "bm25"

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    async def retrieve(self, query: Query) -> list[Candidate]:
        """Return up to `query.top_k` candidates with a score above 0, best first."""
        return await asyncio.to_thread(self._search, query)

    def _search(self, query: Query) -> list[Candidate]:
        index = self._stores.indexes(query.generation.index_id)
        if not query.terms and not index.keywords.terms(query.text):
            return by_stop_words(query, self._stores.catalogue)
        allowed = self._stores.catalogue.matching(query.generation, query.filter) if query.filter else None
        return index.keywords.search(query.text, query.top_k, query.generation.id, allowed, query.terms)


def retriever(name: str, stores: Stores) -> Retriever:
    """Return a first stage by its name.

    Raises:
        UnknownKeyError: the name is no key of RETRIEVERS.
    """
    if name not in RETRIEVERS:
        raise UnknownKeyError("retriever", name, RETRIEVERS)
    return RETRIEVERS[name](stores)


RETRIEVERS: dict[str, Callable[[Stores], Retriever]] = {"dense": DenseRetriever, "bm25": Bm25Retriever}
