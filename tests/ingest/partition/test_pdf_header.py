from dataclasses import dataclass

from ingest.partition.pdf_header import spread
from ingest.partition.pdf_page import Line


@dataclass
class Column:
    left: float
    right: float


COLUMNS = [Column(100, 150), Column(200, 250), Column(300, 350), Column(400, 450)]


def line(text: str, middle: float, top: float) -> Line:
    half = 2.5 * len(text)
    return Line(text, middle - half, top, middle + half, top + 10, 10, False)


def head(*rows: list[Line], columns: list[Column] = COLUMNS) -> list[str]:
    cells = spread(rows, columns, lambda cell: cell.left < 50, lambda cell: cell.text.startswith("("))
    return [" ".join(part.text for part in cell) for cell in cells]


def test_one_row_names_its_columns_and_the_corner() -> None:
    row = [
        line("Site", 20, 0),
        *(line(name, middle, 0) for name, middle in (("A", 125), ("B", 225), ("C", 325), ("D", 425))),
    ]
    assert head(row) == ["Site", "A", "B", "C", "D"]


def test_a_name_over_two_columns_stands_in_both() -> None:
    years = [line("2024", 175, 0), line("2025", 375, 0)]
    kinds = [line(name, middle, 20) for name, middle in (("Plan", 125), ("Real", 225), ("Plan", 325), ("Real", 425))]
    assert head(years, kinds) == ["", "2024 Plan", "2024 Real", "2025 Plan", "2025 Real"]


def test_a_unit_and_what_spans_all_columns_go_into_the_corner() -> None:
    kinds = [line(name, middle, 40) for name, middle in (("A", 125), ("B", 225), ("C", 325), ("D", 425))]
    assert (
        head([line("Year ended June", 275, 0)], [line("(in millions)", 275, 20)], kinds)[0]
        == "Year ended June (in millions)"
    )


def test_a_name_on_two_lines_is_one_name() -> None:
    above = [line("Net", 125, 0)]
    below = [line("sales", 125, 11), line("Costs", 225, 11)]
    assert head(above, below, columns=COLUMNS[:2]) == ["", "Net sales", "Costs"]


def test_a_column_without_a_name_has_none_and_no_rows_make_no_head() -> None:
    assert head([line("A", 125, 0), line("C", 325, 0)], columns=COLUMNS[:3]) == ["", "A", "", "C"]
    assert head() == []
