"""A document belongs to the source that brought it: no source takes another's id, no prune another's documents."""

import json
import shlex
import zipfile

import pytest

from ingest.make import workers
from ingest.pipeline import IngestOptions, ingest
from ingest.sources.named import UPLOAD, Source, SourceKey
from ingest.store.catalogue import CatalogueWriter
from ingest.store.registry import Registry
from ingest.upkeep.generations import rollback, status
from ingest.upkeep.removal import move_source, remembered, remove_source
from rag.errors import IdTakenError, PruneRefusedError, SourceError, SourceNotFoundError
from rag.state.engine import writing
from rag.state.tables import documents, failures, sources
from tests.proofs.inline import in_process

ALL = {"prune": True, "allow_delete_over": 1.0}


@pytest.fixture(autouse=True)
def no_processes(monkeypatch):
    monkeypatch.setattr(workers.WorkerPool, "outcomes", in_process)


def fill(folder, **texts):
    """Write `name=text` files, `__` for a slash; .md where no suffix is named."""
    for name, text in texts.items():
        path = folder / (name.replace("__", "/") + ".md")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}\n\n{text}\n")
    return folder


def run(runtime, *named, **options):
    return ingest([str(source) for source in named], "kb", runtime, IngestOptions(**options))


def texts(runtime):
    return {doc_id: text.split("\n")[2] for doc_id, text in runtime.view("kb")[0].items()}


@pytest.fixture
def two(tmp_path):
    return fill(tmp_path / "a", guide="of a", own="a only"), fill(tmp_path / "b", guide="of b", other="b only")


# --- equal ids ---


def test_a_second_folder_does_not_replace_the_first_one_s_documents(two, runtime):
    a, b = two
    run(runtime, a)
    with pytest.raises(IdTakenError, match="'guide.md'") as caught:
        run(runtime, b)
    assert str(a) in str(caught.value) and str(b) in str(caught.value) and "--prefix b" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert texts(runtime) == {"guide.md": "of a", "own.md": "a only"}
    assert [x.location for x in remembered("kb", runtime)[0]] == [str(a)]
    with pytest.raises(IdTakenError):
        run(runtime, b, dry_run=True)
    run(runtime, b, prefix="b")
    assert texts(runtime) == {
        "guide.md": "of a",
        "own.md": "a only",
        "b/guide.md": "of b",
        "b/other.md": "b only",
    }


def test_the_command_that_is_suggested_can_be_typed(tmp_path, runtime):
    a, b = fill(tmp_path / "a", guide="of a"), fill(tmp_path / "it's $b (new)", guide="of b")
    run(runtime, a)
    with pytest.raises(IdTakenError) as caught:
        run(runtime, b)
    command = str(caught.value).partition("prefix: ")[2].partition(" (nothing was")[0]
    assert shlex.split(command) == ["ragwright", "ingest", str(b), "--corpus", "kb", "--prefix", "it-s--b--new"]


def test_a_source_that_is_named_twice_is_warned_of_once(two, runtime):
    a, _ = two
    run(runtime, a, include=("guide.md",))
    assert len(run(runtime, a, f"{a}/../a").warnings) == 1


def test_rows_of_two_files_and_members_of_two_archives_have_owners_too(tmp_path, runtime):
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        rows = [{"doc_id": "r1", "text": f"row\n\nof {place}"}, {"doc_id": f"r{place}", "text": f"row\n\nonly {place}"}]
        (tmp_path / place / "documents.jsonl").write_text("\n".join(map(json.dumps, rows)))
        with zipfile.ZipFile(tmp_path / f"{place}.zip", "w") as archive:
            archive.writestr("page.md", f"# page\n\nof {place}\n")
    run(runtime, tmp_path / "a" / "documents.jsonl", tmp_path / "a.zip")
    for source in (tmp_path / "b" / "documents.jsonl", tmp_path / "b.zip"):
        with pytest.raises(IdTakenError, match="--prefix"):
            run(runtime, source)
    run(runtime, tmp_path / "b" / "documents.jsonl", tmp_path / "b.zip", prefix="second/")
    found = texts(runtime)
    assert (found["r1"], found["page.md"]) == ("of a", "of a")
    assert (found["second/r1"], found["second/page.md"]) == ("of b", "of b")


def test_two_new_sources_of_one_command_are_told_apart(two, runtime):
    with pytest.raises(IdTakenError, match=r"'guide.md'.*--prefix"):
        run(runtime, *two)
    assert runtime.catalogue.corpora() == []


def test_an_id_that_comes_later_to_a_known_source_is_a_failure_and_the_rest_is_ingested(two, runtime):
    a, b = two
    (b / "guide.md").unlink()
    run(runtime, a)
    run(runtime, b)
    fill(b, guide="of b now", new="came with it")
    report = run(runtime, b)
    assert [failure.doc_id for failure in report.failed] == ["guide.md"] and report.added == 1
    assert str(a) in report.failed[0].reason and str(b) in report.failed[0].reason
    assert "--prefix" in report.failed[0].reason
    assert texts(runtime)["guide.md"] == "of a"
    run(runtime, a)  # what it has is fine, and says nothing of the other's failure
    assert [failure.doc_id for failure in CatalogueWriter(runtime.engine, "kb").failures()] == ["guide.md"]
    (b / "guide.md").unlink()
    assert run(runtime, b).failed == () and CatalogueWriter(runtime.engine, "kb").failures() == []


def test_a_part_of_a_source_refreshes_it_and_is_no_source_of_its_own(tmp_path, runtime):
    a = fill(tmp_path / "a", guide="one", own="two")
    run(runtime, a)
    fill(a, guide="edited")
    assert run(runtime, a / "guide.md").changed == 1
    assert run(runtime, a / "*.md").unchanged == 2
    assert [x.location for x in remembered("kb", runtime)[0]] == [str(a)]
    (a / "guide.md").unlink()
    assert run(runtime, a, **ALL).removed == 1


def test_a_folder_takes_over_what_was_ingested_as_single_files(tmp_path, runtime):
    a = fill(tmp_path / "a", guide="one", own="two")
    run(runtime, a / "guide.md", a / "own.md")
    assert run(runtime, a).unchanged == 2
    assert [x.location for x in remembered("kb", runtime)[0]] == [str(a)]
    (a / "guide.md").unlink()
    assert run(runtime, a, **ALL).removed == 1
    assert set(texts(runtime)) == {"own.md"}


# --- prune ---


def test_prune_of_one_source_leaves_the_others_alone(two, runtime):
    a, b = two
    run(runtime, a)
    run(runtime, b, prefix="b")
    (a / "own.md").unlink()
    (b / "other.md").unlink()
    report = run(runtime, a, **ALL)
    assert report.removed == 1 and set(texts(runtime)) == {"guide.md", "b/guide.md", "b/other.md"}
    assert run(runtime, b, prefix="b", **ALL).removed == 1
    assert set(texts(runtime)) == {"guide.md", "b/guide.md"}


def test_prune_leaves_failures_of_other_sources_alone(two, runtime):
    a, b = two
    (a / "bad.docx").write_bytes(b"junk")
    run(runtime, a)
    run(runtime, b, prefix="b", **ALL)
    assert [failure.doc_id for failure in CatalogueWriter(runtime.engine, "kb").failures()] == ["bad.docx"]


def test_a_source_is_the_same_however_it_is_spelled(tmp_path, runtime, monkeypatch):
    a = fill(tmp_path / "a", guide="one", own="two")
    (tmp_path / "link").symlink_to(a)
    run(runtime, a)
    monkeypatch.chdir(tmp_path)
    (a / "own.md").unlink()
    for spelling in ("a", "./a/", tmp_path / "link", f"file://{a}"):
        assert run(runtime, spelling).unchanged == 2
    assert run(runtime, "a/../a", **ALL).removed == 1
    assert len(remembered("kb", runtime)[0]) == 1


def test_moved_documents_keep_their_embeddings(two, runtime):
    a, b = two
    run(runtime, a)
    run(runtime, b, prefix="b")
    (b / "other.md").rename(b / "renamed.md")
    report = run(runtime, b, prefix="b", prune=True, allow_delete_over=0.0)
    assert (report.moved, report.embedded) == ((("b/other.md", "b/renamed.md"),), 0)


# --- remembered ---


def test_without_a_source_all_are_refreshed_as_they_were_named(two, runtime):
    a, b = two
    run(runtime, a)
    run(runtime, b, prefix="b", exclude=("other*",))
    fill(a, own="a edited", fresh="a fresh")
    fill(b, guide="b edited", other="still left out")
    (a / "guide.md").unlink()
    report = run(runtime)
    assert report.sources == (str(a), f"{b} (prefix b)") and report.removed == 0
    assert texts(runtime) == {"guide.md": "of a", "own.md": "a edited", "fresh.md": "a fresh", "b/guide.md": "b edited"}
    assert run(runtime, **ALL).removed == 1


def test_a_remembered_source_that_is_gone_stops_no_other_and_loses_nothing(two, runtime):
    a, b = two
    run(runtime, a)
    run(runtime, b, prefix="b")
    a.rename(a.with_name("moved"))
    (b / "other.md").unlink()
    report = run(runtime, **ALL)
    assert [failure.doc_id for failure in report.failed] == [str(a)] and "there is no" in report.failed[0].reason
    assert set(texts(runtime)) == {"guide.md", "own.md", "b/guide.md"}
    assert move_source(str(a), str(a.with_name("moved")), "kb", runtime).documents == 2
    assert run(runtime, **ALL).failed == () and run(runtime).unchanged == 3


def test_nothing_remembered_and_nothing_named_is_an_error(runtime):
    with pytest.raises(SourceError, match="remembers no source"):
        run(runtime)


def test_what_is_uploaded_is_a_source_that_no_ingest_touches(two, runtime):
    a, _ = two
    run(runtime, a)
    registry = Registry(runtime.engine, "kb")
    (upload,) = registry.remember([Source(SourceKey(UPLOAD), UPLOAD)]).values()
    live = runtime.catalogue.live("kb")
    with writing(runtime.engine) as connection:
        connection.execute(documents.update().where(documents.c.doc_id == "own.md").values(source=upload))
    (a / "own.md").unlink()
    assert run(runtime, a, **ALL).removed == run(runtime, **ALL).removed == 0
    assert registry.known(live)[upload].documents == 1
    fill(a, own="of the folder now")
    assert "upload has a document of this id" in run(runtime, a).failed[0].reason
    assert remove_source(UPLOAD, "kb", runtime, allow_delete_over=1).documents == 1


# --- removed ---


def test_a_source_is_removed_with_its_documents_and_comes_back_with_a_rollback(two, runtime):
    a, b = two
    run(runtime, a)
    before = run(runtime, b, prefix="b").generation
    with pytest.raises(PruneRefusedError, match="2 of 4 documents.*--allow-delete-over 0.51"):
        remove_source(str(b), "kb", runtime)
    removal = remove_source(str(b), "kb", runtime, allow_delete_over=0.51)
    assert removal.documents == 2 and set(texts(runtime)) == {"guide.md", "own.md"}
    assert [x.location for x in status("kb", runtime)[0].sources] == [str(a)]
    assert run(runtime, **ALL).unchanged == 2  # forgotten: a refresh does not bring it back
    assert rollback("kb", runtime) == before
    assert [(x.location, x.documents) for x in status("kb", runtime)[0].sources] == [(str(a), 2), (str(b), 2)]
    with pytest.raises(IdTakenError, match=r"'b/guide.md'"):
        run(runtime, fill(a.with_name("c"), b__guide="of c"))
    (b / "other.md").unlink()
    assert run(runtime, **ALL).removed == 1
    with pytest.raises(SourceNotFoundError, match="remembers no source '/nowhere'; it remembers: "):
        remove_source("/nowhere", "kb", runtime)


def test_an_id_that_a_removed_source_had_is_free_and_a_rollback_gives_it_back(two, runtime):
    a, b = two
    first = run(runtime, a).generation
    remove_source(str(a), "kb", runtime, allow_delete_over=1.0)
    run(runtime, b)
    assert texts(runtime)["guide.md"] == "of b"
    rollback("kb", runtime, first)
    assert texts(runtime)["guide.md"] == "of a"
    assert [failure.doc_id for failure in run(runtime, b).failed] == ["guide.md"]
    assert run(runtime, b, **ALL).removed == 0 and set(texts(runtime)) == {"guide.md", "own.md", "other.md"}


# --- homes of older releases ---


def as_older_release(runtime):
    with writing(runtime.engine) as connection:
        connection.execute(documents.update().values(source=None))
        connection.execute(failures.update().values(source=None))
        connection.execute(sources.delete())


def test_the_one_folder_of_an_older_home_is_pruned_as_before(tmp_path, runtime):
    a = fill(tmp_path / "a", guide="one", own="two", sub__deep="three")
    run(runtime, a)
    as_older_release(runtime)
    (a / "own.md").unlink()
    report = run(runtime, a, **ALL)
    assert (report.removed, report.warnings) == (1, ())
    assert set(texts(runtime)) == {"guide.md", "sub/deep.md"}
    assert status("kb", runtime)[0].unowned == 0


def test_a_prune_of_one_folder_of_an_older_home_keeps_the_other_s(two, tmp_path, runtime):
    a, b = two
    (b / "guide.md").unlink()
    rows = tmp_path / "documents.jsonl"
    rows.write_text('{"doc_id": "r1", "text": "row\\n\\none"}\n{"doc_id": "r2", "text": "row\\n\\ntwo"}\n')
    run(runtime, a, b, rows)
    as_older_release(runtime)
    (a / "own.md").unlink()
    (b / "other.md").unlink()
    fill(b, new="came later")
    rows.write_text('{"doc_id": "r1", "text": "row\\n\\none"}\n')
    report = run(runtime, a, **ALL)
    assert report.removed == 1 and set(texts(runtime)) == {"guide.md", "other.md", "r1", "r2"}
    assert "3 documents belong to no source" in report.warnings[0]
    assert run(runtime, b, **ALL).removed == 1
    assert run(runtime, rows, **ALL).removed == 1
    assert set(texts(runtime)) == {"guide.md", "new.md", "r1"} and status("kb", runtime)[0].unowned == 0


def test_a_document_of_an_older_home_is_not_given_to_a_stranger(two, runtime):
    a, b = two
    run(runtime, a)
    as_older_release(runtime)
    with pytest.raises(IdTakenError, match=r"'guide.md' of .*/b is the id of a document of file:///.*/a/guide.md"):
        run(runtime, b)
    assert texts(runtime)["guide.md"] == "of a"


def test_a_folder_that_moved_adopts_what_an_older_home_has_of_it(tmp_path, runtime):
    a = fill(tmp_path / "a", guide="one", own="two")
    run(runtime, a)
    as_older_release(runtime)
    moved = a.rename(tmp_path / "moved")
    assert run(runtime, moved).unchanged == 2
    (moved / "own.md").unlink()
    assert run(runtime, moved, **ALL).removed == 1


def test_what_nobody_adopts_can_be_removed(two, runtime):
    a, b = two
    (b / "guide.md").unlink()
    run(runtime, a, b)
    as_older_release(runtime)
    run(runtime, a)
    assert status("kb", runtime)[0].unowned == 1
    assert remove_source("unowned", "kb", runtime, allow_delete_over=1.0).documents == 1
    assert set(texts(runtime)) == {"guide.md", "own.md"}


# --- rebuilds ---


def test_another_index_keeps_whose_documents_are(two, runtime):
    a, b = two
    run(runtime, a)
    run(runtime, b, prefix="b")
    chunker = runtime.settings.ingest.chunker.model_copy(update={"max_tokens": 20})
    runtime.settings = runtime.settings.model_copy(
        update={"ingest": runtime.settings.ingest.model_copy(update={"chunker": chunker})}
    )
    run(runtime, a)
    counts = {x.location: x.documents for x in remembered("kb", runtime)[0]}
    assert counts == {str(a): 2, str(b): 2}
    (b / "other.md").unlink()
    assert run(runtime, a, **ALL).removed == 0 and run(runtime, b, prefix="b", **ALL).removed == 1


# --- globs ---


@pytest.mark.parametrize(
    ("include", "exclude", "wanted"),
    [
        (("*.md",), (), {"guide.md", "sub/deep.md", "sub/drafts/x.md"}),
        (("sub",), (), {"sub/deep.md", "sub/drafts/x.md", "sub/table.csv"}),
        (("sub/*.md",), (), {"sub/deep.md"}),
        ((), ("drafts", "*.csv"), {"guide.md", "sub/deep.md"}),
        (("**/*.md",), ("sub/**",), {"guide.md"}),
        (("[gs]*.md", "sub/[!d]*"), (), {"guide.md", "sub/table.csv"}),
    ],
)
def test_globs_choose_what_is_read(tmp_path, runtime, include, exclude, wanted):
    folder = fill(tmp_path / "a", guide="one", sub__deep="two", sub__drafts__x="three")
    (folder / "sub" / "table.csv").write_text("name,place\n\nbolt,hall 3\n")
    run(runtime, folder, include=include, exclude=exclude, prefix="p")
    assert {doc_id.removeprefix("p/") for doc_id in runtime.view("kb")[0]} == wanted


def test_globs_that_leave_nothing_are_an_error(tmp_path, runtime):
    with pytest.raises(SourceError, match="--include and --exclude leave no document"):
        run(runtime, fill(tmp_path / "a", guide="one"), include=("*.pdf",))


# --- files of rows ---


def test_a_jsonl_file_beside_documents_is_one_document_unless_it_holds_rows(tmp_path, runtime):
    a = fill(tmp_path / "a", guide="one", own="two")
    (a / "tickets.jsonl").write_text('{"id":"T-1","body":"Printer jams."}\n{"id":"T-2","body":"Fax is dead."}\n')
    (a / "rows.jsonl").write_text('\n{"doc_id": "r1", "text": "row\\n\\none"}\n')
    (a / "log.jsonl").write_text('{"at": 1}\n{broken\n')
    report = run(runtime, a)
    assert [(x.doc_id, "line 2 is no JSON" in x.reason) for x in report.failed] == [("log.jsonl", True)]
    assert set(runtime.view("kb")[0]) == {"guide.md", "own.md", "tickets.jsonl", "r1"}
    (a / "own.md").unlink()
    assert run(runtime, a, **ALL).removed == 1


def test_an_id_used_twice_is_one_failure_that_names_both_places(tmp_path, runtime):
    rows = tmp_path / "a" / "documents.jsonl"
    rows.parent.mkdir()
    lines = ['{"doc_id": "r1", "text": "a\\n\\none"}', '{"doc_id": "r2", "text": "b\\n\\ntwo"}']
    rows.write_text("\ufeff" + "\n".join([*lines, '{"doc_id": "r1", "text": "again"}']))
    (tmp_path / "a" / "sub").mkdir()
    (tmp_path / "a" / "sub" / "documents.jsonl").write_text('{"doc_id": "r2", "text": "other"}\n')
    report = run(runtime, tmp_path / "a", **ALL)
    assert {x.doc_id: x.reason for x in report.failed} == {
        "documents.jsonl:3": "doc_id r1 was used in line 1",
        "sub/documents.jsonl:1": "its id r2 was used by documents.jsonl:2; rename one of the two",
    }
    assert texts(runtime) == {"r1": "one", "r2": "two"}
    rows.write_text(lines[0] + "\n")
    assert run(runtime, tmp_path / "a", **ALL).failed == ()
    assert set(runtime.view("kb")[0]) == {"r1", "r2"}
