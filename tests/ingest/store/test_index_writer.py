import pytest
from sqlalchemy import Engine

from ingest.store import index_writer
from ingest.store.catalogue import CatalogueWriter
from ingest.store.index_writer import IndexWriter, erase_generation, restore_removed
from ingest.store.rows import MadeDocument
from rag.ports import Embeddings, Index
from tests.fakes import make_chunk, make_document


class Unknown:
    """No text has vectors yet."""

    def places(self, hashes):
        return {}

    def fetch(self, donors):
        return {}


@pytest.fixture
def index(runtime) -> Index:
    writer = CatalogueWriter(runtime.engine, "kb")
    writer.create_corpus()
    writer.create_index("f", {"embedder": {}, "bm25": {}}, "hash", 8)
    return runtime.indexes(1)


def made(doc_id: str, *texts: str) -> MadeDocument:
    return MadeDocument(make_document(doc_id, "\n\n".join(texts)), [make_chunk(text, doc_id) for text in texts])


def write(engine: Engine, index: Index, *documents: MadeDocument) -> tuple[IndexWriter, int]:
    catalogue = CatalogueWriter(engine, "kb")
    generation = catalogue.begin(1, "s")
    with IndexWriter(catalogue, index, generation, Unknown()) as writer:
        for document in documents:
            writer.add(document)
    return writer, generation


def test_every_chunk_is_in_all_three_stores(runtime, index) -> None:
    writer, generation = write(runtime.engine, index, made("a", "one", "two"), made("b", "three"))
    assert (writer.chunks, writer.embedded, writer.reused, writer.anew) == (3, 3, 0, {"a", "b"})
    assert index.vectors.visible(generation) == {1, 2, 3}
    assert sorted(index.keywords.added[generation].values()) == ["one", "three", "two"]
    assert set(index.token_vectors.added[generation]) == {1, 2, 3}


def test_equal_texts_are_embedded_once(runtime, index) -> None:
    writer, _ = write(runtime.engine, index, made("a", "same"), made("b", "same", "other"))
    assert sorted(runtime.embedder.texts) == ["other", "same"] and (writer.embedded, writer.reused) == (2, 1)
    vectors = index.vectors.get([1, 2, 3])
    assert (vectors[1] == vectors[2]).all() and not (vectors[1] == vectors[3]).all()


def test_batches_are_even(runtime, index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_writer, "_BATCH_CHUNKS", 4)
    write(runtime.engine, index, made("a", *(f"text {n}" for n in range(9))))
    assert runtime.embedder.calls == 3 and len(runtime.embedder.texts) == 9


def test_what_a_store_raises_reaches_the_writer(runtime, index, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(points: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr(index.vectors, "upsert", full)
    with pytest.raises(OSError, match="no space"):
        write(runtime.engine, index, made("a", "one"))


def test_a_generation_is_taken_out_of_all_stores_however_often(runtime, index) -> None:
    _, first = write(runtime.engine, index, made("a", "one"))
    _, second = write(runtime.engine, index, made("b", "two"))
    index.vectors.set_removed([1], second)
    for _ in range(2):
        erase_generation(index, second, [2], [1])
        assert index.vectors.visible(second) == {1} and second not in index.keywords.added
        assert second not in index.token_vectors.added and first in index.keywords.added
    index.vectors.set_removed([1], second)
    restore_removed(index, [1])
    assert index.vectors.visible(second) == {1}


def test_nothing_to_embed_asks_no_model(runtime, index) -> None:
    writer, _ = write(runtime.engine, index)
    assert runtime.embedder.calls == 0 and writer.chunks == 0
    assert isinstance(writer._embed([]), Embeddings)
