"""What ingestion is compared with: LlamaIndex's IngestionPipeline, with its own embedding runtime or with ours.

`llama-index-embeddings-huggingface` is not among our dependencies; `TorchEmbedding` does what it does: sentence-
transformers on torch in float32, asked for `embed_batch_size` texts (LlamaIndex's default) at a time.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from llama_index.core import VectorStoreIndex
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import BaseNode, MetadataMode, TransformComponent
from llama_index.core.schema import Document as LlamaDocument
from llama_index.core.storage.docstore import SimpleDocumentStore

from eval.bench.llama_stores import InMemory, LlamaStore
from rag.ports import Embedder


class _Embedding(BaseEmbedding):
    """A LlamaIndex embedding over a function from texts to vectors `(n, d)`."""

    _embed: Callable[[list[str]], Any] = PrivateAttr()

    def __init__(self, embed: Callable[[list[str]], Any], **fields: Any) -> None:
        super().__init__(**fields)
        self._embed = embed

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        vectors: list[list[float]] = self._embed(texts).tolist()
        return vectors


def torch_embedding(model: str, threads: int) -> BaseEmbedding:
    """Return a sentence-transformers model, a folder or hub id, as a user of LlamaIndex runs it; 0 threads: all."""
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.set_num_threads(threads or os.cpu_count() or 1)
    loaded: Any = SentenceTransformer(model, device="cpu")
    return _Embedding(lambda texts: loaded.encode(texts, normalize_embeddings=True, show_progress_bar=False))


def runtime_embedding(embedder: Embedder, batch: int | None = None) -> BaseEmbedding:
    """Return our embedder as LlamaIndex sees one, asked for `batch` texts at a time (None: its own default, 10)."""
    size = {} if batch is None else {"embed_batch_size": batch}
    return _Embedding(lambda texts: embedder.embed(texts).vectors, **size)


class _Counter(TransformComponent):
    """Counts the nodes that reach the embedding and the tokens that the model will read of them."""

    _count: Callable[[str], int] = PrivateAttr()
    _window: int = PrivateAttr()
    _seen: list[int] = PrivateAttr()

    def __init__(self, embedder: Embedder, seen: list[int]) -> None:
        super().__init__()
        self._count, self._window, self._seen = embedder.tokenizer.count, embedder.max_tokens, seen

    def __call__(self, nodes: Sequence[BaseNode], **_: Any) -> Sequence[BaseNode]:
        texts = (node.get_content(metadata_mode=MetadataMode.EMBED) for node in nodes)
        self._seen += (min(self._count(text) + 2, self._window) for text in texts)
        return nodes


class LlamaIngestion:
    """An IngestionPipeline with a document store for upserts and a store for what it makes.

    `chunk_tokens` None leaves the splitter as it comes (1,024 tokens, overlap 200, its own tokenizer); a number makes
    chunks of that size in the tokens of our embedder, without overlap, as ours are.
    """

    def __init__(
        self,
        embedding: BaseEmbedding,
        embedder: Embedder,
        chunk_tokens: int | None = None,
        store: LlamaStore | None = None,
    ) -> None:
        self._embedding = embedding
        self._store = store or InMemory()
        self._splitter = _splitter(embedder, chunk_tokens)
        self._documents = SimpleDocumentStore()
        # It replaces documents only where it adds the nodes itself; else it skips what it has, also under another name.
        strategy = DocstoreStrategy.UPSERTS if self._store.vectors else DocstoreStrategy.DUPLICATES_ONLY
        self._pipeline = IngestionPipeline(
            transformations=[self._splitter, embedding],
            vector_store=self._store.vectors,
            docstore=self._documents,
            docstore_strategy=strategy,
        )
        self._counter_of = embedder

    def ingest(self, folder: Path) -> int:
        """Read a folder that `write_corpus` wrote and bring it into the store; return how many nodes were made."""
        with warnings.catch_warnings():
            # It asks the local Qdrant, which has none, for an index over payloads, and is told that it grows large.
            warnings.filterwarnings("ignore", message="Payload indexes have no effect|Local mode is not recommended")
            nodes = self._pipeline.run(documents=_read(folder))
        self._store.keep(nodes, self._documents)
        return len(nodes)

    def tokens(self, folder: Path) -> tuple[int, int]:
        """Return how many nodes a folder makes and how many tokens of them the model reads, outside any timing."""
        seen: list[int] = []
        IngestionPipeline(transformations=[self._splitter, _Counter(self._counter_of, seen)]).run(
            documents=_read(folder)
        )
        return len(seen), sum(seen)

    def search(self, question: str, top_k: int) -> list[str]:
        """Return the documents of the `top_k` nearest nodes, best first, each once."""
        assert self._store.vectors is not None
        index = VectorStoreIndex.from_vector_store(self._store.vectors, embed_model=self._embedding)
        found = index.as_retriever(similarity_top_k=top_k).retrieve(question)
        return list(dict.fromkeys(str(item.node.ref_doc_id) for item in found))


def _splitter(embedder: Embedder, chunk_tokens: int | None) -> SentenceSplitter:
    if chunk_tokens is None:
        return SentenceSplitter()
    return SentenceSplitter(chunk_size=chunk_tokens, chunk_overlap=0, tokenizer=embedder.tokenizer.offsets)


def _read(folder: Path) -> list[LlamaDocument]:
    files = sorted(path for path in folder.iterdir() if path.suffix in {".md", ".txt"})
    documents = [LlamaDocument(id_=path.name, text=path.read_text(encoding="utf-8")) for path in files]
    rows = folder / "documents.jsonl"
    lines = rows.read_text(encoding="utf-8").splitlines() if rows.exists() else []
    for row in (json.loads(line) for line in lines):
        documents.append(LlamaDocument(id_=row["doc_id"], text=row["text"], metadata={"title": row["title"]}))
    return documents
