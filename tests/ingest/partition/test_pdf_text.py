"""Words of a page with their place, size and weight, as pdfium tells them."""

from __future__ import annotations

from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

from ingest.partition.pdf_text import read_text_layer
from rag.errors import DocumentError

pytestmark = pytest.mark.filterwarnings("ignore")
WIDTH, HEIGHT = 600, 800


@pytest.fixture
def canvas(tmp_path: Path) -> Canvas:
    return Canvas(str(tmp_path / "a.pdf"), pagesize=(WIDTH, HEIGHT))


def put(canvas: Canvas, text: str, left: float, baseline: float, size: float = 10, font: str = "Helvetica") -> None:
    canvas.setFont(font, size)
    canvas.drawString(left, HEIGHT - baseline, text)


def test_words_have_their_place_size_and_weight(canvas: Canvas, tmp_path: Path) -> None:
    put(canvas, "Oil", 50, 100, 20, "Helvetica-Bold")
    put(canvas, "pump", 50, 200)
    canvas.save()
    layer = read_text_layer(tmp_path / "a.pdf")
    (page,) = layer.pages
    assert (layer.count, page.number, page.width, page.height) == (1, 1, WIDTH, HEIGHT)
    head, body = page.lines
    assert (head.text, round(head.size), head.bold) == ("Oil", 20, True)
    assert (body.text, round(body.size), body.bold) == ("pump", 10, False)
    assert abs(body.left - 50) < 2 and abs(body.baseline - 200) < 2


def test_a_page_with_text_in_two_directions_is_read_once_for_each(canvas: Canvas, tmp_path: Path) -> None:
    put(canvas, "Most of the text stands upright.", 50, 100)
    canvas.rotate(90)
    canvas.drawString(300, -560, "sideways")
    canvas.save()
    upright, sideways = read_text_layer(tmp_path / "a.pdf").pages
    assert "upright" in upright.lines[0].text and [line.text for line in sideways.lines] == ["sideways"]
    assert upright.turn != sideways.turn and upright.number == sideways.number == 1


def test_properties_and_pages_are_counted(canvas: Canvas, tmp_path: Path) -> None:
    canvas.setTitle("Handbook")
    for text in ("one", "two"):
        put(canvas, text, 50, 100)
        canvas.showPage()
    canvas.save()
    layer = read_text_layer(tmp_path / "a.pdf")
    assert layer.properties["Title"] == "Handbook" and layer.count == 2
    assert [page.number for page in layer.pages] == [1, 2]


def test_what_is_no_pdf_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.4 nothing")
    with pytest.raises(DocumentError):
        read_text_layer(tmp_path / "a.pdf")
