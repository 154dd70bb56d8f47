"""The LlamaIndex faces over the demo corpus, and over nodes of other retrievers."""

from __future__ import annotations

from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.response_synthesizers import ResponseMode, get_response_synthesizer
from llama_index.core.schema import NodeWithScore, TextNode

from rag.integrations.llama_index import RagwrightContext, RagwrightRetriever
from rag.runtime import Runtime


def test_a_llama_index_query_engine_runs_on_the_faces(demo: Runtime) -> None:
    engine = RetrieverQueryEngine(
        RagwrightRetriever(demo.pipeline, "demo", top_k=8),
        response_synthesizer=get_response_synthesizer(llm=MockLLM(), response_mode=ResponseMode.COMPACT),
        node_postprocessors=[RagwrightContext(demo.pipeline, "demo", budget_tokens=200)],
    )
    response = engine.query("Which company shreds your broken drives?")
    assert response.source_nodes and any("Genvind Nord" in node.text for node in response.source_nodes)
    generation = demo.catalogue.live("demo")
    for scored in response.source_nodes:
        text = demo.catalogue.document(generation, scored.node.metadata["doc_id"]).text
        spans = scored.node.metadata["spans"]
        assert scored.node.get_content() == " … ".join(text[start:end] for start, end in spans)


async def test_the_llama_index_faces_work_inside_a_running_loop(demo: Runtime) -> None:
    retriever = RagwrightRetriever(demo.pipeline, "demo", top_k=3)
    assert [n.node_id for n in retriever.retrieve("webhooks")] == [
        n.node_id for n in await retriever.aretrieve("webhooks")
    ]


def test_the_context_face_takes_foreign_nodes(demo: Runtime) -> None:
    nodes = [NodeWithScore(node=TextNode(id_=f"n{i}", text=text), score=1 - i / 10) for i, text in enumerate(TEXTS)]
    kept = RagwrightContext(demo.pipeline, "demo").postprocess_nodes(nodes, query_str="When are backups deleted?")
    assert "Backups are deleted after 45 days." in " ".join(node.text for node in kept)
    assert len(kept) < len(nodes)


TEXTS = [
    "Backups are deleted after 45 days. Call us to keep them longer.",
    "Backups are deleted after 45 days. Call us to keep them longer.",
    "The cafeteria opens at noon.",
]
