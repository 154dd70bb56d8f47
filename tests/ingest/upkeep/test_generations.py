import pytest

from ingest.pipeline import ingest
from ingest.store.catalogue import CatalogueWriter
from ingest.upkeep.generations import rollback, status, vacuum
from rag.errors import BusyError, CorpusNotFoundError, StateError


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "a.md").write_text("# A\n\nalpha\n")
    (folder / "b.md").write_text("# B\n\nbeta\n")
    return folder


def edit(source, runtime, n):
    (source / "a.md").write_text(f"# A\n\nversion {n}\n")
    return ingest([str(source)], "kb", runtime).generation


def test_status_tells_what_is_there(source, runtime):
    (source / "bad.docx").write_bytes(b"junk")
    generation = ingest([str(source)], "kb", runtime).generation
    (found,) = status(None, runtime)
    assert (found.corpus, found.live, found.documents, found.chunks) == ("kb", generation, 2, 2)
    assert [failure.doc_id for failure in found.failures] == ["bad.docx"]
    assert found.embedder == "hash" and not found.stale_settings
    assert found.generations[0].changes["added"] == 2
    runtime.home.index(1).mkdir(parents=True)
    (runtime.home.index(1) / "x").write_bytes(b"12345")
    assert status("kb", runtime)[0].bytes_on_disk == 5
    with pytest.raises(CorpusNotFoundError, match="known: kb"):
        status("other", runtime)


def test_rollback_goes_one_back_or_where_it_is_told(source, runtime):
    first = ingest([str(source)], "kb", runtime).generation
    with pytest.raises(StateError, match="no generation before"):
        rollback("kb", runtime)
    second, third = edit(source, runtime, 2), edit(source, runtime, 3)
    assert rollback("kb", runtime) == second
    assert runtime.view("kb")[0]["a.md"].endswith("version 2\n")
    assert rollback("kb", runtime, first) == first
    assert runtime.view("kb")[0]["a.md"].endswith("alpha\n")
    assert rollback("kb", runtime, third) == third
    with pytest.raises(StateError, match="no complete generation 99"):
        rollback("kb", runtime, 99)


def test_vacuum_keeps_the_newest_generations_only(source, make_runtime):
    runtime = make_runtime(keep_generations=2)
    ingest([str(source)], "kb", runtime)
    for n in range(3):
        edit(source, runtime, n)
    index = runtime.opened[1]
    before = runtime.view("kb")
    assert len(index.vectors.points) == 5
    assert vacuum("kb", runtime) == 2
    assert len(index.vectors.points) == 3 and runtime.view("kb") == before
    assert len(CatalogueWriter(runtime.engine, "kb").generations()) == 2
    rollback("kb", runtime)
    runtime.view("kb")


def test_vacuum_drops_indexes_that_no_kept_generation_uses(source, make_runtime):
    runtime = make_runtime(keep_generations=1)
    ingest([str(source)], "kb", runtime)
    folder = runtime.home.index(1)
    folder.mkdir(parents=True)
    tree = runtime.settings.model_dump(exclude={"environment"})
    tree["ingest"]["chunker"]["max_tokens"] = 30
    runtime.settings = type(runtime.settings).model_validate(tree)
    ingest([str(source)], "kb", runtime)
    assert vacuum("kb", runtime) == 2
    assert set(runtime.dropped) == {1} and not folder.exists()
    runtime.view("kb")


def test_nobody_vacuums_during_an_ingest(source, runtime):
    from ingest.store.lock import ingest_lock

    ingest([str(source)], "kb", runtime)
    with ingest_lock(runtime.home, "kb", runtime.engine), pytest.raises(BusyError):
        vacuum("kb", runtime)
