import zipfile
from pathlib import Path

import pytest

from ingest.partition.packages import OLE_SIGNATURE, open_package, parse_xml, plain_package
from rag.errors import DocumentError
from tests.ingest.office import pack


def test_members_are_read_by_name_also_where_windows_wrote_it(tmp_path: Path) -> None:
    with open_package(pack(tmp_path / "a.docx", {"word\\document.xml": "<a/>", "b.txt": "x"})) as package:
        assert package.names == {"word/document.xml", "b.txt"}
        assert package.xml("word/document.xml").tag == "a" and package.read("b.txt") == b"x"
        assert package.optional_xml("none.xml") is None
        with pytest.raises(DocumentError, match="'none.xml' is missing"):
            package.read("none.xml")
        with pytest.raises(DocumentError, match="'b.txt' is no XML"):
            package.xml("b.txt")


def test_a_library_gets_the_file_or_a_copy_with_plain_names(tmp_path: Path) -> None:
    for name, members in (("a.zip", {"x/y": "1"}), ("b.zip", {"x\\y": "1"})):
        with plain_package(pack(tmp_path / name, members)) as file, zipfile.ZipFile(file) as archive:
            assert archive.namelist() == ["x/y"]


@pytest.mark.parametrize(
    ("data", "said"), [(OLE_SIGNATURE + bytes(600), "encrypted or of the old"), (b"words", "no .docx")]
)
def test_what_is_no_package_says_what_it_is(data: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_bytes(data)
    with pytest.raises(DocumentError, match=said), open_package(tmp_path / "a.docx"):
        pass


def test_a_package_that_unpacks_to_far_more_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.docx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(20 * 2**20))
    with pytest.raises(DocumentError, match="zip bomb"), open_package(tmp_path / "a.docx"):
        pass


def test_a_damaged_member_is_named(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.docx", {"a.xml": "<a>" + "x" * 300 + "</a>"})
    data = path.read_bytes()
    path.write_bytes(data.replace(b"x" * 300, b"y" * 300))
    with open_package(path) as package, pytest.raises(DocumentError, match=r"'a.xml' is damaged"):
        package.read("a.xml")


def test_entities_are_refused_and_never_expanded() -> None:
    with pytest.raises(DocumentError, match="declares XML entities"):
        parse_xml(b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "a.xml")
    assert parse_xml(b"<!DOCTYPE a><a>b</a>", "a.xml").text == "b"
