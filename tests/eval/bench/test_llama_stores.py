"""What the rivals of ingestion leave on disk can be opened again, and holds every run."""

import json
from pathlib import Path

import pytest

from eval.bench.corpora import text_corpus, write_corpus
from tests.fakes import FakeEmbedder

pytest.importorskip("llama_index.vector_stores.qdrant")

from llama_index.core import MockEmbedding, StorageContext, load_index_from_storage

from eval.bench import llama_stores
from eval.bench.llama_pipeline import LlamaIngestion, runtime_embedding
from eval.bench.llama_stores import BM25, DOCUMENTS, INDEX, QDRANT, Hybrid, InMemory, JsonStore, OnDisk


@pytest.fixture
def slices(tmp_path):
    documents = text_corpus(12, None).documents
    return [write_corpus(documents[start::2], tmp_path / f"slice{start}") for start in range(2)]


def bring_in(slices, store):
    embedder = FakeEmbedder()
    rival = LlamaIngestion(runtime_embedding(embedder), embedder, 192, store)
    return sum(rival.ingest(folder) for folder in slices)


def documents_in(folder: Path) -> int:
    return len(json.loads((folder / DOCUMENTS).read_text())["docstore/data"])


def test_qdrant_on_a_path_holds_every_slice(slices, tmp_path):
    store = OnDisk(tmp_path)
    made = bring_in(slices, store)
    store.close()
    client = llama_stores.QdrantClient(path=str(tmp_path / QDRANT))
    assert client.count("bench").count == made > 0
    client.close()
    assert documents_in(tmp_path) == sum(len(_documents(folder)) for folder in slices)


def test_json_holds_every_slice_with_its_vectors(slices, tmp_path):
    made = bring_in(slices, JsonStore(tmp_path))
    stored = StorageContext.from_defaults(persist_dir=str(tmp_path / INDEX))
    index = load_index_from_storage(stored, embed_model=MockEmbedding(32))
    found = index.as_retriever(similarity_top_k=made).retrieve("Where is it kept?")
    assert len(found) == made > 0 and all(item.node.get_content() for item in found)


def test_the_keyword_half_holds_the_nodes_of_every_slice(slices, tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(llama_stores, "_write_bm25", lambda nodes, folder: written.append((len(nodes), folder)))
    store = Hybrid(tmp_path)
    made = bring_in(slices, store)
    store.close()
    assert len(written) == 2 and written[-1] == (made, str(tmp_path / BM25))


def test_in_memory_and_on_disk_find_the_same(slices, tmp_path):
    embedder, on_disk = FakeEmbedder(), OnDisk(tmp_path)
    found = []
    for store in (InMemory(), on_disk):
        rival = LlamaIngestion(runtime_embedding(embedder), embedder, 192, store)
        assert rival.ingest(slices[0]) > 0
        found.append(rival.search("Where is it kept?", 3))
    on_disk.close()
    assert found[0] == found[1] != []


def _documents(folder: Path) -> list[str]:
    rows = folder / "documents.jsonl"
    files = [path.name for path in folder.iterdir() if path.suffix in {".md", ".txt"}]
    return files + (rows.read_text().splitlines() if rows.exists() else [])
