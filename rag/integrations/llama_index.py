"""Ragwright as a LlamaIndex retriever and node postprocessor, ready for any query engine.

    engine = RetrieverQueryEngine.from_args(
        RagwrightRetriever(pipeline, "handbook"),
        node_postprocessors=[RagwrightContext(pipeline, "handbook", budget_tokens=1000)],
    )

Node ids are chunk ids; `start_char_idx` and `end_char_idx` are offsets in the document's clean text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.callbacks import CallbackManager
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeRelationship, NodeWithScore, QueryBundle, RelatedNodeInfo, TextNode

from rag.bridge import run_sync
from rag.pipeline import RagPipeline, Request
from rag.types import Chunk, Hit, Passage, Span

_HIDDEN = ["doc_id", "parent", "pk", "spans", "tag"]


class RagwrightRetriever(BaseRetriever):
    """Retrieves from the live generation of a corpus: hybrid search, fusion and reranking."""

    def __init__(self, pipeline: RagPipeline, corpus: str, top_k: int | None = None) -> None:
        super().__init__(callback_manager=CallbackManager([]))
        self._pipeline = pipeline
        self._corpus = corpus
        self._top_k = top_k

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return run_sync(self._aretrieve(query_bundle))

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        found = await self._pipeline.search(Request(query_bundle.query_str, self._corpus, top_k=self._top_k))
        return [_hit_node(hit) for hit in found.hits]


class RagwrightContext(BaseNodePostprocessor):
    """Replaces retrieved nodes by passages: near-duplicates out, compressed to what the question needs, in budget.

    Nodes of `RagwrightRetriever` keep their source offsets; nodes of other retrievers get offsets in their own text.
    """

    budget_tokens: int | None = None
    _pipeline: RagPipeline = PrivateAttr()
    _corpus: str = PrivateAttr()

    def __init__(self, pipeline: RagPipeline, corpus: str, budget_tokens: int | None = None) -> None:
        super().__init__()
        self.budget_tokens = budget_tokens
        self._pipeline = pipeline
        self._corpus = corpus

    @classmethod
    def class_name(cls) -> str:
        """Return the name under which LlamaIndex reports the part."""
        return "RagwrightContext"

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        return run_sync(self._apostprocess_nodes(nodes, query_bundle))

    async def _apostprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        if query_bundle is None or not nodes:
            return nodes
        request = Request(query_bundle.query_str, self._corpus, budget_tokens=self.budget_tokens)
        hits = [_node_hit(rank, node) for rank, node in enumerate(nodes, 1)]
        result = await self._pipeline.assemble(request, hits)
        return [_passage_node(passage, hits) for passage in result.context.passages]


def _hit_node(hit: Hit) -> NodeWithScore:
    chunk = hit.chunk
    metadata = {"doc_id": chunk.doc_id, "title": chunk.title, "headings": list(chunk.headings), "pk": chunk.pk}
    if chunk.parent:
        metadata["parent"] = [chunk.parent.start, chunk.parent.end]
    node = _node(chunk.chunk_id, chunk.text, chunk.doc_id, chunk.span.start, chunk.span.end, metadata)
    return NodeWithScore(node=node, score=hit.score)


def _node_hit(rank: int, scored: NodeWithScore) -> Hit:
    node = scored.node
    text = node.get_content()
    start = getattr(node, "start_char_idx", None)
    is_ours = "pk" in node.metadata and start is not None
    chunk = Chunk(
        chunk_id=node.node_id,
        doc_id=str(node.metadata["doc_id"]) if is_ours else node.node_id,
        span=Span(start, start + len(text)) if is_ours and start is not None else Span(0, max(len(text), 1)),
        text=text,
        title=str(node.metadata.get("title", "")),
        headings=tuple(node.metadata.get("headings", ())) if is_ours else (),
        parent=Span(*node.metadata["parent"]) if is_ours and "parent" in node.metadata else None,
        pk=int(node.metadata["pk"]) if is_ours else 0,
    )
    return Hit(chunk, rank, scored.score or 0.0, {})


def _passage_node(passage: Passage, hits: Sequence[Hit]) -> NodeWithScore:
    metadata: dict[str, Any] = {
        "doc_id": passage.doc_id,
        "title": passage.title,
        "tag": passage.tag,
        "spans": [[span.start, span.end] for span in passage.spans],
    }
    node_id = f"{passage.doc_id}#{passage.start}-{passage.end}"
    node = _node(node_id, passage.text, passage.doc_id, passage.start, passage.end, metadata)
    starts = [
        (hit.score, (hit.chunk.parent or hit.chunk.span).start) for hit in hits if hit.chunk.doc_id == passage.doc_id
    ]
    scores = [score for score, start in starts if start <= passage.start]
    return NodeWithScore(node=node, score=max(scores, default=None))


def _node(node_id: str, text: str, doc_id: str, start: int, end: int, metadata: dict[str, Any]) -> TextNode:
    return TextNode(
        id_=node_id,
        text=text,
        start_char_idx=start,
        end_char_idx=end,
        metadata=metadata,
        excluded_embed_metadata_keys=_HIDDEN,
        excluded_llm_metadata_keys=_HIDDEN,
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=doc_id)},
    )
