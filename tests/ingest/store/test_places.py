from pathlib import Path

import pytest

from ingest.sources import SourceItem, SourceKey
from ingest.sources.items import RowPlace
from ingest.store.places import base_of, base_of_location, came_from, from_elsewhere, holds, place, wider


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "docs" / "sub").mkdir(parents=True)
    (tmp_path / "docs" / "sub" / "a.md").write_text("words")
    return tmp_path / "docs"


def file(folder: Path, doc_id: str = "sub/a.md") -> SourceItem:
    return SourceItem(doc_id, folder / "sub" / "a.md")


def test_a_folder_holds_what_it_would_list_under_that_id(folder: Path) -> None:
    assert holds(SourceKey(str(folder)), file(folder))
    assert holds(SourceKey(str(folder / "sub" / "a.md")), file(folder, "a.md"))
    assert holds(SourceKey(f"{folder}/**/*.md"), file(folder))
    assert not holds(SourceKey(str(folder / "sub")), file(folder))
    assert not holds(SourceKey(str(folder), "legal"), file(folder))
    assert holds(SourceKey(str(folder), "legal"), file(folder, "legal/sub/a.md"))


def test_rows_belong_to_whoever_lists_their_file(folder: Path) -> None:
    row = SourceItem("r1", folder / "documents.jsonl", RowPlace(0, 9, 1))
    assert holds(SourceKey(str(folder)), row) and not holds(SourceKey(str(folder / "sub")), row)


def test_a_folder_is_wider_than_a_glob_and_a_glob_than_a_file(folder: Path) -> None:
    whole, glob, one = SourceKey(str(folder)), SourceKey(f"{folder}/**/*.md"), SourceKey(str(folder / "sub" / "a.md"))
    item = file(folder)
    assert wider(one, glob, item) == glob and wider(glob, whole, item) == whole == wider(whole, one, item)
    assert wider(whole, SourceKey(str(folder), "p"), item) == whole, "the first where they are alike"


def test_bytes_are_in_one_place_however_they_are_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert place(file(folder)) == place(SourceItem("x", tmp_path / "link" / "sub" / "a.md"))
    member = SourceItem("m", folder / "a.zip", address=f"{(folder / 'a.zip').as_uri()}#x%20y.md")
    assert place(member) == f"{folder / 'a.zip'}/x y.md"
    assert place(SourceItem("s", Path(), address="memory:///b/c")) == place(
        SourceItem("s", Path(), address="memory://b/c")
    )


@pytest.mark.parametrize(
    ("uri", "name", "base"),
    [
        ("file:///d/sub/a.md", "sub/a.md", "file:///d/"),
        ("file:///d/a%20b.md", "a b.md", "file:///d/"),
        ("file:///d/x.zip#m/a.md", "m/a.md", "file:///d/x.zip/"),
        ("file:///d/documents.jsonl#L3", "r1", "file:///d/documents.jsonl"),
        ("s3://bucket/docs/a.md", "a.md", "s3://bucket/docs/"),
        ("https://example.org/a", "a", None),
        ("file:///d/other.md", "a.md", None),
    ],
)
def test_where_a_listing_began(uri: str, name: str, base: str | None) -> None:
    assert base_of(uri, name) == base


def test_a_document_came_from_a_folder_or_from_below_it(folder: Path) -> None:
    base = base_of_location(str(folder))
    assert base == f"file://{folder}/" and base_of_location("s3://bucket") is None
    assert base is not None and came_from((folder / "a.md").as_uri(), "a.md", {base})
    assert came_from(f"file://{folder}/documents.jsonl#L3", "r1", {base})
    assert not came_from("file:///elsewhere/a.md", "a.md", {base})


def test_a_document_of_nobody_is_another_one_while_its_file_is_there(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("x")
    assert from_elsewhere((tmp_path / "other.md").as_uri(), file(folder))
    assert not from_elsewhere((folder / "sub" / "a.md").as_uri(), file(folder))
    assert not from_elsewhere((tmp_path / "gone.md").as_uri(), file(folder))
    assert not from_elsewhere("", file(folder)) and not from_elsewhere("https://example.org/a", file(folder))
