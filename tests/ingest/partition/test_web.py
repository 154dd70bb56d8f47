from pathlib import Path

import pytest

from ingest.partition.web import decode_html, html_pieces, page_content, partition_html

PROSE = "The pump is oiled every March and again in June by two people who know it well. " * 5


def test_the_frame_is_left_out_and_the_content_stays() -> None:
    page = f"<nav>Home | Shop</nav><main><h1>Pump</h1><p>{PROSE}</p></main><footer>© us</footer>"
    content = page_content(f"<html><head><title>Shop - Pump</title></head><body>{page}</body></html>")
    assert content.text == f"Pump\n\n{PROSE.strip()}" and content.title == "Shop - Pump"


def test_html_without_a_frame_keeps_all(tmp_path: Path) -> None:
    assert [piece.text for piece in html_pieces("<nav>Home</nav><p>Text.</p>")][-1] == "Text."
    (tmp_path / "a.html").write_text("<p>Text.</p>")
    assert partition_html(tmp_path / "a.html").text == "Text."


@pytest.mark.parametrize(
    ("data", "text", "warned"),
    [
        ("\ufeff<p>Größe</p>".encode(), "<p>Größe</p>", False),
        ('<meta charset="iso-8859-1"><p>Größe</p>'.encode("latin-1"), "Größe", False),
        (
            '<meta http-equiv="Content-Type" content="text/html; charset=shift_jis"><p>窯</p>'.encode("shift_jis"),
            "窯",
            False,
        ),
        ('<?xml version="1.0" encoding="utf-16"?><p>x</p>'.encode("utf-16"), "<p>x</p>", False),
        ('<meta charset="no-such"><p>Größe</p>'.encode(), "Größe", False),
    ],
)
def test_the_encoding_is_the_mark_s_the_page_s_or_a_guess(data: bytes, text: str, warned: bool) -> None:
    found, warnings = decode_html(data)
    assert text in found and (not warnings or warned or "no-such" in str(data))


def test_xhtml_is_read_as_xml_where_a_tag_may_end_itself() -> None:
    xhtml = (
        '<html xmlns="http://www.w3.org/1999/xhtml"><body><h1><a id="x"/>Oil</h1><p>Caf&eacute; text.</p></body></html>'
    )
    assert page_content(xhtml).text == "Oil\n\nCafé text."
