"""What is not listed is left out and told, one line a format; an ignore file leaves out what a user does not want."""

import base64
import zipfile

import pytest

from ingest.partition import partition_file
from ingest.partition.packages import OLE_SIGNATURE
from ingest.pipeline import IngestOptions, ingest
from ingest.sources import Reach, resolve
from ingest.sources.ignored import parsed
from ingest.sources.named import named
from rag.errors import DocumentError, SourceError


def fill(folder):
    names = "guide.md img/a.svg img/b.SVG js/app.min.js app.log.1 LICENSE x.tar.gz".split()
    for name in (*names, "notes 4.2"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("words that are read\n")
    (folder / "run").write_text("#!/bin/sh\necho hello\n")
    (folder / "blob").write_bytes(b"\x7fELF\x00\x01")
    return folder


def listed(source, *include, exclude=()):
    with Reach() as reach:
        found = resolve([named(str(source), "", include, exclude)], reach)
    return [item.doc_id for item in found.items], dict(found.skipped)


SKIPPED = {".svg": 2, ".js": 1, ".gz": 1, "programs or data without an extension": 2}
READ = ["LICENSE", "app.log.1", "guide.md", "notes 4.2"]


def test_formats_of_a_folder_that_are_not_read_are_counted(tmp_path):
    assert listed(fill(tmp_path)) == (READ, SKIPPED)


def test_formats_of_an_archive_and_of_a_store_are_counted_too(tmp_path):
    fill(tmp_path / "in")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("guide.md", "img/a.svg", "img/b.svg"):
            archive.writestr(name, "words")
    assert listed(tmp_path / "a.zip") == (["guide.md"], {".svg": 2})

    import fsspec

    store = fsspec.filesystem("memory")
    store.pipe({"/skipped/guide.md": b"words", "/skipped/a.svg": b"<svg/>", "/skipped/b.py": b"pass"})
    try:
        assert listed("memory://skipped") == (["guide.md"], {".svg": 1, ".py": 1})
    finally:
        store.rm("/skipped", recursive=True)


def test_whoever_names_an_extension_gets_its_files_as_text(tmp_path):
    fill(tmp_path)
    assert listed(tmp_path, "*.svg", "*.SVG") == (["img/a.svg", "img/b.SVG"], {})
    assert listed(tmp_path / "js" / "app.min.js") == (["app.min.js"], {})
    assert listed(tmp_path / "**" / "*.js") == (["js/app.min.js"], {})
    # A folder in --include says nothing of formats.
    with pytest.raises(SourceError, match=r"no format that is read, only 2 \.svg"):
        listed(tmp_path, "img")


def test_what_is_excluded_is_not_told(tmp_path):
    _, skipped = listed(fill(tmp_path), exclude=("img", "run"))
    assert skipped == {".js": 1, ".gz": 1, "programs or data without an extension": 1}


def test_text_in_utf16_without_an_extension_is_no_program(tmp_path):
    (tmp_path / "NOTES").write_text("words", encoding="utf-16")
    assert listed(tmp_path) == (["NOTES"], {})


def test_run_tells_the_formats_once_and_fails_for_none(tmp_path, runtime):
    report = ingest([str(fill(tmp_path / "in"))], "kb", runtime, IngestOptions())
    assert (report.added, report.failed, report.skipped) == (4, (), SKIPPED)
    assert set(runtime.view("kb")[0]) == set(READ)


def test_ignore_file_leaves_out_names_as_git_does(tmp_path):
    for name in (
        "a.md",
        "b.log",
        "keep.log",
        "drafts/x.md",
        "deep/drafts/y.md",
        "deep/old/z.md",
        "#n.md",
        "out.md/in.md",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("words")
    rules = "\ufeff# no documents\n\n*.log\n!keep.log\n/drafts/\ndeep/**/z.md\n\\#n.md\nout.md/\n"
    (tmp_path / ".ragwrightignore").write_text(rules)
    assert listed(tmp_path) == (["a.md", "deep/drafts/y.md", "keep.log"], {})


def test_nothing_in_a_folder_that_is_ignored_is_a_failure(tmp_path):
    (tmp_path / "a.md").write_text("words")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "documents.jsonl").write_text("no json\n")
    with Reach() as reach:
        assert [x.name for x in resolve([str(tmp_path)], reach).failures] == ["broken/documents.jsonl:1"]
        (tmp_path / ".ragwrightignore").write_text("broken\n")
        assert resolve([str(tmp_path)], reach).failures == []


def test_ignore_file_that_is_no_text_is_named(tmp_path):
    (tmp_path / "a.md").write_text("words")
    (tmp_path / ".ragwrightignore").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(SourceError, match=r"\.ragwrightignore cannot be read: it is no UTF-8"):
        listed(tmp_path)


def test_the_last_rule_that_fits_decides():
    rules = parsed("*.md\n!a.md\na.md\n!/a.md\n")
    assert [rules.leaves_out(name, is_folder=False) for name in ("a.md", "x/a.md", "b.md", "b.txt")] == [
        False,
        True,
        True,
        False,
    ]


def test_what_was_ingested_before_its_format_was_ignored_goes_by_a_prune(tmp_path, runtime):
    folder = fill(tmp_path / "in")
    ingest([str(folder)], "kb", runtime, IngestOptions(include=("*.md", "*.svg")))
    kept = ingest([str(folder)], "kb", runtime, IngestOptions())
    assert (kept.removed, kept.unchanged) == (0, 2)
    assert ingest([str(folder)], "kb", runtime, IngestOptions(prune=True, allow_delete_over=1)).removed == 1


def test_block_of_base64_is_named_with_its_document(tmp_path, runtime):
    data = base64.b64encode(bytes(range(256)) * 4).decode()
    (tmp_path / "a.md").write_text(f"# Icon\n\n![icon](data:image/png;base64,{data})\n")
    (tmp_path / "b.md").write_text("# Plain\n\nNothing to see here.\n")
    warnings = ingest([str(tmp_path)], "kb", runtime, IngestOptions()).warnings
    assert [w for w in warnings if "base64" in w] == [
        "a.md: 1368 characters look like base64 data (from line 3): they are chunks that answer nothing;"
        " cut them out, or leave the file out with --exclude"
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("plan.dot", "digraph plan {\n  a -> b;\n}\n"),
        ("words.pot", 'msgid ""\nmsgstr ""\n\nmsgid "Drain"\nmsgstr ""\n'),
        ("server.key", "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n"),
    ],
)
def test_text_of_another_program_under_an_extension_of_office_is_skipped(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    (tmp_path / "guide.md").write_text("words")
    suffix = name[name.index(".") :]
    assert listed(tmp_path) == (["guide.md"], {suffix: 1})
    assert listed(tmp_path, f"*{suffix}") == ([name], {})
    assert partition_file(tmp_path / name, name).text == text


@pytest.mark.parametrize("data", [OLE_SIGNATURE + b"\x00" * 600, b"PK\x03\x04\x00"])
def test_files_of_office_under_the_same_extensions_still_say_what_to_save_them_as(tmp_path, data):
    (tmp_path / "old.dot").write_bytes(data)
    assert listed(tmp_path) == (["old.dot"], {})
    with pytest.raises(DocumentError, match=r"save it as \.docx"):
        partition_file(tmp_path / "old.dot", "old.dot")


def test_scripts_that_need_no_extension_are_no_documents(tmp_path):
    for name in ("Makefile", "docker/Dockerfile", "LICENSE", "guide.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("all:\n\techo words\n")
    assert listed(tmp_path) == (["LICENSE", "guide.md"], {"programs or data without an extension": 2})
