from pathlib import Path
from typing import Any

import pytest
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from ingest.partition.layout import Content
from ingest.partition.pptx import partition_pptx


@pytest.fixture
def deck() -> Any:
    return Presentation()


def read(deck: Any, folder: Path) -> Content:
    deck.save(folder / "a.pptx")
    return partition_pptx(folder / "a.pptx")


def box(slide: Any, text: str, left: float, top: float) -> None:
    slide.shapes.add_textbox(Inches(left), Inches(top), Inches(2), Inches(1)).text_frame.text = text


def test_a_slide_is_its_title_its_points_and_its_notes(deck: Any, tmp_path: Path) -> None:
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    slide.shapes.title.text = "Pumps"
    body = slide.placeholders[1].text_frame
    body.text = "Oil"
    below = body.add_paragraph()
    below.text, below.level = "in March", 1
    slide.notes_slide.notes_text_frame.text = "Say it twice."
    content = read(deck, tmp_path)
    assert [(block.kind, block.page) for block in content.blocks][0] == ("heading", 1)
    assert content.text.startswith("Pumps\n\nOil\n   - in March") and content.text.endswith("Say it twice.")


def test_boxes_are_read_from_top_to_bottom_and_left_to_right(deck: Any, tmp_path: Path) -> None:
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    for text, left, top in (("third", 1, 4), ("second", 5, 1), ("first", 1, 1)):
        box(slide, text, left, top)
    text = read(deck, tmp_path).text
    assert text.index("first") < text.index("second") < text.index("third")


def test_merged_cells_of_a_table_stand_in_every_place(deck: Any, tmp_path: Path) -> None:
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    table = slide.shapes.add_table(2, 3, 0, 0, Inches(4), Inches(2)).table
    table.cell(0, 0).merge(table.cell(0, 1))
    table.cell(0, 2).merge(table.cell(1, 2))
    for place, text in (((0, 0), "Both"), ((0, 2), "Tall"), ((1, 0), "a"), ((1, 1), "b")):
        table.cell(*place).text = text
    assert read(deck, tmp_path).text == "Both | Both | Tall\na | b | Tall"


def test_a_chart_is_a_table_of_its_data(deck: Any, tmp_path: Path) -> None:
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    data = CategoryChartData()
    data.categories = ["North", "South"]
    data.add_series("2025", (3, None))
    data.add_series("2026", (4.5, 6))
    slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, Inches(4), Inches(3), data)
    text = read(deck, tmp_path).text
    assert "2025 | 2026" in text and "North | 3" in text and "4.5" in text
