from pathlib import Path

import pytest

from ingest.partition.packages import OLE_SIGNATURE
from ingest.partition.sniffing import reader_of, refuse
from rag.errors import DocumentError
from tests.ingest.office import pack


@pytest.mark.parametrize(
    ("name", "data", "reader"),
    [
        ("a.doc", b"{\\rtf1 x}", "rtf:partition_rtf"),
        ("a.txt", b"{\\rtf1 x}", "rtf:partition_rtf"),
        ("a.xls", b"<html><table></table></html>", "web:partition_html"),
        ("a.xls", "\ufeff<table>".encode("utf-16-le"), "web:partition_html"),
        ("a.xls", b"a\tb\n1\t2\n", "delimited:partition_csv"),
        ("a.xls", b"<?xml version='1.0'?><Workbook/>", "xml_tree:partition_xml"),
        ("a.doc", b"Just words.", "plain:partition_text"),
        ("a.doc", b"MIME-Version: 1.0\nContent-Type: multipart/related\n\n", "mail:partition_mht"),
        ("a.txt", b"%PDF-1.7", "pdf:partition_pdf"),
        ("a.doc", OLE_SIGNATURE, "usual"),
        ("a.txt", b"<html>", "usual"),  # a text about HTML
        ("a.html", b"<p>x</p>", "usual"),
        ("a.unknown", b"%PDF-1.7", "usual"),
    ],
)
def test_the_first_bytes_decide(name: str, data: bytes, reader: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    assert reader_of(tmp_path / name, "usual") == reader


@pytest.mark.parametrize(
    ("members", "reader"),
    [
        ({"word/document.xml": ""}, "docx:partition_docx"),
        ({"xl\\workbook.xml": ""}, "xlsx:partition_xlsx"),
        ({"META-INF/container.xml": ""}, "epub:partition_epub"),
        ({"mimetype": "application/vnd.oasis.opendocument.text"}, "odt:partition_odt"),
        ({"anything": ""}, "usual"),
    ],
)
def test_a_package_is_told_by_its_main_part(members: dict[str, str], reader: str, tmp_path: Path) -> None:
    assert reader_of(pack(tmp_path / "a.doc", members), "usual") == reader


def test_a_lock_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "~$a.docx").write_bytes(b"x")
    with pytest.raises(DocumentError, match="lock file"):
        reader_of(tmp_path / "~$a.docx", "usual")


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.doc", OLE_SIGNATURE, "old binary format.*save it as .docx"),
        ("a.ODS", b"PK\x03\x04\x14\x00\x00\x00", ".ods file.*save it as .xlsx"),
    ],
)
def test_what_is_not_read_says_what_to_save_it_as(name: str, data: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DocumentError, match=said):
        refuse(tmp_path / name)
