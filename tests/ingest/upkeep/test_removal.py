from pathlib import Path

import pytest

from ingest.pipeline import IngestOptions, ingest
from ingest.upkeep.generations import rollback
from ingest.upkeep.removal import move_source, remembered, remove_source
from rag.errors import PruneRefusedError, SourceNotFoundError


@pytest.fixture
def folders(tmp_path: Path) -> tuple[str, str]:
    """A folder of four documents and one of a single document."""
    for name, count in (("many", 4), ("few", 1)):
        (tmp_path / name).mkdir()
        for n in range(count):
            (tmp_path / name / f"{name}{n}.md").write_text(f"# {name}\n\nThe {name} {n} boils at noon.\n")
    return str(tmp_path / "many"), str(tmp_path / "few")


@pytest.fixture
def corpus(folders, runtime):
    for folder in folders:
        ingest([folder], "kb", runtime)
    return runtime


def held(runtime) -> set[str]:
    return {document.doc_id for document in runtime.catalogue.documents(runtime.catalogue.live("kb"))}


def test_a_removed_source_is_gone_with_its_documents_and_a_rollback_brings_both_back(folders, corpus) -> None:
    before = corpus.catalogue.live("kb").id
    removal = remove_source(folders[1], "kb", corpus)
    assert (removal.source, removal.documents, removal.generation) == (folders[1], 1, before + 1)
    assert held(corpus) == {f"many{n}.md" for n in range(4)}
    assert [known.location for known in remembered("kb", corpus)[0]] == [folders[0]]
    rollback("kb", corpus)
    assert "few0.md" in held(corpus) and len(remembered("kb", corpus)[0]) == 2
    corpus.view("kb")


def test_a_large_share_goes_only_where_it_is_allowed(folders, corpus) -> None:
    with pytest.raises(PruneRefusedError, match="remove 4 of 5 documents.*--allow-delete-over 0.81"):
        remove_source(folders[0], "kb", corpus)
    assert remove_source(folders[0], "kb", corpus, allow_delete_over=0.9).documents == 4
    assert held(corpus) == {"few0.md"}


def test_a_source_that_nobody_remembers_is_named_with_those_that_are(folders, corpus) -> None:
    with pytest.raises(SourceNotFoundError, match="remembers no source 'nowhere'; it remembers: .*many"):
        remove_source("nowhere", "kb", corpus)


def test_one_folder_under_two_prefixes_is_two_sources(folders, corpus) -> None:
    ingest([folders[1]], "kb", corpus, IngestOptions(prefix="legal"))
    with pytest.raises(SourceNotFoundError, match=r"several prefixes \('', 'legal'\)"):
        remove_source(folders[1], "kb", corpus)
    assert remove_source(folders[1], "kb", corpus, prefix="legal").documents == 1
    assert "few0.md" in held(corpus)


def test_a_moved_source_keeps_its_documents_and_is_read_from_its_new_place(folders, corpus, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    Path(folders[1]).rename(moved)
    assert move_source(folders[1], str(moved), "kb", corpus).documents == 1
    assert {known.location for known in remembered("kb", corpus)[0]} == {folders[0], str(moved)}
    report = ingest([str(moved)], "kb", corpus)
    assert (report.added, report.changed, report.removed) == (0, 0, 0) and "few0.md" in held(corpus)
    with pytest.raises(SourceNotFoundError, match="knows .* already"):
        move_source(str(moved), folders[0], "kb", corpus)
