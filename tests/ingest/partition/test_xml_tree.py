from pathlib import Path

import pytest

from ingest.partition.layout import Content
from ingest.partition.xml_tree import partition_xml
from rag.errors import DocumentError


def read(folder: Path, text: str) -> Content:
    (folder / "a.xml").write_text(text)
    return partition_xml(folder / "a.xml")


def shown(content: Content) -> list[tuple[str, str]]:
    return [(block.kind, content.text[block.span.start : block.span.end]) for block in content.blocks]


def test_a_document_is_headings_paragraphs_lists_and_code(tmp_path: Path) -> None:
    content = read(
        tmp_path,
        "<article><title>Pumps</title><para>Oil <emphasis>it</emphasis>.</para><section><title>Parts</title>"
        "<itemizedlist><listitem><para>belt</para></listitem></itemizedlist><screen>a\n  b</screen></section>"
        "</article>",
    )
    assert shown(content) == [
        ("heading", "Pumps"),
        ("paragraph", "Oil it."),
        ("heading", "Parts"),
        ("list_item", "belt"),
        ("code", "a\n  b"),
    ]
    assert [block.level for block in content.blocks if block.kind == "heading"] == [1, 2]


def test_data_is_lines_and_tables(tmp_path: Path) -> None:
    rows = (f"<part><name>{name}</name><price>{price}</price></part>" for name, price in (("belt", 9), ("lamp", 12)))
    content = read(tmp_path, f'<stock site="Oslo">{"".join(rows)}</stock>')
    assert ("list_item", "site: Oslo") in shown(content)
    assert any(kind == "table" and "belt | 9" in text and "lamp | 12" in text for kind, text in shown(content))


def test_comments_and_instructions_stay_out(tmp_path: Path) -> None:
    content = read(tmp_path, "<?xml version='1.0'?><?style x?><a><!-- secret --><b>kept</b></a>")
    assert "kept" in content.text and "secret" not in content.text and "style" not in content.text


def test_markup_inside_a_feed_s_text_is_no_text(tmp_path: Path) -> None:
    words = "&lt;p&gt;Oil &lt;b&gt;it&lt;/b&gt;&lt;/p&gt;"
    text = read(tmp_path, f"<rss><item><title>A</title><description>{words}</description></item></rss>").text
    assert "<p>" not in text and "Oil it" in text


@pytest.mark.parametrize("text", ["<a>", "words", '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'])
def test_what_is_no_sound_xml_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(DocumentError):
        read(tmp_path, text)
