from datetime import date
from pathlib import Path

import openpyxl
import pytest

from ingest.partition.layout import Content
from ingest.partition.xlsx import partition_xlsx
from rag.errors import DocumentError


@pytest.fixture
def book() -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    for row in (["Part", "Price", "Since"], ["Belt", 9.5, date(2026, 3, 1)], ["Lamp", 0.25, None]):
        book.active.append(row)
    book.active.title = "Stock"
    return book


def read(book: openpyxl.Workbook, folder: Path) -> Content:
    book.save(folder / "a.xlsx")
    return partition_xlsx(folder / "a.xlsx")


def test_each_visible_sheet_is_a_heading_and_its_tables(book: openpyxl.Workbook, tmp_path: Path) -> None:
    book.create_sheet("Hidden").append(["secret"])
    book["Hidden"].sheet_state = "hidden"
    book.create_sheet("Sites").append(["Oslo"])
    content = read(book, tmp_path)
    assert [block.headings[-1] for block in content.blocks if block.kind == "heading"] == ["Stock", "Sites"]
    assert "secret" not in content.text and "Part | Price | Since" in content.text


def test_values_are_shown_as_the_sheet_shows_them(book: openpyxl.Workbook, tmp_path: Path) -> None:
    book.active["B2"].number_format = '#,##0.00 "EUR"'
    book.active["B3"].number_format = "0%"
    text = read(book, tmp_path).text
    assert "9.50 EUR" in text and "25%" in text and "2026-03-01" in text


def test_a_merged_cell_stands_in_every_place_that_it_covers(book: openpyxl.Workbook, tmp_path: Path) -> None:
    book.active.append(["Both", "", "x"])
    book.active.merge_cells("A4:B4")
    assert "Both | Both | x" in read(book, tmp_path).text


def test_formulas_that_were_never_calculated_are_named(book: openpyxl.Workbook, tmp_path: Path) -> None:
    book.active["D2"] = "=B2*2"
    assert any("formula" in warning for warning in read(book, tmp_path).warnings)


def test_what_is_no_workbook_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"words")
    with pytest.raises(DocumentError):
        partition_xlsx(tmp_path / "a.xlsx")
