import warnings

import pytest

from ingest.chunkers import chunk
from ingest.partition.layout import Piece, assemble
from rag.settings import ChunkerSettings
from rag.types import Document


@pytest.fixture(autouse=True)
def _their_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def document():
    pieces = [Piece("heading", "Disks", 1)] + [Piece("paragraph", f"Disk number {n} is amber. " * 5) for n in range(5)]
    text, blocks = assemble(pieces)
    return Document("a b/#1.md", "Guide", text, blocks, "f" * 64, "file:///g.md", "text/markdown", {"format": "md"})


def test_documents_come_back_as_they_went():
    from ingest.chunkers.llama import from_llama_documents, to_llama_documents

    ours = document()
    (theirs,) = to_llama_documents([ours])
    assert (theirs.id_, theirs.text) == (ours.doc_id, ours.text)
    (back,) = from_llama_documents([theirs])
    same = ("doc_id", "title", "text", "source_hash", "uri", "media_type", "metadata")
    assert [getattr(back, name) for name in same] == [getattr(ours, name) for name in same]
    assert all(back.text[b.span.start : b.span.end].strip() for b in back.blocks)


def test_nodes_keep_offsets_ids_and_neighbours(tokenizer):
    from llama_index.core.schema import MetadataMode

    from ingest.chunkers.llama import to_text_nodes

    ours = document()
    chunks = chunk(ours, tokenizer, ChunkerSettings(max_tokens=40))
    nodes = to_text_nodes(chunks)
    assert len(nodes) == len(chunks) > 2
    for node, piece in zip(nodes, chunks, strict=True):
        assert ours.text[node.start_char_idx : node.end_char_idx] == node.text
        assert (node.id_, node.ref_doc_id) == (piece.chunk_id, ours.doc_id)
    assert nodes[0].prev_node is None and nodes[0].next_node.node_id == nodes[1].id_
    assert nodes[1].prev_node.node_id == nodes[0].id_
    assert "file:///" not in nodes[0].get_content(MetadataMode.EMBED)
