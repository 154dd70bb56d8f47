import pytest

from ingest.partition.sheets import sheet_pieces

STOCK = [["Part", "Price"], ["Belt", "9"], ["Lamp", "12"]]


def read(*rows: list[str]) -> list[tuple[str, str]]:
    return [(piece.kind, piece.text) for piece in sheet_pieces(rows)]


def test_lines_with_one_cell_above_a_table_are_text() -> None:
    assert read(["Stock of 2026", ""], ["Site", "Oslo"], *[[*row, "x"] for row in STOCK])[0] == (
        "paragraph",
        "Stock of 2026",
    )


def test_blank_rows_part_tables_or_only_space_one_out() -> None:
    table = ("table", "Part | Price\nBelt | 9\nLamp | 12")
    assert read(*STOCK, ["", ""], ["Site", "Head", "Since"], ["Oslo", "Ana", "2019"], ["Moss", "Bo", "2021"]) == [
        table,
        ("table", "Site | Head | Since\nOslo | Ana | 2019\nMoss | Bo | 2021"),
    ]
    assert read(STOCK[0], ["", ""], *STOCK[1:]) == [table]
    assert read(*STOCK, ["", ""], ["Valve", "7"]) == [("table", "Part | Price\nBelt | 9\nLamp | 12\nValve | 7")]


def test_columns_that_are_empty_are_left_out() -> None:
    assert read(*[[first, "", second, ""] for first, second in STOCK]) == [
        ("table", "Part | Price\nBelt | 9\nLamp | 12")
    ]


def test_names_that_span_columns_stand_in_each_of_them() -> None:
    rows = [["Site", "2026", "", "2027", ""], ["", "Plan", "Real", "Plan", "Real"], ["Oslo", "1", "2", "3", "4"]]
    ((kind, text),) = read(*rows)
    assert (kind, text.split("\n")[0]) == ("table", "Site | 2026 | 2026 | 2027 | 2027")


@pytest.mark.parametrize(
    ("rows", "kind"), [([["only"]], "paragraph"), ([["a"], ["b"], ["c"], ["d"], ["e"], ["f"]], "table")]
)
def test_one_cell_is_text_and_a_long_column_a_list(rows: list[list[str]], kind: str) -> None:
    assert [each for each, _ in read(*rows)] == [kind]


def test_line_breaks_in_cells_do_not_break_rows() -> None:
    assert read(["Part", "Note"], ["Belt", "fits\nboth"]) == [("table", "Part | Note\nBelt | fits both")]
    assert read() == []
