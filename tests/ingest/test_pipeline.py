import json
import shutil

import pytest

from ingest import pipeline
from ingest.make.workers import Job
from ingest.pipeline import IngestOptions, ingest
from ingest.store.catalogue import CatalogueWriter
from ingest.store.lock import ingest_lock
from rag.errors import (
    BusyError,
    ConfigError,
    CorpusNotFoundError,
    PruneRefusedError,
    SourceError,
    UnknownKeyError,
)
from rag.settings import Settings

PARAGRAPH = "The tray of disk {0} shows an amber light. Pull it, wait ten seconds, put in disk {0} again.\n\n"


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    for n in range(4):
        (folder / f"doc{n}.md").write_text(
            f"# Document {n}\n\n" + "".join(PARAGRAPH.format(f"{n}-{i}") for i in range(6))
        )
    return folder


def run(source, runtime, **options):
    return ingest([str(source)], "kb", runtime, IngestOptions(**options))


def counts(report):
    return report.added, report.changed, report.removed, report.unchanged


def test_first_run_publishes_everything_and_second_costs_nothing(source, runtime):
    report = run(source, runtime)
    documents, chunks = runtime.view("kb")
    assert counts(report) == (4, 0, 0, 0) and report.failed == ()
    assert set(documents) == {f"doc{n}.md" for n in range(4)}
    assert report.chunks == len(chunks) > 8
    calls = runtime.embedder.calls
    again = run(source, runtime)
    assert counts(again) == (0, 0, 0, 4)
    assert again.generation == report.generation and runtime.embedder.calls == calls


def test_only_what_changed_is_embedded_again(source, runtime):
    first = run(source, runtime)
    runtime.embedder.texts.clear()
    (source / "doc1.md").write_text("# New head\n\nWholly new words.\n")
    report = run(source, runtime)
    assert counts(report) == (0, 1, 0, 3) and report.generation > first.generation
    assert runtime.embedder.texts == ["New head\n# New head\n\nWholly new words."]
    documents, chunks = runtime.view("kb")
    assert documents["doc1.md"].startswith("# New head")
    assert len([c for c in chunks if c[0] == "doc1.md"]) == 1


def test_old_generation_stays_whole_for_its_readers(source, runtime):
    run(source, runtime)
    old = runtime.catalogue.live("kb")
    before = runtime.catalogue.visible_chunks(old)
    (source / "doc1.md").write_text("# New\n\nwords\n")
    run(source, runtime)
    assert sorted(runtime.catalogue.visible_chunks(old)) == sorted(before)
    assert runtime.opened[old.index_id].vectors.visible(old.id) == {pk for pk, _ in before}


def test_vanished_documents_stay_until_pruned(source, runtime):
    run(source, runtime)
    (source / "doc0.md").unlink()
    assert counts(run(source, runtime)) == (0, 0, 0, 4)
    with pytest.raises(PruneRefusedError, match="1 of 4 documents.*--allow-delete-over 0.26"):
        run(source, runtime, prune=True)
    assert counts(run(source, runtime, prune=True, allow_delete_over=0.26)) == (0, 0, 1, 3)
    assert "doc0.md" not in runtime.view("kb")[0]


def test_prune_never_empties_a_corpus_by_mistake(source, runtime, tmp_path):
    run(source, runtime)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="holds no documents"):
        run(tmp_path / "empty", runtime, prune=True, allow_delete_over=1.0)
    rows = tmp_path / "documents.jsonl"
    rows.write_text('{"doc_id": "a", "title": "", "text": "alpha"}\n{"doc_id": "b", "title": "", "text": "beta"}\n')
    run(rows, runtime)
    rows.write_text('{"doc_id": "a", "title": "", "text": "alpha"}\n{broken\n')
    with pytest.raises(PruneRefusedError, match="documents.jsonl:2"):
        run(rows, runtime, prune=True, allow_delete_over=1.0)
    assert len(runtime.view("kb")[0]) == 6


def test_moved_file_is_reported(source, runtime):
    run(source, runtime)
    (source / "doc3.md").rename(source / "renamed.md")
    moved = (("doc3.md", "renamed.md"),)
    preview = run(source, runtime, prune=True, dry_run=True)
    report = run(source, runtime, prune=True, allow_delete_over=0.0)  # a move removes nothing
    for told in (preview, report):
        assert (counts(told), told.moved) == ((0, 0, 0, 3), moved)
    assert set(runtime.view("kb")[0]) == {"doc0.md", "doc1.md", "doc2.md", "renamed.md"}
    assert CatalogueWriter(runtime.engine, "kb").generations()[-1].changes["moved"] == 1


def test_document_that_fails_at_the_place_it_moved_to_stays_at_its_old_one(source, runtime):
    run(source, runtime)
    (source / "doc3.md").rename(source / "renamed.docx")
    for _ in range(2):
        report = run(source, runtime, prune=True)
        assert (counts(report), report.moved) == ((0, 0, 0, 4), ())
        assert [failure.doc_id for failure in report.failed] == ["renamed.docx"]
    assert "doc3.md" in runtime.view("kb")[0]


def test_dry_run_writes_nothing(source, runtime):
    report = run(source, runtime, dry_run=True)
    assert counts(report) == (4, 0, 0, 0) and report.dry_run and report.generation is None
    with pytest.raises(CorpusNotFoundError):
        runtime.catalogue.live("kb")
    run(source, runtime)
    (source / "doc0.md").write_text("# x\n\ny")
    (source / "doc1.md").unlink()
    preview = run(source, runtime, dry_run=True, prune=True, allow_delete_over=0.5)
    assert counts(preview) == (0, 1, 1, 2)
    assert len(runtime.view("kb")[0]) == 4


def test_broken_files_are_named_and_do_not_stop_the_run(source, runtime):
    (source / "empty.txt").write_bytes(b"")
    (source / "random.docx").write_bytes(bytes(range(256)) * 8)
    (source / "nothing.pdf").write_bytes(b"not a pdf")
    report = run(source, runtime)
    assert counts(report) == (4, 0, 0, 0)
    reasons = {failure.doc_id: failure.reason for failure in report.failed}
    assert set(reasons) == {"empty.txt", "random.docx", "nothing.pdf"}
    assert "0 bytes" in reasons["empty.txt"] and "no .docx" in reasons["random.docx"]
    stored = CatalogueWriter(runtime.engine, "kb").failures()
    assert [failure.doc_id for failure in stored] == ["empty.txt", "nothing.pdf", "random.docx"]
    assert all("\n" not in failure.reason for failure in stored)


def test_known_failures_are_left_alone_until_they_change_or_are_retried(source, runtime):
    (source / "bad.docx").write_bytes(b"junk")
    run(source, runtime)
    again = run(source, runtime)
    assert [f.doc_id for f in again.failed] == ["bad.docx"] and again.failed[0].attempts == 1
    retried = run(source, runtime, retry_failed=True)
    writer = CatalogueWriter(runtime.engine, "kb")
    assert retried.failed == tuple(writer.failures()) and retried.failed[0].attempts == 2
    (source / "bad.docx").write_bytes(b"other junk")
    assert [(f.attempts, bool(f.failed_at)) for f in run(source, runtime).failed] == [(3, True)]
    assert [f.attempts for f in run(source, runtime, dry_run=True).failed] == [3]
    (source / "bad.docx").unlink()
    (source / "bad.docx").with_suffix(".md").write_text("# Fine\n")
    assert counts(run(source, runtime, prune=True)) == (1, 0, 0, 4)


def test_changed_file_that_fails_keeps_its_old_version(source, runtime):
    run(source, runtime)
    before = runtime.view("kb")
    (source / "doc2.md").write_bytes(b"\xff\x00\x00binary")
    report = run(source, runtime)
    assert [f.doc_id for f in report.failed] == ["doc2.md"]
    assert report.generation == runtime.catalogue.live("kb").id
    assert runtime.view("kb") == before
    (source / "doc2.md").write_text("# Mended\n\nfine\n")
    assert counts(run(source, runtime)) == (0, 1, 0, 3)
    assert CatalogueWriter(runtime.engine, "kb").failures() == []


def test_broken_rows_are_failures_with_their_line(runtime, tmp_path):
    rows = tmp_path / "documents.jsonl"
    good = [{"doc_id": f"a/{n} #", "title": f"T{n}", "text": f"text number {n}"} for n in range(3)]
    rows.write_text("\n".join([json.dumps(good[0]), "{nope", json.dumps(good[1]), '{"title": 1}', json.dumps(good[2])]))
    report = run(rows, runtime)
    assert report.added == 3
    assert [f.doc_id for f in report.failed] == ["documents.jsonl:2", "documents.jsonl:4"]
    assert [f.attempts for f in run(rows, runtime).failed] == [2, 2]
    rows.write_text("\n".join(map(json.dumps, good)))
    assert run(rows, runtime).failed == ()
    assert CatalogueWriter(runtime.engine, "kb").failures() == []


CRASHES = [
    ("vectors", "upsert", 1),
    ("vectors", "upsert", 2),
    ("keywords", "add", 1),
    ("token_vectors", "add", 1),
    ("vectors", "set_removed", 1),
    ("keywords", "publish", 1),
    ("token_vectors", "publish", 1),
    ("vectors", "flush", 1),
    ("catalogue", "publish", 1),
]


@pytest.mark.parametrize(("store", "method", "call"), CRASHES)
def test_crash_before_the_flip_changes_nothing_and_the_next_run_heals(
    source, make_runtime, monkeypatch, crash, store, method, call
):
    monkeypatch.setattr("ingest.store.index_writer._BATCH_CHUNKS", 4)
    runtime = make_runtime()
    run(source, runtime)
    before = runtime.view("kb")
    live = runtime.catalogue.live("kb")
    (source / "doc0.md").write_text("# Changed\n\n" + PARAGRAPH.format("c") * 9)
    (source / "doc9.md").write_text("# Added\n\n" + PARAGRAPH.format("a") * 9)
    (source / "doc3.md").unlink()
    target = CatalogueWriter if store == "catalogue" else type(getattr(runtime.opened[live.index_id], store))
    real, calls = getattr(target, method), []

    def dying(*args, **kwargs):
        calls.append(1)
        if len(calls) == call:
            raise crash
        return real(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(target, method, dying)
        with pytest.raises(crash):
            run(source, runtime, prune=True, allow_delete_over=0.9)
    assert runtime.catalogue.live("kb") == live and runtime.view("kb") == before
    report = run(source, runtime, prune=True, allow_delete_over=0.9)
    assert counts(report) == (1, 1, 1, 2)
    fresh = make_runtime("fresh")
    run(source, fresh)
    assert runtime.view("kb") == fresh.view("kb")
    index = runtime.opened[live.index_id]
    abandoned = set(index.keywords.added) - {row.id for row in CatalogueWriter(runtime.engine, "kb").generations()}
    assert abandoned == set()


def test_crash_while_discarding_is_healed_too(source, runtime, monkeypatch, crash):
    run(source, runtime)
    before = runtime.view("kb")
    (source / "doc0.md").write_text("# Changed\n\nwords\n")
    with monkeypatch.context() as patch:
        patch.setattr(CatalogueWriter, "publish", lambda *_, **__: (_ for _ in ()).throw(crash()))
        with pytest.raises(crash):
            run(source, runtime)
        patch.setattr(CatalogueWriter, "discard", lambda *_: (_ for _ in ()).throw(crash()))
        with pytest.raises(crash):
            run(source, runtime)
    assert runtime.view("kb") == before
    assert counts(run(source, runtime)) == (0, 1, 0, 3)
    runtime.view("kb")


def test_rollback_then_ingest_discards_the_newer_generations(source, runtime):
    first = run(source, runtime).generation
    before = runtime.view("kb")
    (source / "doc0.md").write_text("# Regretted\n\nwords\n")
    (source / "new.md").write_text("# New\n\nwords\n")
    regretted = run(source, runtime).generation
    writer = CatalogueWriter(runtime.engine, "kb")
    writer.promote(first)
    assert runtime.view("kb") == before
    (source / "doc0.md").write_text("# Better\n\nwords\n")
    (source / "new.md").unlink()
    report = run(source, runtime)
    assert counts(report) == (0, 1, 0, 3)
    documents, _ = runtime.view("kb")
    assert documents["doc0.md"].startswith("# Better") and "new.md" not in documents
    assert regretted not in [row.id for row in writer.generations()]


def test_new_settings_build_a_shadow_index_that_keeps_every_document(source, runtime, tmp_path):
    run(source, runtime)
    first = runtime.catalogue.live("kb")
    (source / "doc0.md").unlink()
    runtime.settings = with_chunks_of(runtime, 20)
    report = run(source, runtime)
    live = runtime.catalogue.live("kb")
    assert live.index_id != first.index_id and counts(report) == (0, 0, 0, 4)
    documents, chunks = runtime.view("kb")
    assert "doc0.md" in documents
    assert runtime.catalogue.visible_chunks(first)
    # Back again: the old index is brought up to date, and only what changed meanwhile is embedded.
    (source / "doc1.md").write_text("# Changed\n\nmeanwhile\n")
    runtime.settings = with_chunks_of(runtime, 40)
    runtime.embedder.texts.clear()
    assert counts(run(source, runtime)) == (0, 1, 0, 3)
    assert runtime.catalogue.live("kb").index_id == first.index_id
    assert runtime.embedder.texts == ["Changed\n# Changed\n\nmeanwhile"]
    runtime.view("kb")


def test_rebuild_carries_the_live_version_of_a_document_that_fails(source, runtime):
    run(source, runtime)
    old_text = runtime.view("kb")[0]["doc2.md"]
    (source / "doc2.md").write_bytes(b"\xff\x00\x00")
    runtime.settings = with_chunks_of(runtime, 20)
    report = run(source, runtime)
    assert [f.doc_id for f in report.failed] == ["doc2.md"] and counts(report) == (0, 0, 0, 4)
    assert runtime.view("kb")[0]["doc2.md"] == old_text


def test_rebuild_that_would_lose_a_document_leaves_readers_what_they_have(source, runtime, monkeypatch):
    run(source, runtime)
    before = runtime.view("kb")
    (source / "doc2.md").write_bytes(b"\xff\x00\x00")
    runtime.settings = with_chunks_of(runtime, 20)

    def carry_nothing(self, doc_ids, live):
        return (Job(doc_id) for doc_id in doc_ids)  # a job without text: cutting it fails, as it does out of memory

    monkeypatch.setattr(pipeline._Run, "_carried", carry_nothing)
    report = run(source, runtime)
    assert {failure.doc_id for failure in report.failed} >= {"doc2.md"}
    assert counts(report) == (0, 0, 0, 4) and report.generation == runtime.catalogue.live("kb").id
    assert runtime.view("kb") == before
    stored = {failure.doc_id: failure.reason for failure in CatalogueWriter(runtime.engine, "kb").failures()}
    assert "binary" in stored["doc2.md"]


def test_misspelt_chunker_fails_the_run_and_not_every_document(source, make_runtime):
    with pytest.raises(UnknownKeyError, match="unknown chunker 'headings'; choose one of: by-title, heading"):
        run(source, make_runtime(chunker={"name": "headings"}))


def test_failures_of_files_that_are_gone_are_forgotten_when_their_source_is_listed(source, runtime, tmp_path):
    (source / "bad.docx").write_bytes(b"junk")
    (source / "worse.docx").write_bytes(b"junk")
    run(source, runtime)
    (source / "bad.docx").unlink()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "fine.md").write_text("# Fine\n")
    run(tmp_path / "other", runtime)
    writer = CatalogueWriter(runtime.engine, "kb")
    assert [failure.doc_id for failure in writer.failures()] == ["bad.docx", "worse.docx"]
    run(source, runtime)
    assert [failure.doc_id for failure in writer.failures()] == ["worse.docx"]
    (source / "worse.docx").unlink()
    run(tmp_path / "other", runtime, prune=True, allow_delete_over=1.0)
    assert [failure.doc_id for failure in writer.failures()] == ["worse.docx"]
    run(source, runtime, prune=True)
    assert writer.failures() == []


def test_rows_that_cannot_be_read_are_a_failure_until_they_can(source, runtime):
    (source / "documents.jsonl").symlink_to(source / "later")
    report = run(source, runtime)
    assert report.added == 4 and [failure.doc_id for failure in report.failed] == ["documents.jsonl"]
    (source / "later").write_text("")
    (source / "documents.jsonl").unlink()
    (source / "documents.jsonl").write_text('{"doc_id": "row", "text": "words"}')
    run(source, runtime)
    assert [failure.doc_id for failure in CatalogueWriter(runtime.engine, "kb").failures()] == ["later"]


def test_broken_rows_of_two_files_with_one_name_do_not_stop_the_run(runtime, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "documents.jsonl").write_text(f'{{"doc_id": "{name}", "text": "words"}}\nbroken\n')
    report = ingest([str(tmp_path / "a"), str(tmp_path / "b")], "kb", runtime)
    assert report.added == 2 and len(report.failed) == 2


def test_rebuild_prunes_too(source, runtime):
    run(source, runtime)
    (source / "doc0.md").unlink()
    runtime.settings = with_chunks_of(runtime, 20)
    assert counts(run(source, runtime, prune=True, allow_delete_over=0.5)) == (0, 0, 1, 3)
    assert "doc0.md" not in runtime.view("kb")[0]


def with_chunks_of(runtime, tokens):
    tree = runtime.settings.model_dump(exclude={"environment"})
    tree["ingest"]["chunker"]["max_tokens"] = tokens
    return Settings.model_validate(tree)


def test_chunks_must_fit_the_embedder(source, make_runtime):
    runtime = make_runtime(chunker={"max_tokens": 255})
    with pytest.raises(ConfigError, match="reads 254; set it to 254 or less"):
        run(source, runtime)


def test_one_ingest_at_a_time(source, runtime):
    with (
        ingest_lock(runtime.home, "kb", runtime.engine),
        pytest.raises(BusyError, match="another process is writing to 'kb'"),
    ):
        run(source, runtime)
    assert run(source, runtime).added == 4


def test_nothing_readable_publishes_nothing(tmp_path, runtime):
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "a.docx").write_bytes(b"junk")
    report = run(folder, runtime)
    assert (report.generation, report.added, len(report.failed)) == (None, 0, 1)
    with pytest.raises(CorpusNotFoundError):
        runtime.catalogue.live("kb")


def test_progress_ends_at_its_total(source, runtime):
    seen = []
    ingest([str(source)], "kb", runtime, progress=seen.append)
    last = {p.stage: (p.done, p.total) for p in seen}
    assert last == {"scan": (4, 4), "documents": (4, 4), "publish": (1, 1)}


def test_corpora_do_not_touch_each_other(source, runtime):
    ingest([str(source)], "one", runtime)
    ingest([str(source)], "two", runtime)
    shutil.rmtree(source)
    source.mkdir()
    (source / "x.md").write_text("# X\n")
    ingest([str(source)], "two", runtime, IngestOptions(prune=True, allow_delete_over=1.0))
    assert len(runtime.view("one")[0]) == 4 and set(runtime.view("two")[0]) == {"x.md"}
