"""Texts that were embedded before are not embedded again, and nothing that a killed run left is ever seen."""

import threading

import numpy as np
import pytest

from ingest.make.workers import make
from ingest.pipeline import IngestOptions, ingest
from ingest.store.catalogue import CatalogueWriter
from ingest.store.reuse import StoredEmbeddings
from ingest.upkeep.generations import rollback, vacuum
from rag.errors import StateError
from rag.index.token_vectors import StoredTokenVectors
from rag.ports import Embeddings
from rag.settings import Settings
from tests.ingest.conftest import MemoryVectors


class WorkersHere:
    """Makes documents in this process: the pool has tests of its own."""

    def __init__(self, jobs, recipe, at_most=None):
        self.recipe = recipe

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def cancel(self):
        pass

    def outcomes(self, jobs):
        return (make(job, self.recipe) for job in jobs)


@pytest.fixture(autouse=True)
def workers_here(monkeypatch):
    monkeypatch.setattr("ingest.pipeline.WorkerPool", WorkersHere)


SECTION = "## Part {0}\n\nThe tray of disk {0} shows an amber light. Pull it, wait, put in disk {0} again.\n\n"


def document(*parts):
    return "# Handbook\n\n" + "".join(SECTION.format(part) for part in parts)


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    for n in range(4):
        (folder / f"doc{n}.md").write_text(document(*(f"{n}-{i}" for i in range(4))))
    return folder


def run(source, runtime, **options):
    return ingest([str(source)], "kb", runtime, IngestOptions(**options))


def written(report):
    return report.chunks, report.embedded, report.reused


def test_a_text_is_embedded_once_whatever_happens_to_its_file(source, runtime):
    first = run(source, runtime)
    assert written(first) == (first.chunks, first.chunks, 0) and first.chunks >= 16
    (source / "copy.md").write_text((source / "doc0.md").read_text())
    (source / "doc1.md").rename(source / "moved.md")
    report = run(source, runtime, prune=True)
    assert (report.added, report.removed, report.moved) == (1, 0, (("doc1.md", "moved.md"),))
    assert report.embedded == 0 and report.reused == report.chunks > 0
    assert len(runtime.embedder.texts) == first.chunks
    runtime.view("kb")


def test_unchanged_parts_of_an_edited_document_are_not_embedded_again(source, runtime):
    run(source, runtime)
    runtime.embedder.texts.clear()
    (source / "doc0.md").write_text(document("0-0", "0-1", "new", "0-3"))
    report = run(source, runtime)
    assert report.changed == 1 and report.reused > 0
    assert all("disk new" in text for text in runtime.embedder.texts) and report.embedded == 1


def test_going_back_to_an_old_version_embeds_nothing(source, runtime):
    run(source, runtime)
    old = (source / "doc0.md").read_text()
    (source / "doc0.md").write_text(document("x", "y"))
    run(source, runtime)
    (source / "doc0.md").write_text(old)
    report = run(source, runtime)
    assert report.changed == 1 and report.embedded == 0 and report.reused > 0
    runtime.view("kb")


def test_equal_texts_of_one_run_are_embedded_once(runtime, tmp_path, monkeypatch):
    monkeypatch.setattr("ingest.store.index_writer._BATCH_CHUNKS", 2)
    folder = tmp_path / "same"
    folder.mkdir()
    for n in range(7):
        (folder / f"{n}.md").write_text(document("same", "again"))
    report = run(folder, runtime)
    assert report.embedded == len(set(runtime.embedder.texts)) == len(runtime.embedder.texts)
    assert report.chunks == 7 * report.embedded
    runtime.view("kb")


def test_equal_texts_of_one_document_are_embedded_once_across_batches(runtime, tmp_path, monkeypatch):
    monkeypatch.setattr("ingest.store.index_writer._BATCH_CHUNKS", 2)
    folder = tmp_path / "same"
    folder.mkdir()
    (folder / "long.md").write_text(document(*["same"] * 7))
    report = run(folder, runtime)
    assert report.chunks >= 7 and report.embedded == len(set(runtime.embedder.texts)) == len(runtime.embedder.texts)
    runtime.view("kb")


def test_batches_are_stored_in_turn_beside_the_embedder_and_all_before_the_flip(source, runtime, monkeypatch):
    monkeypatch.setattr("ingest.store.index_writer._BATCH_CHUNKS", 2)
    upsert, stored = MemoryVectors.upsert, []

    def slow(self, points):
        assert not stored or stored[-1] is not None  # the one before is done
        stored.append(None)
        threading.Event().wait(0.01)
        upsert(self, points)
        stored[-1] = (threading.current_thread().name.partition("_")[0], len(points))

    monkeypatch.setattr(MemoryVectors, "upsert", slow)
    report = run(source, runtime)
    assert {name for name, _ in stored} == {"store"} and sum(count for _, count in stored) == report.chunks
    assert not any(thread.name.startswith("store") for thread in threading.enumerate())
    runtime.view("kb")


def test_other_keyword_settings_build_an_index_without_the_model(source, runtime):
    run(source, runtime)
    before = runtime.view("kb")
    tree = runtime.settings.model_dump(exclude={"environment"})
    tree["bm25"]["k1"] = 1.2
    runtime.settings = Settings.model_validate(tree)
    report = run(source, runtime)
    assert report.embedded == 0 and report.reused == len(before[1])
    assert runtime.view("kb") == before


def test_another_corpus_gives_its_embeddings_and_another_model_does_not(source, runtime):
    ingest([str(source)], "first", runtime)
    assert ingest([str(source)], "second", runtime).embedded == 0
    runtime.view("second")
    runtime.embedder.name = "other"
    assert ingest([str(source)], "third", runtime).reused == 0


def test_reused_vectors_are_those_of_the_text(source, runtime):
    run(source, runtime)
    (source / "doc0.md").rename(source / "moved.md")
    run(source, runtime, prune=True, allow_delete_over=1.0)
    index = runtime.opened[1]
    chunks = runtime.catalogue.chunks(list(index.vectors.points))
    assert any(chunk.doc_id == "moved.md" for chunk in chunks.values())
    for pk, chunk in chunks.items():
        expected = runtime.embedder.embed([chunk.indexed_text]).vectors[0]
        assert np.array_equal(index.vectors.points[pk].vector, expected)


def test_a_donor_that_cannot_be_read_is_passed_over(source, runtime, monkeypatch):
    ingest([str(source)], "first", runtime)
    real = type(runtime).indexes

    def indexes(self, index_id):
        if index_id == 1:
            raise StateError("it was vacuumed")
        return real(self, index_id)

    monkeypatch.setattr(type(runtime), "indexes", indexes)
    report = ingest([str(source)], "second", runtime)
    assert report.reused == 0 and report.embedded == report.chunks


@pytest.mark.parametrize(
    "damage",
    [
        lambda vector, tokens: (vector * np.nan, tokens),
        lambda vector, tokens: (vector * 0, tokens),
        lambda vector, tokens: (vector[:-1], tokens),
        lambda vector, tokens: (vector, tokens * 0),
        lambda vector, tokens: (vector, np.concatenate([tokens, tokens[:1] * 0])),
        lambda vector, tokens: (vector, tokens[:0]),
    ],
)
def test_damaged_donors_are_not_used(source, runtime, monkeypatch, damage):
    run(source, runtime)
    index = runtime.opened[1]
    stored = StoredEmbeddings(runtime.catalogue, runtime.indexes, index.embedder.dim, index.id)
    pk = next(iter(index.vectors.points))
    places = {"text": [(1, pk)]}
    assert set(stored.fetch(places)) == {"text"}
    vector, tokens = damage(index.vectors.get([pk])[pk], index.token_vectors.packed([pk])[pk])
    monkeypatch.setattr(index.vectors, "get", lambda pks: {pk: vector})
    monkeypatch.setattr(index.token_vectors, "packed", lambda pks: {pk: tokens})
    assert stored.fetch(places) == {}


def test_rows_that_a_power_cut_left_without_their_vectors_are_no_donors(tmp_path):
    store = StoredTokenVectors(tmp_path, 8)
    whole = np.eye(8, dtype=np.float32)[:4]
    store.add(1, [1, 2], [whole, whole])
    with open(tmp_path / "1" / "vectors.bin", "r+b") as file:
        file.truncate(6 * 4)
    assert set(StoredTokenVectors(tmp_path, 8).packed([1, 2])) == {1}


# --- resume -----------------------------------------------------------------------------------------------------------


def failing_embedder(runtime, monkeypatch, crash, after):
    """Let the embedder answer `after` batches and die at the next."""
    real, calls = type(runtime.embedder).embed, []

    def embed(self, texts, *, with_tokens=False) -> Embeddings:
        calls.append(1)
        if len(calls) > after:
            raise crash
        return real(self, texts, with_tokens=with_tokens)

    monkeypatch.setattr(type(runtime.embedder), "embed", embed)


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr("ingest.store.index_writer._BATCH_CHUNKS", 4)


def changed(source):
    """Change, add and remove documents."""
    (source / "doc0.md").write_text(document("a", "b", "c", "d"))
    (source / "doc9.md").write_text(document("e", "f", "g", "h"))
    (source / "doc3.md").unlink()


def test_what_a_run_embedded_before_it_died_is_not_embedded_again(source, runtime, monkeypatch, crash, small_batches):
    with monkeypatch.context() as patch, pytest.raises(crash):
        failing_embedder(runtime, patch, crash, 3)
        run(source, runtime)
    done = list(runtime.embedder.texts)
    assert len(done) == 12
    report = run(source, runtime)
    assert report.reused == 12 and report.added == 4
    assert len(runtime.embedder.texts) == len(set(runtime.embedder.texts)) == report.chunks
    runtime.view("kb")


@pytest.mark.parametrize("deaths", [1, 2, 3])
def test_runs_that_die_one_after_the_other_leave_nothing_that_is_seen(
    source, make_runtime, monkeypatch, crash, small_batches, deaths
):
    runtime = make_runtime()
    run(source, runtime)
    live, before = runtime.catalogue.live("kb"), runtime.view("kb")
    changed(source)
    for death in range(deaths):
        with monkeypatch.context() as patch, pytest.raises(crash):
            failing_embedder(runtime, patch, crash, 0 if death else 1)
            run(source, runtime, prune=True, allow_delete_over=1.0)
        assert runtime.catalogue.live("kb") == live and runtime.view("kb") == before
    report = run(source, runtime, prune=True, allow_delete_over=1.0)
    assert (report.added, report.changed, report.removed, report.reused >= 4) == (1, 1, 1, True)
    check_like_new(runtime, make_runtime("fresh"), source)


STEPS = [
    (CatalogueWriter, "disown"),
    (CatalogueWriter, "restore"),
    (CatalogueWriter, "begin"),
    (CatalogueWriter, "retire"),
    (CatalogueWriter, "discard"),
    (CatalogueWriter, "signatures"),
    (CatalogueWriter, "publish"),
    ("vectors", "set_removed"),
    ("vectors", "delete"),
    ("vectors", "flush"),
    ("keywords", "discard"),
    ("token_vectors", "discard"),
    ("keywords", "publish"),
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("owner", "method"), STEPS, ids=[method for _, method in STEPS])
def test_a_second_death_at_any_step_is_healed(
    source, make_runtime, monkeypatch, crash, small_batches, owner, method, after
):
    """The first run dies at its flip, with everything written; the second at the step; the third makes it right."""
    runtime = make_runtime()
    run(source, runtime)
    live, before = runtime.catalogue.live("kb"), runtime.view("kb")
    changed(source)
    with monkeypatch.context() as patch, pytest.raises(crash):
        patch.setattr(CatalogueWriter, "publish", raising(crash))
        run(source, runtime, prune=True, allow_delete_over=1.0)
    target = type(getattr(runtime.opened[live.index_id], owner)) if isinstance(owner, str) else owner
    real = getattr(target, method)

    def dying(*args, **kwargs):
        if after:
            real(*args, **kwargs)
        raise crash

    flips = (method, after) == ("publish", True) and owner is CatalogueWriter
    with monkeypatch.context() as patch, pytest.raises(crash):
        patch.setattr(target, method, dying)
        run(source, runtime, prune=True, allow_delete_over=1.0)
    if not flips:
        assert runtime.catalogue.live("kb") == live and runtime.view("kb") == before
    report = run(source, runtime, prune=True, allow_delete_over=1.0)
    assert (report.added, report.changed, report.removed) == ((0, 0, 0) if flips else (1, 1, 1))
    check_like_new(runtime, make_runtime("fresh"), source)


def raising(error):
    def method(*_args, **_options):
        raise error

    return method


def check_like_new(runtime, fresh, source):
    """The live generation is what a new home would hold, and nothing of an abandoned one is in any store."""
    run(source, fresh)
    assert runtime.view("kb") == fresh.view("kb")
    live = runtime.catalogue.live("kb")
    kept = {row.id for row in CatalogueWriter(runtime.engine, "kb").generations()}
    assert max(kept) == live.id
    index = runtime.opened[live.index_id]
    assert {point.added for point in index.vectors.points.values()} <= kept
    assert set(index.vectors.removed.values()) <= {*kept, 2**53}
    assert set(index.keywords.added) <= kept and set(index.token_vectors.added) <= kept


def test_what_a_killed_run_removed_is_back_when_the_next_one_keeps_it(
    source, make_runtime, monkeypatch, crash, small_batches
):
    runtime = make_runtime()
    run(source, runtime)
    kept = {name: (source / name).read_text() for name in ("doc0.md", "doc3.md")}
    changed(source)
    with monkeypatch.context() as patch, pytest.raises(crash):
        patch.setattr(CatalogueWriter, "publish", raising(crash))
        run(source, runtime, prune=True, allow_delete_over=1.0)
    for name, text in kept.items():
        (source / name).write_text(text)
    report = run(source, runtime, prune=True, allow_delete_over=1.0)
    assert (report.added, report.unchanged, report.embedded) == (1, 4, 0)
    check_like_new(runtime, make_runtime("fresh"), source)


def test_a_run_with_nothing_to_do_erases_what_a_killed_one_left(source, runtime, monkeypatch, crash):
    run(source, runtime)
    old = (source / "doc0.md").read_text()
    (source / "doc0.md").write_text(document("x"))
    with monkeypatch.context() as patch, pytest.raises(crash):
        patch.setattr(CatalogueWriter, "publish", raising(crash))
        run(source, runtime)
    (source / "doc0.md").write_text(old)
    report = run(source, runtime)
    assert (report.unchanged, report.chunks) == (4, 0)
    assert {point.added for point in runtime.opened[1].vectors.points.values()} == {1}


def test_a_rebuild_that_died_is_resumed_in_its_index(source, make_runtime, monkeypatch, crash, small_batches):
    runtime = make_runtime()
    run(source, runtime)
    tree = runtime.settings.model_dump(exclude={"environment"})
    tree["ingest"]["chunker"]["max_tokens"] = 30
    runtime.settings = Settings.model_validate(tree)
    with monkeypatch.context() as patch, pytest.raises(crash):
        failing_embedder(runtime, patch, crash, 2)
        run(source, runtime)
    report = run(source, runtime)
    assert (report.unchanged, report.generation) == (4, runtime.catalogue.live("kb").id)
    assert report.reused >= 8 and runtime.catalogue.live("kb").index_id == 2
    runtime.view("kb")


def test_a_generation_that_is_taken_apart_can_no_longer_be_promoted(source, runtime, monkeypatch, crash):
    first = run(source, runtime).generation
    (source / "doc0.md").write_text(document("x"))
    second = run(source, runtime).generation
    assert rollback("kb", runtime) == first
    with monkeypatch.context() as patch, pytest.raises(crash):
        patch.setattr(CatalogueWriter, "begin", raising(crash))
        run(source, runtime, retry_failed=True)
    with pytest.raises(StateError, match=f"no complete generation {second}"):
        rollback("kb", runtime, second)


def test_what_was_rolled_back_gives_its_embeddings_to_the_next_run(source, runtime):
    run(source, runtime)
    (source / "doc0.md").write_text(document("x", "y"))
    run(source, runtime)
    rollback("kb", runtime)
    report = run(source, runtime)
    assert (report.changed, report.embedded) == (1, 0)
    runtime.view("kb")


def test_vacuum_erases_what_a_killed_run_left(source, runtime, monkeypatch, crash, small_batches):
    run(source, runtime)
    changed(source)
    with monkeypatch.context() as patch, pytest.raises(crash):
        failing_embedder(runtime, patch, crash, 1)
        run(source, runtime)
    vacuum("kb", runtime)
    assert {point.added for point in runtime.opened[1].vectors.points.values()} == {1}
    assert run(source, runtime).reused == 0
