import io

import openpyxl
import pytest
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.styles import Font

from ingest.partition.xlsx_looks import (
    inline_texts,
    link_targets,
    place,
    rich_text,
    struck,
    struck_styles,
    with_address,
)


@pytest.mark.parametrize(
    ("reference", "at"), [("A1", (0, 0)), ("$B$12", (11, 1)), ("AA3:AB9", (2, 26)), ("", (-1, -1)), ("x", (-1, -1))]
)
def test_the_place_of_a_reference(reference: str, at: tuple[int, int]) -> None:
    assert place(reference) == at


def test_letters_of_different_looks_are_written_as_such() -> None:
    value = CellRichText("10", TextBlock(InlineFont(vertAlign="superscript"), "6"), " CFU")
    assert rich_text(value) == "10^6 CFU"
    value = CellRichText("for ", TextBlock(InlineFont(strike=True), "24"), " months")
    assert rich_text(value) == "for ~~24~~ months"


def test_a_cell_that_is_struck_out_as_a_whole() -> None:
    book = openpyxl.Workbook()
    book.active["A1"], book.active["A2"] = "old", "new"
    book.active["A1"].font = Font(strike=True)
    book.save(saved := io.BytesIO())
    book = openpyxl.load_workbook(saved)
    styles = struck_styles(book)
    assert book.active["A1"].style_id in styles and book.active["A2"].style_id not in styles
    assert struck("old") == "~~old~~"


def test_texts_that_stand_in_the_sheet_itself() -> None:
    cells = (
        '<c r="B2" t="inlineStr"><is><r><t>10</t></r><r><rPr><vertAlign val="superscript"/></rPr><t>6</t></r></is></c>'
    )
    sheet = f'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row>{cells}</row></sheetData></worksheet>'
    assert inline_texts(sheet.encode(), "sheet1.xml") == {(1, 1): "10^6"}


def test_targets_of_links_are_those_of_relations_and_formulas() -> None:
    sheet = (
        b'<c r="A1"><f>HYPERLINK("https://example.org/a?b=1&amp;c=2","page")</f></c>'
        b'<hyperlinks><hyperlink ref="B2" r:id="rId1"/><hyperlink ref="C3" location="Sheet2!A1"/></hyperlinks>'
    )
    assert link_targets(sheet, {"rId1": "https://example.org/x"}) == {
        (0, 0): "https://example.org/a?b=1&c=2",
        (1, 1): "https://example.org/x",
    }
    assert "https://example.org/x" in with_address("the page", "https://example.org/x")
    assert with_address("https://example.org/x", "https://example.org/x").count("example") == 1
