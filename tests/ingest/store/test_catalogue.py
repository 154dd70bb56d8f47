from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.store.catalogue import CatalogueWriter, Failure, batches
from ingest.store.rows import MadeDocument
from rag.errors import BusyError, StateError
from rag.state.engine import open_catalogue
from rag.state.home import Home
from rag.types import Generation
from tests.fakes import make_chunk, make_document


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_catalogue(Home(tmp_path / "home"))
    yield engine
    engine.dispose()


@pytest.fixture
def writer(engine: Engine) -> CatalogueWriter:
    """The writer of a corpus with one index."""
    writer = CatalogueWriter(engine, "kb")
    writer.create_corpus()
    assert writer.create_index("f", {"embedder": {"model": "m"}}, "e", 3) == 1
    return writer


def made(doc_id: str, *texts: str) -> MadeDocument:
    return MadeDocument(make_document(doc_id, "\n\n".join(texts)), [make_chunk(text, doc_id) for text in texts])


def put(writer: CatalogueWriter, *documents: MadeDocument, publish: bool = True) -> int:
    generation = writer.begin(1, "s")
    list(writer.add(1, generation, documents))
    live = writer.live()
    if publish:
        writer.publish(generation, {"added": len(documents)}, base=live.id if live else None)
    return generation


def held(writer: CatalogueWriter, generation: int) -> set[str]:
    return set(writer.stored(1, generation))


def test_nothing_is_seen_before_the_flip(writer: CatalogueWriter) -> None:
    assert writer.live() is None
    first = put(writer, made("a", "x"))
    second = put(writer, made("b", "y"), publish=False)
    live = writer.live()
    assert live is not None and live.id == first and held(writer, first) == {"a"} and held(writer, second) == {"a", "b"}
    assert [row.status for row in writer.generations()] == ["published", "building"]
    assert writer.counts(Generation(first, "kb", 1, "s")) == (1, 1)


def test_a_flip_over_another_flip_is_refused(writer: CatalogueWriter) -> None:
    first = put(writer, made("a", "x"))
    second = put(writer, made("b", "y"), publish=False)
    with pytest.raises((StateError, BusyError)):
        writer.publish(second, {}, base=None)
    writer.publish(second, {}, base=first)


def test_what_is_retired_is_seen_by_the_older_generation(writer: CatalogueWriter) -> None:
    first = put(writer, made("a", "x", "z"), made("b", "y"))
    second = writer.begin(1, "s")
    pk = writer.stored(1, first)["a"].pk
    assert len(writer.retire(second, [pk])) == 2
    writer.publish(second, {"removed": 1}, base=first)
    assert held(writer, first) == {"a", "b"} and held(writer, second) == {"b"}
    assert writer.unseen(1, second) and not writer.unseen(1, first)
    writer.erase_unseen(1, second)
    assert held(writer, first) == {"b"}


def test_an_abandoned_generation_is_discarded_whole(writer: CatalogueWriter) -> None:
    first = put(writer, made("a", "x"))
    second = writer.begin(1, "s")
    list(writer.add(1, second, [made("b", "y")]))
    writer.retire(second, [writer.stored(1, first)["a"].pk])
    (abandoned,) = writer.abandoned()
    added, removed = writer.touched(abandoned)
    assert (len(added), len(removed)) == (1, 1)
    writer.disown(abandoned)
    with pytest.raises(StateError):
        writer.promote(second)
    writer.discard(abandoned)
    assert held(writer, first) == {"a"} == held(writer, second)
    assert [row.id for row in writer.generations()] == [first]


def test_a_held_generation_waits_for_its_verdict(writer: CatalogueWriter) -> None:
    first = put(writer, made("a", "x"))
    second = put(writer, made("b", "y"), publish=False)
    writer.hold(second, {"added": 1})
    writer.record_verdict(second, {"verdict": "FAIL"})
    live = writer.live()
    assert live is not None and live.id == first
    assert [(row.status, row.gate) for row in writer.generations()] == [
        ("published", None),
        ("held", {"verdict": "FAIL"}),
    ]
    writer.promote(second)
    live = writer.live()
    assert live is not None and live.id == second


def test_failures_count_their_attempts_until_they_succeed(writer: CatalogueWriter) -> None:
    writer.record_failures([Failure("a", "bad")])
    (again,) = writer.record_failures([Failure("a", "worse", transient=True)])
    assert (again.attempts, again.reason, again.transient) == (2, "worse", True)
    assert [failure.doc_id for failure in writer.failures()] == ["a"]
    writer.clear_failures(["a", "never"])
    assert writer.failures() == []


def test_an_index_is_found_by_its_fingerprint_until_it_is_retired(writer: CatalogueWriter) -> None:
    assert writer.find_index("f") == 1 and writer.find_index("other") is None and writer.index_ids() == [1]
    assert writer.index_settings(1) == {"embedder": {"model": "m"}}
    put(writer, made("a", "x", "y"))
    writer.retire_index(1)
    assert writer.find_index("f") is None and writer.erase_index(1) == 2


def test_batches_hold_everything_once() -> None:
    assert [list(batch) for batch in batches([1, 2, 3, 4, 5], 2)] == [[1, 2], [3, 4], [5]] and list(
        batches([], 2)
    ) == []
