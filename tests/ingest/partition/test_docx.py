"""Word documents from the few lines of XML that a test is about."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.partition.docx import partition_docx
from ingest.partition.layout import Content
from rag.errors import DocumentError
from tests.ingest.office import docx, pack, run

REFERENCE = '<w:r><w:footnoteReference w:id="2"/></w:r>'
NOTE = f'<w:footnote w:id="2"><w:p>{run("Only in March.")}</w:p></w:footnote>'


def read(folder: Path, *paragraphs: str, **parts: str) -> Content:
    return partition_docx(docx(folder, paragraphs, **parts))


def test_tracked_changes_count_as_accepted(tmp_path: Path) -> None:
    changed = f"{run('The pump ')}<w:del>{run('is old')}</w:del><w:ins>{run('was replaced')}</w:ins>{run('.')}"
    assert read(tmp_path, changed).text == "The pump was replaced."


def test_a_note_stands_below_the_paragraph_with_its_mark(tmp_path: Path) -> None:
    found = read(tmp_path, run("Oil it") + REFERENCE, run("Next."), footnotes=NOTE)
    first, note, last = found.text.split("\n\n")
    assert first.startswith("Oil it[^") and note.endswith("Only in March.") and last == "Next."


def test_a_field_shows_the_words_of_its_link_and_where_it_leads(tmp_path: Path) -> None:
    def char(kind: str) -> str:
        return f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>'

    code = '<w:r><w:instrText> HYPERLINK "https://example.org/manual" </w:instrText></w:r>'
    linked = f"{char('begin')}{code}{char('separate')}{run('the manual')}{char('end')}"
    text = read(tmp_path, run("See ") + linked + run(".")).text
    assert "the manual" in text and "https://example.org/manual" in text and "HYPERLINK" not in text


def test_tabs_breaks_and_hyphens_that_do_not_break(tmp_path: Path) -> None:
    marks = "<w:r><w:t>TB</w:t><w:noBreakHyphen/><w:t>8</w:t><w:tab/><w:t>a</w:t><w:br/><w:t>b</w:t></w:r>"
    assert read(tmp_path, marks).text.split() == ["TB-8", "a", "b"]


def test_a_heading_and_a_table_in_its_section(tmp_path: Path) -> None:
    styles = '<w:style w:type="paragraph" w:styleId="H"><w:name w:val="heading 2"/></w:style>'
    cells = "".join(f"<w:tc><w:p>{run(text)}</w:p></w:tc>" for text in ("Part", "Price"))
    table = f"<w:tbl><w:tr>{cells}</w:tr><w:tr>{cells.replace('Part', 'Belt').replace('Price', '9')}</w:tr></w:tbl>"
    heading = f'<w:pPr><w:pStyle w:val="H"/></w:pPr>{run("Prices")}'
    content = read(tmp_path, f"{heading}</w:p>{table}<w:p>", styles=styles)
    assert [(block.kind, block.level, block.headings) for block in content.blocks] == [
        ("heading", 2, ("Prices",)),
        ("table", 0, ("Prices",)),
    ]
    assert content.text.endswith("Part | Price\nBelt | 9")


def test_a_package_without_its_main_part_is_named(tmp_path: Path) -> None:
    with pytest.raises(DocumentError):
        partition_docx(pack(tmp_path / "a.docx", {"word/styles.xml": "<x/>"}))
