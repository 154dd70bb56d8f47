import hashlib
import json
import os

import pytest

from ingest.sources import resolve
from rag.errors import DocumentError, SourceError


def write(folder, **files):
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def ids(*sources):
    return [item.doc_id for item in resolve([str(source) for source in sources]).items]


def test_folder_is_listed_sorted_and_recursive_without_hidden_files(tmp_path):
    write(tmp_path, b_md="b", a__z_txt="z", a__b__c_html="c")
    write(tmp_path / ".git", x_md="no")
    (tmp_path / "a" / ".hidden.md").write_text("no")
    assert ids(tmp_path) == ["a/b/c.html", "a/z.txt", "b.md"]


def test_file_glob_and_row_file(tmp_path):
    write(tmp_path, docs__one_md="1", docs__sub__two_md="2", docs__three_txt="3")
    assert ids(tmp_path / "docs" / "one.md") == ["one.md"]
    assert ids(tmp_path / "docs" / "**" / "*.md") == ["one.md", "sub/two.md"]
    assert ids(tmp_path / "docs" / "*.md", tmp_path / "docs" / "three.txt") == ["one.md", "three.txt"]


def test_rows_are_read_by_their_place(tmp_path):
    rows = [{"doc_id": "a b/#1:x", "title": "T", "text": "é one"}, {"doc_id": "two", "text": "zwei\n"}]
    path = tmp_path / "documents.jsonl"
    path.write_text("\ufeff" + json.dumps(rows[0], ensure_ascii=False) + "\n\n" + json.dumps(rows[1]) + "\n")
    items = resolve([str(path)]).items
    assert [item.doc_id for item in items] == ["a b/#1:x", "two"]
    assert [item.row.line for item in items] == [1, 3]
    assert [item.read_row() for item in items] == rows
    assert items[1].source_hash() == hashlib.sha256(json.dumps(rows[1]).encode() + b"\n").hexdigest()
    assert items[1].uri.endswith("documents.jsonl#L3")
    path.write_text(path.read_text().replace("zwei", "drei"))
    with pytest.raises(DocumentError, match="changed while"):
        items[1].read_row()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{broken", "no JSON"),
        ("[1]", "must be an object"),
        ('{"text": "x"}', "'doc_id' must be"),
        ('{"doc_id": "\\ud800"}', "broken Unicode"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_broken_row_is_a_failure_with_its_line(tmp_path, row, reason):
    path = tmp_path / "documents.jsonl"
    path.write_text('{"doc_id": "ok", "text": "x"}\n' + row + "\n")
    found = resolve([str(path)])
    assert [item.doc_id for item in found.items] == ["ok"]
    assert found.failures[0].name == "documents.jsonl:2" and reason in found.failures[0].reason


def test_golden_set_folder_gives_its_documents(tmp_path):
    write(tmp_path / "with_docs".replace("_", "-"), questions_jsonl="{}", docs__a__b_md="x", README_md="no")
    write(tmp_path / "with-rows", questions_jsonl="{}", documents_jsonl='{"doc_id": "r", "text": "x"}\n')
    assert ids(tmp_path / "with-docs") == ["a/b.md"]
    assert ids(tmp_path / "with-rows") == ["r"]


def test_one_id_from_two_places_of_a_source_is_read_once(tmp_path):
    write(tmp_path, one__a_md="1", two__a_md="2")
    assert ids(tmp_path / "one", tmp_path / "two") == ["a.md", "a.md"]  # whose it is, the ingest decides
    rows = tmp_path / "documents.jsonl"
    rows.write_text('{"doc_id": "x", "text": "1"}\n{"doc_id": "x", "text": "2"}\n')
    first, second = resolve([str(rows)]).items
    assert (first.doc_id, second.doc_id) == ("x", "documents.jsonl:2")
    assert "doc_id x was used in line 1" in str(second.error)
    assert ids(tmp_path / "**" / "**" / "*.md") == ["one/a.md", "two/a.md"]


def test_missing_and_empty_sources_say_what_to_do(tmp_path):
    (tmp_path / "empty").mkdir()
    for source, message in [
        ("missing", "there is no"),
        ("empty", "holds no documents"),
        ("*.pdf", "holds no documents"),
    ]:
        with pytest.raises(SourceError, match=message) as caught:
            resolve([str(tmp_path / source)])
        assert "\n" not in str(caught.value)
    with pytest.raises(SourceError, match="at least one source"):
        resolve([])


def test_link_loops_end_and_dead_links_are_named(tmp_path):
    write(tmp_path, a_md="x")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "dead.md").symlink_to(tmp_path / "nowhere")
    items = resolve([str(tmp_path)]).items
    assert [item.doc_id for item in items] == ["a.md", "dead.md"]
    with pytest.raises(DocumentError, match="cannot be read"):
        items[1].source_hash()


def test_pipes_and_devices_are_no_documents(tmp_path):
    write(tmp_path, a_md="x")
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / "to_pipe.md").symlink_to("pipe.md")
    (tmp_path / "endless.txt").symlink_to("/dev/zero")
    assert ids(tmp_path) == ["a.md"]


def test_file_name_that_is_no_text_is_a_failure(tmp_path):
    (tmp_path / "a.md").write_text("x")
    try:
        open(os.fsencode(tmp_path) + b"/bad\xff.md", "w").close()
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    found = resolve([str(tmp_path)])
    assert [item.doc_id for item in found.items] == ["a.md"]
    assert "not valid UTF-8" in found.failures[0].reason


@pytest.fixture
def linked(tmp_path):
    write(tmp_path, inside__a_md="a", inside__sub__b_md="b", outside__secret_md="s", outside__c_md="c")
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    (inside / "sub" / "leak.md").symlink_to(outside / "secret.md")
    (inside / "again.md").symlink_to("sub/b.md")
    (inside / "folder").symlink_to(outside)
    return inside, outside


@pytest.mark.parametrize("pattern", ["", "**/*.md"])
def test_a_link_that_leads_out_is_left_out_and_named(linked, pattern):
    inside, _ = linked
    found = resolve([str(inside / pattern) if pattern else str(inside)])
    assert {item.doc_id for item in found.items} >= {"a.md", "again.md", "sub/b.md"}
    assert not {item.doc_id for item in found.items} & {"sub/leak.md"}
    assert [line for line in found.warnings if line.startswith("sub/leak.md: it is a link that leads out")]


def test_a_linked_folder_is_not_followed_and_named(linked):
    inside, _ = linked
    found = resolve([str(inside)])
    assert [item.doc_id for item in found.items] == ["a.md", "again.md", "sub/b.md"]
    assert [line for line in found.warnings if line.startswith("folder/: it is a link to a folder")]


def test_links_that_are_named_themselves_are_read(linked, tmp_path):
    inside, outside = linked
    assert ids(inside / "sub" / "leak.md") == ["leak.md"]
    assert ids(inside / "folder") == ["c.md", "secret.md"]
    (tmp_path / "way").symlink_to(inside)
    found = resolve([str(tmp_path / "way")])
    assert [item.doc_id for item in found.items] == ["a.md", "again.md", "sub/b.md"] and len(found.warnings) == 2


def test_a_folder_of_nothing_but_links_says_so(tmp_path):
    write(tmp_path, outside__a_md="a")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "a.md").symlink_to(tmp_path / "outside" / "a.md")
    with pytest.raises(SourceError, match="a.md: it is a link that leads out") as caught:
        resolve([str(tmp_path / "links")])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("rules", ["*", "**", "*.md\n"])
def test_an_ignore_file_that_leaves_nothing_is_named(tmp_path, rules):
    write(tmp_path, a_md="a", b__c_md="c")
    (tmp_path / ".ragwrightignore").write_text(rules)
    with pytest.raises(SourceError, match=r"holds no documents; its \.ragwrightignore leaves out every file"):
        resolve([str(tmp_path)])
    (tmp_path / ".ragwrightignore").write_text(f"{rules}\n!a.md\n")
    assert ids(tmp_path) == ["a.md"]
