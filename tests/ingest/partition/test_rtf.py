from pathlib import Path

import pytest

from ingest.partition.layout import Content
from ingest.partition.rtf import partition_rtf
from rag.errors import DocumentError


def read(folder: Path, body: str) -> Content:
    (folder / "a.rtf").write_text(r"{\rtf1\ansi\deff0" + body + "}")
    return partition_rtf(folder / "a.rtf")


def test_control_words_stay_out_and_characters_are_decoded(tmp_path: Path) -> None:
    body = r"{\fonttbl{\f0 Arial;}}\pard Gr\'f6\'dfe \b big\b0  \u8364?5 \{x\}\par Next.\par"
    assert read(tmp_path, body).text == "Größe big €5 {x}\n\nNext."


def test_headings_come_from_the_outline_and_the_style_sheet(tmp_path: Path) -> None:
    styles = r"{\stylesheet{\s1 heading 2;}}"
    content = read(tmp_path, styles + r"\pard\s1 Oil\par\pard\outlinelevel2 Deep\par\pard Text.\par")
    assert [(block.kind, block.level) for block in content.blocks] == [("heading", 2), ("heading", 3), ("paragraph", 0)]


def test_rows_are_a_table(tmp_path: Path) -> None:
    row = r"\trowd\cellx1000\cellx2000\intbl {0}\cell {1}\cell\row"
    body = "".join(row.replace("{0}", a).replace("{1}", b) for a, b in (("Part", "Price"), ("Belt", "9")))
    content = read(tmp_path, body + r"\pard After.\par")
    assert content.text == "Part | Price\nBelt | 9\n\nAfter."


def test_what_is_hidden_stays_out_and_a_link_has_its_address(tmp_path: Path) -> None:
    link = r'{\field{\*\fldinst HYPERLINK "https://example.org/x"}{\fldrslt the page}}'
    text = read(tmp_path, r"\pard {\v secret}See " + link + r".\par").text
    assert "secret" not in text and "the page" in text and "https://example.org/x" in text


def test_the_title_and_headers(tmp_path: Path) -> None:
    content = read(tmp_path, r"{\info{\title Pumps}}{\header\pard Internal\par}\pard Text.\par")
    assert content.title == "Pumps"
    assert [(block.kind, content.text[block.span.start : block.span.end]) for block in content.blocks] == [
        ("paragraph", "[header: Internal]"),
        ("paragraph", "Text."),
    ]


def test_groups_deeper_than_any_file_s_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError):
        read(tmp_path, "{" * 3000)
