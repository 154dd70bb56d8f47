"""What retrieval is timed against: LlamaIndex over Qdrant in memory and a BM25 of its own, and rank_bm25 alone.

`llama-index-retrievers-bm25` pins an older PyStemmer than ours and so is no dependency; `make bench-latency` installs
it beside the environment. Without it the keyword half is a LlamaIndex retriever over rank_bm25, and the figures say so.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from llama_index.core import MockEmbedding, VectorStoreIndex
from llama_index.core.llms import MockLLM
from llama_index.core.retrievers import BaseRetriever, QueryFusionRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from llama_index.vector_stores.qdrant import QdrantVectorStore
from qdrant_client import QdrantClient
from rank_bm25 import BM25Okapi

from eval.bench.memory import held_mb
from eval.bench.own import milliseconds, timed
from eval.bench.probe import Asked, asked_by_threads
from eval.bench.volume import Base, Volume
from rag.types import Vectors

_PACKAGE = "llama_index.retrievers.bm25"


def bm25_of_llamaindex() -> str:
    """Return whose BM25 the composition has: LlamaIndex's own package, or rank_bm25 where that is missing."""
    try:
        return "llama-index-retrievers-bm25" if find_spec(_PACKAGE) else "rank_bm25"
    except ModuleNotFoundError:
        return "rank_bm25"


class LlamaSearch:
    """QdrantVectorStore, BM25Retriever and QueryFusionRetriever as LlamaIndex's documentation puts them together.

    Each half returns `top_k` nodes and the fusion the best 10 of both by reciprocal ranks. Questions come with their
    vectors, so no model runs.
    """

    def __init__(self, base: Base, count: int) -> None:
        self._base, self._count = base, count

    def build(self) -> float:
        """Fill both halves; return the seconds it took."""
        return timed(lambda: self._halves)[0]

    def ask(self, questions: Sequence[str], vectors: Vectors, top_k: int, clients: int) -> Asked:
        """Retrieve for every question from so many threads."""
        fusion = self._fusion(top_k)
        bundles = _bundles(questions, vectors)
        return asked_by_threads(lambda number: fusion.retrieve(bundles[number]), len(bundles), clients)

    def parts(self, questions: Sequence[str], vectors: Vectors, top_k: int) -> tuple[list[float], list[float]]:
        """Return the ms of the vector half and of the keyword half alone."""
        bundles = _bundles(questions, vectors)
        dense, keywords = (
            [milliseconds(half.retrieve, bundle) for bundle in bundles] for half in self._retrievers(top_k)
        )
        return dense, keywords

    def memory(self) -> tuple[float, float]:
        """Return this process' own and file-backed resident MB."""
        return held_mb()

    @cached_property
    def _halves(self) -> tuple[VectorStoreIndex, Any]:
        store = QdrantVectorStore(collection_name="bench", client=QdrantClient(":memory:"))
        nodes: list[TextNode] = []
        with warnings.catch_warnings():
            # It asks the local Qdrant, which has none, for an index over payloads, and is told that it grows large.
            warnings.simplefilter("ignore", UserWarning)
            for block in Volume(self._base, kept_tokens=0).blocks(self._count):
                made = [
                    TextNode(id_=_node_id(len(nodes) + i), text=text, embedding=vector.tolist())
                    for i, (text, vector) in enumerate(zip(block.texts, block.vectors, strict=True))
                ]
                store.add(made)  # type: ignore[arg-type]
                nodes += (node.model_copy(update={"embedding": None}) for node in made)
        embedding = MockEmbedding(embed_dim=self._base.vectors.shape[1])
        return VectorStoreIndex.from_vector_store(store, embed_model=embedding), _keyword_half(nodes)

    def _retrievers(self, top_k: int) -> tuple[BaseRetriever, BaseRetriever]:
        index, keywords = self._halves
        keywords.similarity_top_k = top_k
        return index.as_retriever(similarity_top_k=top_k), keywords

    def _fusion(self, top_k: int) -> QueryFusionRetriever:
        return QueryFusionRetriever(
            list(self._retrievers(top_k)),
            llm=MockLLM(),
            num_queries=1,
            use_async=False,
            similarity_top_k=10,
            mode="reciprocal_rerank",  # type: ignore[arg-type]
        )


class RankBm25Search:
    """rank_bm25 alone, as its page shows it: words split at blanks, every chunk scored."""

    def __init__(self, base: Base, count: int) -> None:
        blocks = Volume(base, kept_tokens=0).blocks(count)
        self._bm25 = BM25Okapi([_words(text) for block in blocks for text in block.texts])

    def ask(self, questions: Sequence[str], top_k: int) -> Asked:
        """Score every chunk for every question and sort out the best."""

        def best(number: int) -> object:
            return np.argsort(self._bm25.get_scores(_words(questions[number])))[::-1][:top_k]

        return asked_by_threads(best, len(questions), 1)

    def memory(self) -> tuple[float, float]:
        """Return this process' own and file-backed resident MB."""
        return held_mb()


class _RankBm25Retriever(BaseRetriever):
    """A LlamaIndex retriever over rank_bm25."""

    def __init__(self, nodes: list[TextNode]) -> None:
        super().__init__()
        self.similarity_top_k = 10
        self._nodes = nodes
        self._bm25 = BM25Okapi([_words(node.text) for node in nodes])

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        scores = self._bm25.get_scores(_words(query_bundle.query_str))
        best = np.argsort(scores)[::-1][: self.similarity_top_k]
        return [NodeWithScore(node=self._nodes[row], score=float(scores[row])) for row in best]


def _keyword_half(nodes: list[TextNode]) -> Any:
    if bm25_of_llamaindex() == "rank_bm25":
        return _RankBm25Retriever(nodes)
    return import_module(_PACKAGE).BM25Retriever.from_defaults(nodes=nodes, similarity_top_k=10, verbose=False)


def _bundles(questions: Sequence[str], vectors: Vectors) -> list[QueryBundle]:
    return [QueryBundle(q, embedding=v.tolist()) for q, v in zip(questions, vectors, strict=True)]


def _node_id(number: int) -> str:
    return f"00000000-0000-0000-0000-{number:012}"  # the store takes UUIDs only


def _words(text: str) -> list[str]:
    return text.lower().split()
