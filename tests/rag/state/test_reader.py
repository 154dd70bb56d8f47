from pathlib import Path

import pytest
from sqlalchemy import insert, update

from rag.errors import CorpusNotFoundError, DocumentNotFoundError, StateError
from rag.ports import REMOVED_NEVER
from rag.settings import Settings
from rag.state.engine import open_catalogue, writing
from rag.state.home import Home
from rag.state.reader import PinnedCatalogue, SqlCatalogue, block_from_json, block_to_json
from rag.state.tables import chunks, corpora, documents, generations, indexes
from rag.types import Block, Generation, Span
from tests.fakes import equal_to


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def document_row(pk: int, doc_id: str, added: int, removed: int = REMOVED_NEVER, **extra: object) -> dict[str, object]:
    row = {"pk": pk, "index_id": 1, "doc_id": doc_id, "title": doc_id.upper(), "uri": "", "media_type": "text/plain"}
    row |= {"source_hash": "0", "text": f"text of {doc_id}", "blocks": [], "metadata": {}, "warnings": []}
    return row | {"added": added, "removed": removed} | extra


def chunk_row(pk: int, doc_pk: int, added: int, removed: int = REMOVED_NEVER) -> dict[str, object]:
    row = {"pk": pk, "doc_pk": doc_pk, "index_id": 1, "chunk_id": f"c{pk}", "start": 0, "end": 4, "text": "text"}
    return row | {"headings": ["A"], "header": "B > A", "page": None, "tokens": 1, "added": added, "removed": removed}


@pytest.fixture
def catalogue(home: Home) -> SqlCatalogue:
    """Generation 1 holds a and b; generation 2 replaced b."""
    engine = open_catalogue(home)
    settings = {
        "embedder": Settings().embedder.model_dump(mode="json"),
        "bm25": Settings().bm25.model_dump(mode="json"),
    }
    with writing(engine) as connection:
        connection.execute(insert(corpora).values(name="kb", live=None, created_at=""))
        connection.execute(insert(corpora).values(name="empty", live=None, created_at=""))
        connection.execute(
            insert(indexes).values(id=1, corpus="kb", fingerprint="f", embedder="e", dim=3, settings=settings)
        )
        for number in (1, 2):
            row = {
                "id": number,
                "corpus": "kb",
                "index_id": 1,
                "status": "published",
                "settings": "s",
                "started_at": "",
            }
            connection.execute(insert(generations).values(row))
        connection.execute(insert(documents), [document_row(1, "a", 1, metadata={"lang": "en"})])
        connection.execute(insert(documents), [document_row(2, "b", 1, 2), document_row(3, "b", 2, text="new text")])
        connection.execute(insert(chunks), [chunk_row(1, 1, 1), chunk_row(2, 2, 1, 2), chunk_row(3, 3, 2)])
        connection.execute(update(corpora).where(corpora.c.name == "kb").values(live=2))
    return SqlCatalogue(engine)


def at(number: int) -> Generation:
    return Generation(number, "kb", 1, "s")


def test_live_generation_and_its_absence(catalogue: SqlCatalogue) -> None:
    assert catalogue.live("kb").id == 2
    assert catalogue.corpora() == ["kb"]
    for name in ("empty", "unknown"):
        with pytest.raises(CorpusNotFoundError, match="known: kb.*ragwright ingest"):
            catalogue.live(name)


def test_each_generation_sees_its_own_documents(catalogue: SqlCatalogue) -> None:
    assert catalogue.document(at(1), "b").text == "text of b"
    assert catalogue.document(at(2), "b").text == "new text"
    assert [document.doc_id for document in catalogue.documents(at(1))] == ["a", "b"]
    assert sorted(catalogue.visible_chunks(at(1))) == [(1, "c1"), (2, "c2")]
    assert sorted(catalogue.visible_chunks(at(2))) == [(1, "c1"), (3, "c3")]
    assert sorted(catalogue.each_visible(at(2))) == sorted(catalogue.visible_chunks(at(2)))
    with pytest.raises(DocumentNotFoundError, match="'z'"):
        catalogue.document(at(2), "z")


def test_filters_match_metadata_inside_the_generation(catalogue: SqlCatalogue) -> None:
    assert catalogue.matching(at(2), equal_to(lang="en")) == {1}
    assert catalogue.matching(at(2), equal_to(lang="de")) == frozenset()
    assert catalogue.matching(at(2), ()) == {1, 3}


def test_chunks_carry_their_document(catalogue: SqlCatalogue) -> None:
    found = catalogue.chunks([1, 3, 99] * 400)
    assert sorted(found) == [1, 3]
    assert (found[3].doc_id, found[3].title, found[3].span, found[3].headings) == ("b", "B", Span(0, 4), ("A",))


def test_index_settings_are_those_it_was_built_with(catalogue: SqlCatalogue) -> None:
    assert catalogue.index(1).embedder == Settings().embedder
    with pytest.raises(StateError, match="no index 7"):
        catalogue.index(7)


def test_block_round_trip() -> None:
    block = Block("table", Span(3, 9), ("A", "B"), 0, 4)
    assert block_from_json(block_to_json(block)) == block


def test_a_pinned_generation_is_the_live_one_of_its_corpus(catalogue: SqlCatalogue) -> None:
    pinned = PinnedCatalogue(catalogue.engine, at(1))
    assert pinned.live("kb") == at(1) and catalogue.live("kb").id == 2
    with pytest.raises(CorpusNotFoundError, match="generation 1 is of 'kb'"):
        pinned.live("empty")


def test_metadata_and_texts_are_those_of_the_generation(catalogue: SqlCatalogue) -> None:
    assert catalogue.fields(at(2)) == {"lang"} and catalogue.field_values(at(2), "lang") == {"en"}
    assert list(catalogue.texts(at(2), equal_to(lang="en"))) == ["a\nA\ntext of a"]
    assert list(catalogue.texts(at(2), ())) == ["a\nA\ntext of a", "b\nB\nnew text"]
    assert [chunk.pk for chunk in catalogue.document_chunks(at(2), "b")] == [3]
    assert catalogue.children(at(2), "b", []) == [] and catalogue.chunk_count(at(1)) == 2


def test_same_texts_are_found_by_their_hash(catalogue: SqlCatalogue) -> None:
    with writing(catalogue.engine) as connection:
        connection.execute(update(chunks).where(chunks.c.pk.in_([1, 3])).values(text_hash="h"))
    assert catalogue.same_texts([1], ["h", "other"]) == {"h": [(1, 3), (1, 1)]}
    assert catalogue.same_texts([2], ["h"]) == {}
    assert catalogue.embedded_by("e", "kb") == [1] and catalogue.embedded_by("f", "kb") == []
