import hashlib
import json
from pathlib import Path

import pytest

from ingest.sources.items import RowPlace, SourceFailure, SourceItem, Sources, failing, is_hidden, is_text, shown
from rag.errors import DocumentError


def test_a_file_is_hashed_and_named_by_its_address(tmp_path: Path) -> None:
    (tmp_path / "a b.md").write_bytes(b"words")
    item = SourceItem("a b.md", tmp_path / "a b.md")
    assert item.source_hash() == hashlib.sha256(b"words").hexdigest()
    assert item.uri == (tmp_path / "a b.md").as_uri() and item.uri.endswith("a%20b.md")
    assert SourceItem("x", tmp_path, address="https://example.org/x").uri == "https://example.org/x"
    with pytest.raises(DocumentError, match="cannot be read"):
        SourceItem("none", tmp_path / "none").source_hash()


def test_a_row_is_read_where_it_stands_with_its_numbers_as_written(tmp_path: Path) -> None:
    rows = [b'{"doc_id": "a", "price": 1.10}\n', b'{"doc_id": "b", "price": 2.0}\n']
    path = tmp_path / "documents.jsonl"
    path.write_bytes(b"".join(rows))
    place = RowPlace(len(rows[0]), len(rows[1]), 2)
    item = SourceItem("b", path, place, hashlib.sha256(rows[1]).hexdigest())
    assert item.read_row()["doc_id"] == "b" and str(item.read_row()["price"]) == "2.0"
    assert item.uri.endswith("documents.jsonl#L2")
    path.write_bytes(json.dumps({"doc_id": "c"}).encode() * 9)
    with pytest.raises(DocumentError, match="changed while it was ingested"):
        item.read_row()
    with pytest.raises(DocumentError, match="not a row"):
        SourceItem("b", path).read_row()


def test_what_cannot_be_read_says_why_when_it_is_asked_for() -> None:
    item = failing("bad\udcff.md", "its name is no text")
    assert item.doc_id == "bad\\udcff.md"
    with pytest.raises(DocumentError, match="its name is no text"):
        item.source_hash()


def test_what_was_found_adds_up() -> None:
    one, two = Sources([SourceItem("a", Path("a"))], warnings=["w"]), Sources(failures=[SourceFailure("f", "broken")])
    two.skipped["png"] += 2
    one.add(two)
    assert one.count == 2 and one.warnings == ["w"] and one.skipped == {"png": 2}


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        ("a.md", False),
        (".git/config", True),
        ("a/.x/b", True),
        ("~$a.docx", True),
        ("__MACOSX/a", True),
        ("./a", False),
    ],
)
def test_what_systems_leave_beside_documents_is_hidden(name: str, hidden: bool) -> None:
    assert is_hidden(name) is hidden


def test_a_name_that_is_no_text_can_be_shown() -> None:
    assert is_text("größe") and not is_text("a\udc80")
    assert shown("größe") == "größe" and shown("a\udc80").isascii()
