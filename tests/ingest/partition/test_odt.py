from pathlib import Path

import pytest

from ingest.partition.layout import Content
from ingest.partition.odt import partition_odt
from rag.errors import DocumentError
from tests.ingest.office import odt, odt_style


def read(folder: Path, body: str, styles: str = "", **members: str) -> Content:
    return partition_odt(odt(folder, body, styles, **members))


def test_headings_lists_and_tables(tmp_path: Path) -> None:
    cells = "".join(f"<table:table-cell><text:p>{text}</text:p></table:table-cell>" for text in ("a", "b"))
    content = read(
        tmp_path,
        '<text:h text:outline-level="2">Oil</text:h><text:list><text:list-item><text:p>belt</text:p></text:list-item>'
        f"</text:list><table:table><table:table-row>{cells}</table:table-row></table:table>",
    )
    shown = [(block.kind, content.text[block.span.start : block.span.end]) for block in content.blocks]
    assert shown == [("heading", "Oil"), ("list_item", "belt"), ("table", "a | b")]


def test_tracked_deletions_stay_out_and_notes_stand_below(tmp_path: Path) -> None:
    region = "<text:changed-region><text:deletion><text:p>gone</text:p></text:deletion></text:changed-region>"
    deleted = f"<text:tracked-changes>{region}</text:tracked-changes>"
    body = "<text:note-body><text:p>In March.</text:p></text:note-body>"
    note = f"<text:note><text:note-citation>1</text:note-citation>{body}</text:note>"
    content = read(tmp_path, f"{deleted}<text:p>Oil it{note}.</text:p>")
    first, below = content.text.split("\n\n")
    assert first.startswith("Oil it[^1]") and below.endswith("In March.") and "gone" not in content.text


def test_blanks_tabs_and_line_breaks_are_elements(tmp_path: Path) -> None:
    body = '<text:p>a<text:s text:c="2"/>b<text:tab/>c<text:line-break/>d</text:p>'
    assert read(tmp_path, body).text.split() == ["a", "b", "c", "d"]


def test_raised_text_is_written_as_such(tmp_path: Path) -> None:
    style = odt_style("up", 'style:text-position="super 58%"')
    assert (
        read(tmp_path, '<text:p>10<text:span text:style-name="up">6</text:span> CFU</text:p>', style).text == "10^6 CFU"
    )


def test_properties_give_the_title_and_metadata(tmp_path: Path) -> None:
    meta = (
        '<office:document-meta xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><office:meta><dc:title>Pumps</dc:title></office:meta>'
        "</office:document-meta>"
    )
    content = read(tmp_path, "<text:p>a</text:p>", **{"meta.xml": meta})
    assert content.title == "Pumps"


def test_a_password_is_named(tmp_path: Path) -> None:
    manifest = (
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"><manifest:file-entry '
        'manifest:full-path="content.xml"><manifest:encryption-data/></manifest:file-entry></manifest:manifest>'
    )
    with pytest.raises(DocumentError, match="password"):
        read(tmp_path, "<text:p>a</text:p>", **{"META-INF__manifest.xml": manifest})
