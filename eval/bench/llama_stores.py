"""Where LlamaIndex's pipeline keeps what it made: in memory, or in files that a user can open again.

Each `keep` follows a run over some documents and leaves on disk everything that was brought in so far; LlamaIndex
writes its own files (document store, index, BM25) anew each time, there is no other way to add to them.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from llama_index.core import MockEmbedding, StorageContext, VectorStoreIndex
from llama_index.core.schema import BaseNode
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.vector_stores.types import BasePydanticVectorStore
from llama_index.vector_stores.qdrant import QdrantVectorStore
from qdrant_client import QdrantClient

DOCUMENTS, QDRANT, BM25, INDEX = "documents.json", "qdrant", "bm25", "index"
_COLLECTION = "bench"
_RETRIEVER = "llama_index.retrievers.bm25"


class LlamaStore(Protocol):
    """`vectors` is what the pipeline itself adds nodes to, None where `keep` does."""

    vectors: BasePydanticVectorStore | None

    def keep(self, nodes: Sequence[BaseNode], documents: SimpleDocumentStore) -> None:
        """Take what a run made; `documents` are those of all runs."""
        ...


class InMemory:
    """Qdrant in memory, LlamaIndex's fastest local store; nothing is left when the process ends."""

    def __init__(self) -> None:
        self.vectors: BasePydanticVectorStore | None = _qdrant(QdrantClient(":memory:"))

    def keep(self, nodes: Sequence[BaseNode], documents: SimpleDocumentStore) -> None:
        """Do nothing more."""


class OnDisk:
    """Qdrant's local mode on a path, which commits each point to SQLite, and the document store as JSON."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._client = QdrantClient(path=str(folder / QDRANT))
        self.vectors: BasePydanticVectorStore | None = _qdrant(self._client)

    def keep(self, nodes: Sequence[BaseNode], documents: SimpleDocumentStore) -> None:
        """Write the document store."""
        documents.persist(str(self._folder / DOCUMENTS))

    def close(self) -> None:
        """Let another process open the folder."""
        self._client.close()


class Hybrid(OnDisk):
    """The same with a keyword index of all nodes, which is what hybrid search needs."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._nodes: list[BaseNode] = []

    def keep(self, nodes: Sequence[BaseNode], documents: SimpleDocumentStore) -> None:
        """Write the document store and a keyword index of the nodes of all runs."""
        super().keep(nodes, documents)
        self._nodes += (node.model_copy(update={"embedding": None}) for node in nodes)
        _write_bm25(self._nodes, str(self._folder / BM25))


class JsonStore:
    """LlamaIndex's own default: vectors, nodes and documents in dicts, written as JSON by `persist`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.vectors: BasePydanticVectorStore | None = None
        self._index = VectorStoreIndex([], storage_context=StorageContext.from_defaults(), embed_model=MockEmbedding(1))

    def keep(self, nodes: Sequence[BaseNode], documents: SimpleDocumentStore) -> None:
        """Add the nodes, which have their vectors, and write everything."""
        self._index.insert_nodes(nodes)
        self._index.storage_context.persist(str(self._folder / INDEX))
        documents.persist(str(self._folder / DOCUMENTS))


def keyword_package() -> str:
    """Return what builds the keyword half: LlamaIndex's own package, else bm25s; "" where neither is installed."""
    for module, package in ((_RETRIEVER, "llama-index-retrievers-bm25"), ("bm25s", "bm25s")):
        try:
            if find_spec(module):
                return package
        except ModuleNotFoundError:  # its parent is missing
            continue
    return ""


def _write_bm25(nodes: Sequence[BaseNode], folder: str) -> None:
    if keyword_package() == "bm25s":
        bm25s = import_module("bm25s")
        found: Any = bm25s.BM25()
        found.index(bm25s.tokenize([node.get_content() for node in nodes], show_progress=False), show_progress=False)
        found.save(folder)
        return
    retriever = import_module(_RETRIEVER).BM25Retriever
    retriever.from_defaults(nodes=list(nodes), similarity_top_k=10, verbose=False).persist(folder)


def _qdrant(client: QdrantClient) -> QdrantVectorStore:
    with warnings.catch_warnings():
        # The local Qdrant has no index over payloads, and is told that it grows large.
        warnings.simplefilter("ignore", UserWarning)
        return QdrantVectorStore(collection_name=_COLLECTION, client=client)
