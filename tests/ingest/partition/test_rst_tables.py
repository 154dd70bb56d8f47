import pytest

from ingest.partition.rst_tables import RstTable, read_table

GRID = """+-------+-------+
| Part  | Price |
+=======+=======+
| Belt  | 9     |
+-------+-------+
| Both of them  |
+-------+-------+"""
TALL = """+-------+-------+
| Part  | Price |
+=======+=======+
| Belt  | 9     |
|       +-------+
|       | 12    |
+-------+-------+"""
SIMPLE = """=====  =====
Part   Price
=====  =====
Belt   9
Lamp   12
=====  ====="""
LIST = """.. list-table:: Spare parts
   :header-rows: 1

   * - Part
     - Price
   * - Belt
     - 9"""
CSV = """.. csv-table:: Spare parts
   :header: "Part", "Price"

   "Belt, short", 9
   Lamp, 12"""


@pytest.mark.parametrize(
    ("source", "table"),
    [
        (GRID, RstTable("", (("Part", "Price"), ("Belt", "9"), ("Both of them", "Both of them")), 1)),
        (TALL, RstTable("", (("Part", "Price"), ("Belt", "9"), ("Belt", "12")), 1)),
        (SIMPLE, RstTable("", (("Part", "Price"), ("Belt", "9"), ("Lamp", "12")), 1)),
        (LIST, RstTable("Spare parts", (("Part", "Price"), ("Belt", "9")), 1)),
        (CSV, RstTable("Spare parts", (("Part", "Price"), ("Belt, short", "9"), ("Lamp", "12")), 1)),
    ],
    ids=["grid", "tall", "simple", "list", "csv"],
)
def test_tables_are_rows_of_cells(source: str, table: RstTable) -> None:
    assert read_table(source) == table


def test_a_table_is_one_line_a_row() -> None:
    found = read_table(SIMPLE)
    assert found and found.text == "Part | Price\nBelt | 9\nLamp | 12"


def test_wide_characters_take_two_columns() -> None:
    drawn = "+------+------+\n| 窯炉 | 九   |\n+------+------+\n| x    | y    |\n+------+------+"
    found = read_table(drawn)
    assert found and found.rows == (("窯炉", "九"), ("x", "y"))


@pytest.mark.parametrize("source", ["No table at all", "+-----+\n| cut |", ".. list-table:: Empty"])
def test_what_is_no_plain_table_is_none(source: str) -> None:
    assert read_table(source) is None
