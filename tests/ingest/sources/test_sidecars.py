import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.partition.layout import flat_metadata
from ingest.pipeline import IngestOptions, ingest
from ingest.sources import Reach, resolve
from ingest.sources.reading import read_document
from ingest.sources.sidecars import Beside
from rag.conditions import OneOf, matches
from rag.index.points import to_fields
from rag.settings import PartitionSettings
from tests.fakes import equal_to

FRONT = "---\ntitle: Mine\ntags: [own]\nowner: ann\n---\n# Head\n"


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "kb"
    (root / "hr" / "pay").mkdir(parents=True)
    (root / "_meta.yaml").write_text("acl: all, staff\nowner: nobody\n")
    (root / "hr" / "_meta.yaml").write_text("acl: [hr]\n")
    (root / "a.md").write_text("# A\n")
    (root / "hr" / "pay" / "b.md").write_text(FRONT)
    (root / "hr" / "pay" / "b.md.meta.yaml").write_text(
        "title: Pay grades\nuri: https://hr.example/pay\ntags: [pay, 2024]\nlanguage: en\npublished: 2024-05-01\n"
    )
    return root


def documents(source, reach=None):
    items = (reach or Reach()).brought(resolve([str(source)], reach).items, {})
    return {item.doc_id: read_document(item, PartitionSettings()) for item in items}


def hashes(source):
    return {item.doc_id: item.source_hash() for item in resolve([str(source)]).items}


def test_what_stands_beside_a_document_becomes_its_metadata(folder):
    found = documents(folder)
    assert set(found) == {"a.md", "hr/pay/b.md"}
    assert found["a.md"].metadata == {"acl": ("all", "staff"), "owner": "nobody", "format": "md"}
    inner = found["hr/pay/b.md"]
    assert (inner.title, inner.uri) == ("Pay grades", "https://hr.example/pay")
    assert inner.metadata == {
        "acl": ("hr",), "owner": "ann", "tags": ("pay", "2024"), "language": "en", "published": "2024-05-01",
        "format": "md",
    }  # fmt: skip
    assert {doc_id: document.source_hash for doc_id, document in found.items()} == hashes(folder)


def test_an_edit_beside_a_document_changes_its_hash_and_no_other(folder):
    before = hashes(folder)
    (folder / "hr" / "pay" / "b.md.meta.yaml").write_text("title: Pay\n")
    one = hashes(folder)
    assert one["hr/pay/b.md"] != before["hr/pay/b.md"] and one["a.md"] == before["a.md"]
    (folder / "hr" / "_meta.yaml").write_text("acl: [boss]  # a comment\n")
    two = hashes(folder)
    assert two["hr/pay/b.md"] != one["hr/pay/b.md"] and two["a.md"] == one["a.md"]
    (folder / "hr" / "_meta.yaml").write_text("acl:\n  - boss\n")
    assert hashes(folder) == two
    for name in ("_meta.yaml", "hr/_meta.yaml", "hr/pay/b.md.meta.yaml"):
        (folder / name).unlink()
    bare = resolve([str(folder)]).items
    assert all(item.beside == Beside() for item in bare)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("title: x\nacl: [hr\n", 3, "no YAML"),
        ("title: x\nnested:\n  a: 1\n", 3, "one value or a list"),
        ("a:\n - b\n - [c]\n", 3, "one value or a list"),
        ("- a\n", 1, "must hold fields"),
        ("just words", 1, "must hold fields"),
        (b"\xff\xfe\x00", 1, "no YAML"),
        ("day: 2024-99-99\n", 1, "no YAML"),
    ],
)
def test_a_broken_sidecar_fails_its_document_with_its_line(folder, text, line, reason):
    path = folder / "hr" / "pay" / "b.md.meta.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    good, bad = resolve([str(folder)]).items
    assert good.error is None and bad.doc_id == "hr/pay/b.md"
    assert f"hr/pay/b.md.meta.yaml:{line}: " in str(bad.error) and reason in str(bad.error)
    assert "\n" not in str(bad.error)


def test_a_broken_folder_file_fails_all_below_it(folder):
    (folder / "hr" / "_meta.yaml").write_text("title: no\n")
    good, bad = resolve([str(folder)]).items
    assert good.error is None and "'title' belongs to one document" in str(bad.error)


def test_a_sidecar_without_a_document_is_left_out_and_named(folder):
    (folder / "gone.md.meta.yaml").write_text("acl: x\n")
    found = resolve([str(folder)])
    assert [item.doc_id for item in found.items] == ["a.md", "hr/pay/b.md"]
    assert found.warnings == ["gone.md.meta.yaml: there is no document beside it, so it was left out"]


def test_files_globs_rows_and_archives_have_them_too(folder, tmp_path):
    assert documents(folder / "a.md")["a.md"].metadata["acl"] == ("all", "staff")
    assert documents(folder / "**" / "*.md")["hr/pay/b.md"].title == "Pay grades"
    (folder / "documents.jsonl").write_text('{"doc_id": "r", "text": "x", "tags": ["t", "u"], "acl": "me"}\n')
    row = documents(folder)["r"]
    assert row.metadata == {"tags": ("t", "u"), "acl": ("me",), "owner": "nobody"}
    with zipfile.ZipFile(folder / "old.zip", "w") as packed:
        packed.writestr("c.md", "# C")
        packed.writestr("c.md.meta.yaml", "title: Old C")
        packed.writestr("sub/_meta.yaml", "owner: sub")
        packed.writestr("sub/d.md", "# D")
        packed.writestr("e.md.meta.yaml", "title: no one")
    with Reach(spool=tmp_path / "spool") as reach:
        found = documents(folder, reach)
        assert found["old.zip/c.md"].title == "Old C" and found["old.zip/c.md"].metadata["owner"] == "nobody"
        assert found["old.zip/sub/d.md"].metadata == {"acl": ("all", "staff"), "owner": "sub", "format": "md"}
        assert "old.zip/e.md.meta.yaml" in resolve([str(folder)], reach).warnings[0]


def test_lists_stay_lists_and_tags_always_are():
    fields = {"tags": "a, b,,a", "acl": 7, "people": ["x", None, "x", " y "], "none": [], "n": {"a": 1}, "k=v": 1}
    assert flat_metadata(fields) == {"tags": ("a", "b"), "acl": ("7",), "people": ("x", "y"), "k_v": "1"}


VALUES = st.one_of(st.text(max_size=4), st.lists(st.text(max_size=4), max_size=3).map(tuple))


@given(st.dictionaries(st.sampled_from(["a", "b"]), VALUES), st.sampled_from(["a", "b"]), st.text(max_size=4))
def test_a_filter_matches_in_memory_as_the_keywords_of_an_index_do(metadata, key, value):
    assert matches(metadata, (OneOf(key, (value,)),)) == (f"{key}={value}" in to_fields(metadata))


def test_an_edited_sidecar_costs_its_document_and_filters_find_it(folder, runtime):
    def counts():
        report = ingest([str(folder)], "kb", runtime, IngestOptions())
        return report.added, report.changed, report.removed, report.unchanged, [x.doc_id for x in report.failed]

    assert counts() == (2, 0, 0, 0, [])
    assert counts() == (0, 0, 0, 2, [])
    (folder / "hr" / "pay" / "b.md.meta.yaml").write_text("tags: [raised]\n")
    runtime.embedder.texts.clear()
    assert counts() == (0, 1, 0, 1, [])
    assert not any("# A" in text for text in runtime.embedder.texts)
    live = runtime.catalogue.live("kb")
    (pk,) = runtime.catalogue.matching(live, equal_to(tags="raised", acl="hr"))
    assert runtime.catalogue.chunks([pk])[pk].metadata["tags"] == ("raised",)
    assert runtime.catalogue.matching(live, equal_to(acl="staff")).isdisjoint({pk})
    (folder / "hr" / "pay" / "b.md.meta.yaml").write_text("tags: [\n")
    assert counts() == (0, 0, 0, 2, ["hr/pay/b.md"])
