from collections.abc import Sequence

from ingest.partition.pdf_page import Line, Row
from ingest.partition.pdf_tables import Table, aligned, near, table_rows, tables

LEFTS = (50, 200, 300)


def cell(text: str, left: float, top: float) -> Line:
    return Line(text, left, top, left + 5 * len(text), top + 10, 10, False)


def row(top: float, *texts: str, lefts: Sequence[float] = LEFTS) -> Row:
    return [cell(text, left, top) for text, left in zip(texts, lefts, strict=False) if text]


def grid(top: float, *rows: Sequence[str]) -> list[Row]:
    return [row(top + 14 * i, *texts) for i, texts in enumerate(rows)]


def shown(table: Table) -> list[str]:
    lines = [table.head, *table.body] if table.head else table.body
    return [" | ".join(" ".join(part.text for part in cells) for cells in line) for line in lines]


STOCK = (("Part", "Price", "Count"), ("Belt", "9.50", "3"), ("Lamp", "12.00", "40"), ("Valve", "7.25", "8"))


def test_rows_of_cells_below_each_other_are_a_table_and_prose_is_none() -> None:
    prose = [[cell("The pump is oiled every March and again in June.", 50, 20)]]
    rows = prose + grid(60, *STOCK) + [[cell("Prices are those of 2026 and hold until the end of the year.", 50, 200)]]
    assert table_rows(rows) == [False, True, True, True, True, False]


def test_a_label_between_rows_belongs_to_the_table() -> None:
    rows = [row(60, "Belt", "9.50", "3"), row(74, "Spare parts"), row(88, "Lamp", "12.00", "40")]
    assert table_rows(rows) == [True, True, True]


def test_the_head_names_the_columns() -> None:
    (table,) = tables(grid(60, *STOCK))
    assert shown(table) == [" | ".join(texts) for texts in STOCK]
    assert [" ".join(part.text for part in cells) for cells in table.head] == ["Part", "Price", "Count"]


def test_a_table_goes_on_at_the_top_of_the_next_page_below_the_same_columns() -> None:
    (first,) = tables(grid(600, *STOCK))
    (second,) = tables(grid(60, ("Seal", "1.25", "70"), ("Hose", "4.00", "12"), ("Gauge", "31.00", "2")))
    joined = second.going_on(first)
    assert joined is not None and [part.text for cells in joined.head for part in cells] == ["Part", "Price", "Count"]
    (other,) = tables(
        [row(60 + 14 * i, *texts, lefts=(90, 420)) for i, texts in enumerate((("a", "1"), ("b", "2"), ("c", "3")))]
    )
    assert other.going_on(first) is None


def test_rows_are_aligned_by_an_edge_or_a_middle_and_near_by_their_step() -> None:
    above, below = row(60, "Belt", "9.50"), row(74, "Lamp", "12.00")
    assert aligned(above, below) and near(above, below, 1.0)
    far = [cell("Lamp", 90, 74), cell("a text that stands elsewhere", 380, 74)]
    assert not aligned(above, far) and not near(above, row(200, "x", "y"), 4.0)
