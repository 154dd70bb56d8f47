from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select

from ingest.sources.named import UPLOAD, Source, SourceKey
from ingest.store.registry import Registry, ids_of
from rag.ports import REMOVED_NEVER
from rag.state.engine import open_catalogue, reading, writing
from rag.state.home import Home
from rag.state.tables import corpora, documents, failures, indexes
from rag.types import Generation

ONE, TWO = Source(SourceKey("/one"), "/one", ("*.md",)), Source(SourceKey("/two", "p"), "/two")
LIVE = Generation(1, "kb", 1, "s")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_catalogue(Home(tmp_path / "home"))
    with writing(engine) as connection:
        connection.execute(
            insert(corpora), [{"name": name, "live": None, "created_at": ""} for name in ("kb", "other")]
        )
        row = {"corpus": "kb", "fingerprint": "f", "embedder": "e", "dim": 3, "settings": {}}
        connection.execute(insert(indexes).values(id=1, **row))
    yield engine
    engine.dispose()


@pytest.fixture
def registry(engine: Engine) -> Registry:
    hours = count(1)
    return Registry(engine, "kb", lambda: datetime(2026, 1, 1, next(hours), tzinfo=UTC))


def hold(engine: Engine, source: int | None, doc_id: str) -> None:
    row = {"doc_id": doc_id, "title": "", "uri": "", "media_type": "", "source_hash": "", "text": "x", "blocks": []}
    row |= {"metadata": {}, "warnings": [], "index_id": 1, "added": 1, "removed": REMOVED_NEVER, "source": source}
    with writing(engine) as connection:
        connection.execute(insert(documents).values(row))


def test_a_source_is_remembered_as_it_was_named_last(registry: Registry) -> None:
    first = registry.remember([ONE, TWO])
    again = registry.remember([Source(ONE.key, "./one", exclude=("x*",))])
    assert again == {ONE.key: first[ONE.key]}
    known = registry.known(None)
    one = known[first[ONE.key]]
    assert (one.key, one.include, one.exclude) == (ONE.key, (), ("x*",))
    assert one.added_at < one.refreshed_at and one.refreshable and ids_of(known) == first
    assert one.source == Source(ONE.key, "/one", (), ("x*",))


def test_each_corpus_has_its_own(registry: Registry, engine: Engine) -> None:
    registry.remember([ONE])
    assert Registry(engine, "other").known(None) == {}


def test_documents_of_the_live_generation_are_counted(registry: Registry, engine: Engine) -> None:
    ids = registry.remember([ONE])
    for doc_id, source in (("a", ids[ONE.key]), ("b", ids[ONE.key]), ("c", None)):
        hold(engine, source, doc_id)
    assert registry.counts(LIVE) == {ids[ONE.key]: 2, None: 1} and registry.counts(None) == {}
    assert registry.known(LIVE)[ids[ONE.key]].documents == 2


def test_a_forgotten_source_comes_back_with_its_documents(registry: Registry, engine: Engine) -> None:
    ids = registry.remember([ONE, TWO])
    with writing(engine) as connection:
        row = {"source_hash": "", "reason": "bad", "transient": 0, "attempts": 1, "failed_at": ""}
        connection.execute(insert(failures).values(corpus="kb", doc_id="x", source=ids[ONE.key], **row))
    registry.forget([ids[ONE.key]])
    assert not registry.known(None)[ids[ONE.key]].remembered
    with reading(engine) as connection:
        assert connection.execute(select(failures)).all() == []
    assert registry.all_among([TWO]) and not registry.all_among([ONE])
    hold(engine, ids[ONE.key], "a")
    assert registry.known(LIVE)[ids[ONE.key]].remembered, "as after a rollback"


def test_what_was_uploaded_cannot_be_refreshed(registry: Registry) -> None:
    ids = registry.remember([Source(SourceKey(UPLOAD), UPLOAD)])
    (uploaded,) = registry.known(None).values()
    assert uploaded.remembered and not uploaded.refreshable and ids == {uploaded.key: uploaded.id}


def test_a_source_that_moved_keeps_its_id(registry: Registry) -> None:
    ids = registry.remember([ONE])
    registry.move(ids[ONE.key], SourceKey("/new", "q"))
    assert ids_of(registry.known(None)) == {SourceKey("/new", "q"): ids[ONE.key]}
